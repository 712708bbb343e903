//! Stored elements to f32.

use super::{StoredTensor, TensorType};
use crate::tensor::{BlockVisitor, GROUP, QuantBlock, widen_half};

/// Widens whole blocks. `bytes` and `values` must be of the same number of elements. The result is the same, bit for bit,
/// whatever instructions the CPU has: nothing is fused.
pub fn dequantize(tensor_type: TensorType, bytes: &[u8], values: &mut [f32]) {
    assert_eq!(tensor_type.bytes_of(values.len()), Some(bytes.len()), "whole blocks of {tensor_type}");
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the line above asked this CPU for AVX2.
        unsafe { dequantize_avx2(tensor_type, bytes, values) };
        return;
    }
    dequantize_anywhere(tensor_type, bytes, values);
}

/// The same code for the compiler to vectorise with wider registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dequantize_avx2(tensor_type: TensorType, bytes: &[u8], values: &mut [f32]) {
    dequantize_anywhere(tensor_type, bytes, values);
}

#[inline(always)]
fn dequantize_anywhere(tensor_type: TensorType, bytes: &[u8], values: &mut [f32]) {
    match tensor_type {
        TensorType::F32 => each::<4>(bytes, values, f32::from_le_bytes),
        TensorType::F16 => each::<2>(bytes, values, widen_half),
        TensorType::BF16 => each::<2>(bytes, values, widen_bfloat),
        TensorType::Q8_0 | TensorType::Q4_0 | TensorType::Q4K | TensorType::Q5K | TensorType::Q6K => {
            if let Some(format) = tensor_type.quant_format() {
                format.visit(bytes, Rounded(values));
            }
        }
    }
}

/// A whole tensor in f32.
pub fn whole(tensor: &StoredTensor<'_>) -> Vec<f32> {
    let mut values = vec![0.0; tensor.elements()];
    dequantize(tensor.tensor_type, tensor.bytes, &mut values);
    values
}

/// A bf16 is the upper half of an f32.
#[inline(always)]
pub fn widen_bfloat(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

#[inline(always)]
fn each<const N: usize>(bytes: &[u8], values: &mut [f32], widen: impl Fn([u8; N]) -> f32) {
    for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *value = widen(*bytes);
    }
}

struct Rounded<'a>(&'a mut [f32]);

impl BlockVisitor for Rounded<'_> {
    type Output = ();

    #[inline(always)]
    fn visit<B: QuantBlock>(self, blocks: &[B]) {
        let (groups, _) = self.0.as_chunks_mut::<GROUP>();
        for (block, groups) in blocks.iter().zip(groups.chunks_exact_mut(B::GROUPS)) {
            for (group, values) in groups.iter_mut().enumerate() {
                *values = block.group(group).rounded();
            }
        }
    }
}

//! Stored elements to f32. Block layouts and formulas are those of ggml's `ggml-common.h` and `dequantize_row_*` in
//! `ggml-quants.c`, <https://github.com/ggml-org/ggml>; golden vectors of the `gguf` package pin them down.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::tensor_type::SUPER_BLOCK;
use super::{StoredTensor, TensorType};

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
        TensorType::F16 => match bytemuck::try_cast_slice::<u8, f16>(bytes) {
            // `half` asks for the CPU's conversion once per slice.
            Ok(halves) if cfg!(target_endian = "little") => halves.convert_to_f32_slice(values),
            _ => each::<2>(bytes, values, |bytes| f16::from_le_bytes(bytes).to_f32()),
        },
        TensorType::BF16 => {
            each::<2>(bytes, values, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16));
        }
        TensorType::Q8_0 => blocks(bytes, values, q8_0),
        TensorType::Q4_0 => blocks(bytes, values, q4_0),
        TensorType::Q4K => blocks(bytes, values, q4_k),
        TensorType::Q5K => blocks(bytes, values, q5_k),
        TensorType::Q6K => blocks(bytes, values, q6_k),
    }
}

/// A whole tensor in f32.
pub fn whole(tensor: &StoredTensor<'_>) -> Vec<f32> {
    let mut values = vec![0.0; tensor.elements()];
    dequantize(tensor.tensor_type, tensor.bytes, &mut values);
    values
}

#[inline(always)]
fn each<const N: usize>(bytes: &[u8], values: &mut [f32], widen: impl Fn([u8; N]) -> f32) {
    for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *value = widen(*bytes);
    }
}

#[inline(always)]
fn blocks<const BYTES: usize, const ELEMENTS: usize>(
    bytes: &[u8],
    values: &mut [f32],
    block: impl Fn(&[u8; BYTES], &mut [f32; ELEMENTS]),
) {
    for (bytes, values) in bytes.as_chunks::<BYTES>().0.iter().zip(values.as_chunks_mut::<ELEMENTS>().0) {
        block(bytes, values);
    }
}

#[inline(always)]
fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// Scale, then 32 signed bytes.
#[inline(always)]
fn q8_0(block: &[u8; 34], values: &mut [f32; 32]) {
    let scale = half_at(block, 0);
    for (value, code) in values.iter_mut().zip(&block[2..]) {
        *value = f32::from(*code as i8) * scale;
    }
}

/// Scale, then 16 bytes: low halves are the first 16 elements, high halves the others, both less 8.
#[inline(always)]
fn q4_0(block: &[u8; 18], values: &mut [f32; 32]) {
    let scale = half_at(block, 0);
    let (low, high) = values.split_at_mut(16);
    for ((low, high), code) in low.iter_mut().zip(high).zip(&block[2..]) {
        *low = f32::from((code & 15) as i8 - 8) * scale;
        *high = f32::from((code >> 4) as i8 - 8) * scale;
    }
}

/// Scale and minimum of one of 8 groups: 6 bits each, the high bits of the last 4 groups packed above the first 4
/// (`get_scale_min_k4`).
#[inline(always)]
fn scale_and_minimum(packed: &[u8], group: usize) -> (f32, f32) {
    let (scale, minimum) = if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let shared = packed[group + 4];
        ((shared & 15) | ((packed[group - 4] >> 6) << 4), (shared >> 4) | ((packed[group] >> 6) << 4))
    };
    (f32::from(scale), f32::from(minimum))
}

/// Two scales of scales, 12 bytes of group scales, then 128 bytes: 64 elements to each 32 of them, low halves first.
#[inline(always)]
fn q4_k(block: &[u8; 144], values: &mut [f32; SUPER_BLOCK]) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    let (packed, codes) = (&block[4..16], &block[16..]);
    for (group, values) in values.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (group_scale, group_minimum) = scale_and_minimum(packed, group);
        let (step, offset) = (scale * group_scale, minimum * group_minimum);
        let codes = &codes[group / 2 * 32..][..32];
        let shift = group % 2 * 4;
        for (value, code) in values.iter_mut().zip(codes) {
            *value = step * f32::from((code >> shift) & 15) - offset;
        }
    }
}

/// As Q4_K, with a fifth bit for every element: bit `group` of one of 32 bytes.
#[inline(always)]
fn q5_k(block: &[u8; 176], values: &mut [f32; SUPER_BLOCK]) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    let (packed, high, codes) = (&block[4..16], &block[16..48], &block[48..]);
    for (group, values) in values.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (group_scale, group_minimum) = scale_and_minimum(packed, group);
        let (step, offset) = (scale * group_scale, minimum * group_minimum);
        let codes = &codes[group / 2 * 32..][..32];
        let shift = group % 2 * 4;
        for ((value, code), high) in values.iter_mut().zip(codes).zip(high) {
            let fifth = (high >> group) & 1;
            *value = step * f32::from(((code >> shift) & 15) | (fifth << 4)) - offset;
        }
    }
}

/// 128 bytes of low halves, 64 of two high bits, 16 signed scales of 16 elements each, then the scale of scales.
/// Each half of a block is 4 groups of 32: low halves of 64 bytes, then their high halves.
#[inline(always)]
fn q6_k(block: &[u8; 210], values: &mut [f32; SUPER_BLOCK]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = half_at(block, 208);
    for (group, values) in values.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (part, group_of_part) = (group / 4, group % 4);
        let low = &low[part * 64 + group_of_part % 2 * 32..][..32];
        let high = &high[part * 32..][..32];
        let (low_shift, high_shift) = (group_of_part / 2 * 4, group_of_part * 2);
        let steps = [0, 1].map(|half| scale * f32::from(scales[group * 2 + half] as i8));
        for (at, ((value, low), high)) in values.iter_mut().zip(low).zip(high).enumerate() {
            let code = ((low >> low_shift) & 15) | (((high >> high_shift) & 3) << 4);
            *value = steps[at / 16] * f32::from(code as i8 - 32);
        }
    }
}

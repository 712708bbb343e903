//! Stored tensors to device memory, as numbers of the compute type.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;

use crate::backend::{BackendError, Buffer, Device};
use crate::engine::model_file::{StoredTensor, TensorType, dequantize};
use crate::tensor::DType;

/// Elements on their way at a time: 64 MiB of f32.
const PIECE: usize = 16 << 20;

/// Elements that one task converts; whole blocks of every stored type.
const TASK: usize = 1 << 16;

/// Whether the stored bytes are numbers of that type already.
fn is_stored_as(stored: TensorType, dtype: DType) -> bool {
    matches!(
        (stored, dtype),
        (TensorType::F32, DType::F32) | (TensorType::F16, DType::F16) | (TensorType::BF16, DType::BF16)
    ) && cfg!(target_endian = "little")
}

/// Widens a tensor to f32 and rounds it once to `dtype`, to byte `offset` on.
pub fn upload_widened(
    device: &dyn Device,
    buffer: &Buffer,
    offset: usize,
    tensor: &StoredTensor<'_>,
    dtype: DType,
) -> Result<(), BackendError> {
    if is_stored_as(tensor.tensor_type, dtype) {
        return device.upload(buffer, offset, tensor.bytes);
    }
    let stored = |elements| tensor.tensor_type.bytes_of(elements).expect("tasks are whole blocks");
    let mut offset = offset;
    let mut converted = Vec::new();
    for piece in tensor.bytes.chunks(stored(PIECE)) {
        let elements = piece.len() / tensor.tensor_type.block_bytes() * tensor.tensor_type.block_elements();
        converted.resize(elements * dtype.size(), 0);
        let tasks = converted.par_chunks_mut(TASK * dtype.size()).zip(piece.par_chunks(stored(TASK)));
        tasks.for_each_init(Vec::new, |values, (converted, stored)| {
            values.resize(converted.len() / dtype.size(), 0.0);
            dequantize(tensor.tensor_type, stored, values);
            round(values, dtype, converted);
        });
        device.upload(buffer, offset, &converted)?;
        offset += converted.len();
    }
    Ok(())
}

/// Rounds each value once, to nearest even.
fn round(values: &[f32], dtype: DType, bytes: &mut [u8]) {
    match dtype {
        DType::F16 => {
            let mut halves = vec![f16::ZERO; values.len()];
            halves.convert_from_f32_slice(values);
            copy(&halves, bytes, |half| half.to_le_bytes());
        }
        DType::BF16 => {
            let mut halves = vec![bf16::ZERO; values.len()];
            halves.convert_from_f32_slice(values);
            copy(&halves, bytes, |half| half.to_le_bytes());
        }
        DType::F32 | DType::U32 => copy(values, bytes, f32::to_le_bytes),
    }
}

fn copy<T: Copy, const N: usize>(values: &[T], bytes: &mut [u8], encode: impl Fn(T) -> [u8; N]) {
    for (value, bytes) in values.iter().zip(bytes.as_chunks_mut::<N>().0) {
        *bytes = encode(*value);
    }
}

/// Reads numbers of `dtype` back as f32, exactly.
pub fn widen(bytes: &[u8], dtype: DType) -> Vec<f32> {
    let tensor_type = match dtype {
        DType::F32 | DType::U32 => TensorType::F32,
        DType::F16 => TensorType::F16,
        DType::BF16 => TensorType::BF16,
    };
    let mut values = vec![0.0; bytes.len() / dtype.size()];
    dequantize(tensor_type, bytes, &mut values);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_to_nearest_even_once() {
        // Between 256 and 258 for bf16; between 2048 and 2050 for f16.
        for (value, dtype, rounded) in
            [(257.0, DType::BF16, 256.0), (2049.0, DType::F16, 2048.0), (0.1, DType::F32, 0.1)]
        {
            let mut bytes = vec![0; dtype.size()];
            round(&[value], dtype, &mut bytes);
            assert_eq!(widen(&bytes, dtype), [rounded], "{dtype}");
        }
    }
}

//! Matrices in device memory: several stored ones over each other, so that one product makes all their outputs.

use crate::backend::{Buffer, Device};
use crate::engine::model_file::{StoredTensor, TensorType};
use crate::tensor::{DType, QuantFormat};

use super::DeviceModelError;
use super::upload::upload_widened;

/// Rows of one kind: numbers in the compute type, or quantised blocks as they are stored.
pub struct MatrixPart {
    /// `None` for numbers.
    pub format: Option<QuantFormat>,
    /// Of the whole matrix.
    pub first_row: usize,
    pub rows: usize,
    pub buffer: Buffer,
}

/// A matrix `[rows, columns]`.
pub struct DeviceMatrix {
    pub rows: usize,
    pub columns: usize,
    pub parts: Vec<MatrixPart>,
}

/// The block format that a stored type is kept in; `None` for numbers, which are kept in the compute type.
pub fn kept_format(stored: TensorType) -> Option<QuantFormat> {
    stored.quant_format()
}

/// Device bytes of one stored tensor as a part of a matrix.
pub fn kept_bytes(tensor: &StoredTensor<'_>, dtype: DType) -> u64 {
    match kept_format(tensor.tensor_type) {
        Some(_) => tensor.bytes.len() as u64,
        None => (tensor.elements() * dtype.size()) as u64,
    }
}

impl DeviceMatrix {
    /// Puts stored matrices of equal width over each other. Neighbours of one kind share a part.
    pub fn upload(
        device: &dyn Device,
        label: &str,
        stored: &[StoredTensor<'_>],
        dtype: DType,
    ) -> Result<Self, DeviceModelError> {
        let columns = stored[0].shape[1];
        let (mut parts, mut first_row): (Vec<MatrixPart>, usize) = (Vec::new(), 0);
        for of_kind in stored.chunk_by(|a, b| kept_format(a.tensor_type) == kept_format(b.tensor_type)) {
            let bytes: u64 = of_kind.iter().map(|tensor| kept_bytes(tensor, dtype)).sum();
            let buffer = device.allocate(bytes as usize, label)?;
            let (mut offset, mut rows) = (0, 0);
            for tensor in of_kind {
                match kept_format(tensor.tensor_type) {
                    Some(_) => device.upload(&buffer, offset, tensor.bytes)?,
                    None => upload_widened(device, &buffer, offset, tensor, dtype)?,
                }
                offset += kept_bytes(tensor, dtype) as usize;
                rows += tensor.shape[0];
            }
            let format = kept_format(of_kind[0].tensor_type);
            parts.push(MatrixPart { format, first_row, rows, buffer });
            first_row += rows;
        }
        Ok(Self { rows: first_row, columns, parts })
    }

    /// A matrix of numbers that are in device memory already.
    pub fn of_numbers(buffer: Buffer, rows: usize, columns: usize) -> Self {
        Self { rows, columns, parts: vec![MatrixPart { format: None, first_row: 0, rows, buffer }] }
    }

    /// The one buffer of a matrix that is all numbers.
    pub fn numbers(&self) -> Option<&Buffer> {
        match &self.parts[..] {
            [part] if part.format.is_none() => Some(&part.buffer),
            _ => None,
        }
    }
}

impl MatrixPart {
    /// Bytes from a row to the next.
    pub fn row_bytes(&self, columns: usize, dtype: DType) -> usize {
        self.format.map_or(columns * dtype.size(), |format| format.row_bytes(columns))
    }
}

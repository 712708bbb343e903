//! A row-major matrix in host memory, with a row stride and, for very tall tensors, repeated rows.

use super::DType;

/// A `[rows, columns]` tensor in host memory.
///
/// Only `distinct_rows` rows are stored: logical row `r` is stored row `r % distinct_rows`. That keeps
/// tensors with more than 2^31 elements checkable without as much host memory and reference work.
/// Stored rows lie `row_stride` elements apart; the padding between them is part of `bytes`.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    dtype: DType,
    rows: usize,
    columns: usize,
    row_stride: usize,
    distinct_rows: usize,
    bytes: Vec<u8>,
}

impl HostTensor {
    /// A zeroed tensor with every row stored and no padding.
    pub fn zeros(dtype: DType, rows: usize, columns: usize) -> Self {
        Self::with_layout(dtype, rows, columns, columns, rows)
    }

    /// A zeroed tensor. `row_stride` is in elements and at least `columns`; `distinct_rows` is clamped to
    /// `1..=rows` (0 when `rows` is 0).
    pub fn with_layout(dtype: DType, rows: usize, columns: usize, row_stride: usize, distinct_rows: usize) -> Self {
        assert!(row_stride >= columns, "row stride {row_stride} is less than {columns} columns");
        let distinct_rows = distinct_rows.clamp(rows.min(1), rows);
        let bytes = vec![0; distinct_rows * row_stride * dtype.size()];
        Self { dtype, rows, columns, row_stride, distinct_rows, bytes }
    }

    /// A tensor over `values`, row by row, each rounded once to `dtype`.
    pub fn from_f64(dtype: DType, rows: usize, columns: usize, values: &[f64]) -> Self {
        assert_eq!(values.len(), rows * columns, "one value per element");
        let mut tensor = Self::zeros(dtype, rows, columns);
        for (bytes, value) in tensor.bytes.chunks_exact_mut(dtype.size()).zip(values) {
            dtype.encode(*value, bytes);
        }
        tensor
    }

    pub fn dtype(&self) -> DType {
        self.dtype
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Distance between stored rows, in elements.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// How many rows are stored; see the type's documentation.
    pub fn distinct_rows(&self) -> usize {
        self.distinct_rows
    }

    /// The stored rows, padding included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The bytes of logical row `row`, without padding.
    pub fn row_bytes(&self, row: usize) -> &[u8] {
        let start = self.row_start(row);
        &self.bytes[start..start + self.columns * self.dtype.size()]
    }

    /// Mutable bytes of logical row `row`, without padding.
    pub fn row_bytes_mut(&mut self, row: usize) -> &mut [u8] {
        let start = self.row_start(row);
        let end = start + self.columns * self.dtype.size();
        &mut self.bytes[start..end]
    }

    fn row_start(&self, row: usize) -> usize {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        (row % self.distinct_rows) * self.row_stride * self.dtype.size()
    }

    /// One element, widened exactly.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        let size = self.dtype.size();
        self.dtype.decode(&self.row_bytes(row)[column * size..(column + 1) * size])
    }

    /// Stores one element, rounded once.
    pub fn set(&mut self, row: usize, column: usize, value: f64) {
        let dtype = self.dtype;
        let size = dtype.size();
        dtype.encode(value, &mut self.row_bytes_mut(row)[column * size..(column + 1) * size]);
    }

    /// A whole logical row, widened exactly.
    pub fn row_f64(&self, row: usize) -> Vec<f64> {
        self.row_bytes(row).chunks_exact(self.dtype.size()).map(|bytes| self.dtype.decode(bytes)).collect()
    }

    /// A whole logical row of a `U32` tensor.
    pub fn row_u32(&self, row: usize) -> Vec<u32> {
        assert_eq!(self.dtype, DType::U32);
        self.row_bytes(row)
            .chunks_exact(4)
            .map(|bytes| u32::from_le_bytes(bytes.try_into().expect("4 bytes")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_rows_read_from_the_stored_period() {
        let mut tensor = HostTensor::with_layout(DType::BF16, 5, 3, 4, 2);
        tensor.set(1, 2, 1.5);
        assert_eq!(tensor.bytes().len(), 2 * 4 * 2);
        assert_eq!(tensor.get(3, 2), 1.5);
        assert_eq!(tensor.get(4, 2), 0.0);
    }
}

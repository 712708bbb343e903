//! A tensor where it lies in a model's file.

use super::TensorType;

/// A tensor as stored: its bytes are those of the mapped file.
#[derive(Clone, Copy, Debug)]
pub struct StoredTensor<'a> {
    pub name: &'a str,
    pub tensor_type: TensorType,
    /// Outermost dimension first: a matrix is `[rows, columns]`, and a row's elements are contiguous.
    pub shape: &'a [usize],
    pub bytes: &'a [u8],
}

impl StoredTensor<'_> {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The stored elements `first..first + count` of a row of a matrix. Both must be whole blocks.
    ///
    /// # Panics
    /// If they are not, or not in the matrix.
    pub fn columns(&self, row: usize, first: usize, count: usize) -> &[u8] {
        let bytes = |elements| self.tensor_type.bytes_of(elements).expect("whole blocks");
        let row_bytes = bytes(self.shape[1]);
        &self.bytes[row * row_bytes..][..row_bytes][bytes(first)..][..bytes(count)]
    }
}

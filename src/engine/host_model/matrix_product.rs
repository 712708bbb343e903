//! Products of matrices that lie in slices, by the `gemm` crate, which chooses instructions at run time.

/// A matrix in a slice: element (row, column) lies at `row * row_stride + column * column_stride`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows that lie `row_stride` elements apart.
    pub fn new(values: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        check(values.len(), rows, columns, row_stride);
        Self { values, rows, columns, row_stride, column_stride: 1 }
    }

    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

fn check(length: usize, rows: usize, columns: usize, row_stride: usize) {
    assert!(rows > 0 && columns > 0 && row_stride >= columns, "{rows} x {columns} in rows of {row_stride}");
    assert!((rows - 1) * row_stride + columns <= length, "{rows} x {columns} in rows of {row_stride} of {length}");
}

/// `destination = scale * left * right`; the destination is row after row without gaps.
pub fn multiply(destination: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, scale: f32) {
    assert_eq!(left.columns, right.rows, "inner dimensions");
    check(destination.len(), left.rows, right.columns, right.columns);
    // SAFETY: `check` has seen every element of the three matrices inside its slice (`Matrix` values are made by `new`
    // and turned by `transposed` alone), the destination is borrowed mutably, so it overlaps neither operand, and no
    // two of its elements share a place. `gemm` reads no destination because `read_dst` is false.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            destination.as_mut_ptr(),
            1,
            right.columns as isize,
            false,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            0.0f32,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_and_transposes_are_kept_apart() {
        // [1 2; 3 4] with a gap, times the transpose of [1 0; 2 1].
        let left = Matrix::new(&[1.0, 2.0, 9.0, 3.0, 4.0], 2, 2, 3);
        let right = Matrix::new(&[1.0, 0.0, 2.0, 1.0], 2, 2, 2);
        let mut product = [f32::NAN; 4];
        multiply(&mut product, left, right.transposed(), 2.0);
        assert_eq!(product, [2.0, 8.0, 6.0, 20.0]);
        multiply(&mut product, left, right, 1.0);
        assert_eq!(product, [5.0, 2.0, 11.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "2 x 3 in rows of 3 of 5")]
    fn a_matrix_beyond_its_slice_is_refused() {
        Matrix::new(&[0.0; 5], 2, 3, 3);
    }
}

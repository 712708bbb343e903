//! The shape of a product.

use std::fmt;

use crate::backend::BackendError;

/// Storage of all three matrices of a product. Sums are taken in f32 whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatrixElement {
    F32,
    F16,
    Bf16,
}

impl MatrixElement {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

/// `y = x W^T`: x `[rows, columns]`, W `[outputs, columns]`, y `[rows, outputs]`, all row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatrixProductShape {
    pub element: MatrixElement,
    pub rows: usize,
    pub outputs: usize,
    pub columns: usize,
    /// Elements from a row to the next, at least the row's own.
    pub x_stride: usize,
    pub weight_stride: usize,
    pub y_stride: usize,
    /// What the addresses of all three matrices are multiples of, in bytes. Libraries choose fewer algorithms, or wrong
    /// ones, for less than 16.
    pub alignment: usize,
}

/// What every allocation of a device is aligned to, in bytes.
const WHOLE_BUFFER_ALIGNMENT: usize = 256;

impl MatrixProductShape {
    /// A product of matrices without padding, each at the start of a buffer.
    pub fn contiguous(element: MatrixElement, rows: usize, outputs: usize, columns: usize) -> Self {
        Self {
            element,
            rows,
            outputs,
            columns,
            x_stride: columns,
            weight_stride: columns,
            y_stride: outputs,
            alignment: WHOLE_BUFFER_ALIGNMENT,
        }
    }

    /// Bytes from the first to the last element of x, of W and of y.
    pub fn spans(&self) -> [usize; 3] {
        let span = |rows: usize, columns: usize, stride: usize| {
            let elements = rows.saturating_sub(1).saturating_mul(stride).saturating_add(columns);
            elements.saturating_mul(self.element.size())
        };
        [
            span(self.rows, self.columns, self.x_stride),
            span(self.outputs, self.columns, self.weight_stride),
            span(self.rows, self.outputs, self.y_stride),
        ]
    }

    /// Refuses what is no product.
    pub fn check(&self) -> Result<(), BackendError> {
        let invalid =
            |problem: &str| Err(BackendError::InvalidUse { call: "prepare", problem: format!("{self}: {problem}") });
        if self.rows == 0 || self.outputs == 0 || self.columns == 0 {
            return invalid("a matrix without elements");
        }
        if self.x_stride < self.columns || self.weight_stride < self.columns || self.y_stride < self.outputs {
            return invalid("a stride is shorter than its row");
        }
        if self.spans().iter().any(|bytes| *bytes > isize::MAX as usize) {
            return invalid("larger than any memory");
        }
        match self.alignment {
            alignment if alignment.is_power_of_two() && alignment >= self.element.size() => Ok(()),
            _ => invalid("the alignment is no power of two, or less than an element"),
        }
    }
}

impl fmt::Display for MatrixProductShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, outputs, columns, x_stride, weight_stride, y_stride, alignment, .. } = self;
        write!(formatter, "{} [{rows}, {columns}] x [{outputs}, {columns}]^T", self.element.name())?;
        write!(formatter, ", row strides {x_stride}, {weight_stride}, {y_stride}, aligned to {alignment} bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_end_with_the_last_element_and_not_with_its_padding() {
        let shape = MatrixProductShape {
            x_stride: 40,
            weight_stride: 48,
            y_stride: 7,
            ..MatrixProductShape::contiguous(MatrixElement::Bf16, 3, 5, 32)
        };
        assert_eq!(shape.spans(), [2 * (2 * 40 + 32), 2 * (4 * 48 + 32), 2 * (2 * 7 + 5)]);
        assert!(shape.check().is_ok());
        assert_eq!(shape.to_string(), "bf16 [3, 32] x [5, 32]^T, row strides 40, 48, 7, aligned to 256 bytes");
    }

    #[test]
    fn what_is_no_product_is_refused() {
        let whole = MatrixProductShape::contiguous(MatrixElement::F32, 3, 5, 32);
        let wrong = [
            MatrixProductShape { rows: 0, ..whole },
            MatrixProductShape { columns: 0, ..whole },
            MatrixProductShape { weight_stride: 31, ..whole },
            MatrixProductShape { y_stride: 4, ..whole },
            MatrixProductShape { alignment: 0, ..whole },
            MatrixProductShape { alignment: 2, ..whole },
            MatrixProductShape { alignment: 24, ..whole },
            MatrixProductShape { x_stride: usize::MAX / 2, ..whole },
        ];
        for shape in wrong {
            assert!(matches!(shape.check(), Err(BackendError::InvalidUse { .. })), "{shape}");
        }
    }
}

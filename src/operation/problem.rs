//! One problem of an operation: dtype, shape, parameters and memory layout.

use serde::{Deserialize, Serialize};

use crate::tensor::DType;

use super::Parameters;

/// How tensors lie in memory. The default is contiguous, aligned, out of place, every row distinct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// Elements between the end of a row and the start of the next.
    pub row_padding: usize,
    /// Elements between an aligned address and a tensor's first element.
    pub base_offset: usize,
    /// Whether the output overwrites the input, where the operation allows it.
    pub in_place: bool,
    /// Stored rows that repeat over a tall tensor; 0 means that every row is distinct.
    pub distinct_rows: usize,
}

impl Layout {
    /// The parts that differ from the default, as they stand in a case id: `pad=3`, `offset=1`.
    pub fn id_parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if self.row_padding != 0 {
            parts.push(format!("pad={}", self.row_padding));
        }
        if self.base_offset != 0 {
            parts.push(format!("offset={}", self.base_offset));
        }
        if self.in_place {
            parts.push("in_place".to_string());
        }
        if self.distinct_rows != 0 {
            parts.push(format!("distinct={}", self.distinct_rows));
        }
        parts
    }
}

/// One problem: what an operation is asked to do, without the input values.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub dtype: DType,
    /// Tokens, or sequences in a batch.
    pub rows: usize,
    /// Hidden size, intermediate size or vocabulary.
    pub columns: usize,
    pub parameters: Parameters,
    pub layout: Layout,
}

impl Problem {
    /// Stored rows of a tensor with this problem's rows.
    pub fn distinct_rows(&self) -> usize {
        match self.layout.distinct_rows {
            0 => self.rows,
            distinct => distinct.min(self.rows),
        }
    }

    pub fn row_stride(&self, columns: usize) -> usize {
        columns + self.layout.row_padding
    }
}

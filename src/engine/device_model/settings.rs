//! How a model is to run on a device.

use crate::engine::Capacity;
use crate::tensor::DType;

/// Rows that go through the layers together: enough for every multiprocessor of a large GPU, and 300 MB of activations
/// for an 8B model.
const MOST_ROWS: usize = 2048;

/// Which of a vendor library's algorithms makes a product. A choice by time may differ from run to run, and with it the last bits
/// of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProductChoice {
    /// The one that the library ranks first.
    #[default]
    Ranked,
    /// The fastest of those that it ranks highest, timed when a shape is first met: some milliseconds for each.
    Timed,
}

/// Type, room, and how prompts are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Type of activations, of the cache, and of weights that are not quantised: f32, f16 or bf16.
    pub compute: DType,
    pub capacity: Capacity,
    /// Tokens of all prompts together that go through the layers at a time; longer prompts go in pieces.
    pub most_rows: usize,
    pub products: ProductChoice,
}

impl Settings {
    /// The usual pieces, and products as the library ranks them.
    pub fn new(compute: DType, capacity: Capacity) -> Self {
        Self { compute, capacity, most_rows: MOST_ROWS, products: ProductChoice::Ranked }
    }
}

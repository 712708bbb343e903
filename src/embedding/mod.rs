//! From token ids to the rows of the embedding table.

mod lookup;

pub use lookup::Embedding;

//! GGUF versions 2 and 3, little-endian. <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>

mod cursor;
mod file;
#[cfg(test)]
mod file_tests;
mod metadata;
mod metadata_value;
mod parse_metadata;
mod parse_tensors;
mod shards;
#[cfg(test)]
mod writer;

pub use file::GgufFile;
pub use metadata::Metadata;
pub use metadata_value::{MetadataArray, MetadataValue};

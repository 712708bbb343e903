//! Reading models: GGUF files and Hugging Face directories. Nothing in a file is believed before it is checked against
//! the file's own length.

mod error;
mod gguf;
mod stored_tensor;
mod tensor_type;

pub use error::ModelFileError;
pub use gguf::{GgufFile, Metadata, MetadataArray, MetadataValue};
pub use stored_tensor::StoredTensor;
pub use tensor_type::TensorType;

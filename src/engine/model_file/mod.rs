//! Reading models: GGUF files and Hugging Face directories. Nothing in a file is believed before it is checked against
//! the file's own length.

mod assemble;
mod dequantize;
mod error;
mod gguf;
mod gguf_config;
mod hugging_face;
mod mapped_file;
mod model_config;
mod model_weights;
mod opened_model;
mod rope;
mod stored_tensor;
mod tensor_type;
mod weight_role;

pub(super) use assemble::assemble_weights;
pub use dequantize::{dequantize, widen_bfloat};
pub use error::ModelFileError;
pub use gguf::{GgufFile, Metadata, MetadataArray, MetadataValue};
pub use hugging_face::HuggingFaceDirectory;
pub use model_config::{Architecture, ModelConfig};
pub use model_weights::{LayerWeights, ModelWeights};
pub use opened_model::{Container, ModelFile};
pub use rope::{Rope, RopePairing, RopeScaling};
pub use stored_tensor::StoredTensor;
pub use tensor_type::TensorType;
pub(super) use weight_role::Naming;

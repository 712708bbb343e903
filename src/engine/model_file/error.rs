//! What is wrong with a model's files, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::TensorType;

/// A model that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    #[error("cannot read {}: {source}; give a .gguf file or a directory with config.json and safetensors", path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("{} is no GGUF file: it starts with {found:02x?}, not with the letters GGUF; give a model in GGUF", path.display())]
    NotGguf { path: PathBuf, found: Vec<u8> },

    #[error("{} is GGUF version {found}; versions 2 and 3 are read; convert the model again with a current llama.cpp", path.display())]
    Version { path: PathBuf, found: u32 },

    #[error("{} is a big-endian GGUF file; convert it with gguf-convert-endian", path.display())]
    BigEndian { path: PathBuf },

    /// `place` is a byte offset or a name inside the file.
    #[error("{} is damaged or cut short: {place}: {problem}; download or convert it again", path.display())]
    Damaged { path: PathBuf, place: String, problem: String },

    #[error(
        "{}: tensor `{tensor}` is stored as {found}; {} are read; quantise the model to one of them",
        path.display(),
        TensorType::names()
    )]
    UnsupportedTensorType { path: PathBuf, tensor: String, found: String },

    #[error("{}: {problem}; keep all parts in one folder under the names that llama-gguf-split gave them", path.display())]
    Shards { path: PathBuf, problem: String },

    #[error("{}: `{key}` is {found}, not {wanted}; convert the model again", path.display())]
    WrongType { path: PathBuf, key: String, found: &'static str, wanted: &'static str },

    /// Something that a model may have and that would change what it says, were it left out.
    #[error("{}: {what} is {found}; supported: {supported}", path.display())]
    Unsupported { path: PathBuf, what: String, found: String, supported: String },

    #[error("{}: {what} is missing; convert or download the model again", path.display())]
    Missing { path: PathBuf, what: String },

    #[error("{}: {problem}; convert or download the model again", path.display())]
    Inconsistent { path: PathBuf, problem: String },

    #[error("{}: tensor `{tensor}` is {found:?}, but the configuration asks for {wanted:?}; convert the model again", path.display())]
    Shape { path: PathBuf, tensor: String, found: Vec<usize>, wanted: Vec<usize> },
}

//! What is wrong with a tokenizer or with what it was given, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::pre_tokenizer_table::known_names;
use crate::engine::model_file::ModelFileError;

/// A tokenizer that cannot be made, or a text, id or template it cannot handle.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error(
        "cannot read {}: {source}; give a GGUF file, a tokenizer.json or the directory that holds one",
        path.display()
    )]
    Unreadable { path: PathBuf, source: io::Error },

    #[error(transparent)]
    ModelFile(#[from] ModelFileError),

    #[error("{}: {problem}; save it again with transformers' save_pretrained", path.display())]
    HuggingFace { path: PathBuf, problem: String },

    #[error(
        "{}: the decoder is {found}; supported are ByteLevel (Llama 3, Qwen, GPT-2) and the sequence Replace, \
         ByteFallback, Fuse, Strip (Llama 2, Mistral); use the model's GGUF file, or a model of those families",
        path.display()
    )]
    UnsupportedDecoder { path: PathBuf, found: String },

    #[error(
        "tokenizer.ggml.model is `{found}`; supported are `llama` (SentencePiece) and `gpt2` (byte-level BPE); \
         use the model's tokenizer.json"
    )]
    UnsupportedModel { found: String },

    #[error(
        "tokenizer.ggml.pre is `{found}`, which would split words in an unknown way; known are {}; use the model's \
         tokenizer.json",
        known_names()
    )]
    UnsupportedPreTokenizer { found: String },

    #[error("the vocabulary is no good: {key}: {problem}; convert the model again")]
    Vocabulary { key: &'static str, problem: String },

    #[error("token id {id} is not in the vocabulary of {size} tokens; ids go from 0 to {}", size.saturating_sub(1))]
    UnknownId { id: u32, size: usize },

    #[error(
        "the text is not UTF-8 at byte {at}, and tokenizer.json encodes characters; clean it up, or use the model's \
         GGUF file, which encodes any bytes"
    )]
    NotUtf8 { at: usize },

    #[error(
        "the vocabulary has no token for byte 0x{byte:02X} and no unknown token, so the text cannot be encoded; \
             the model file lacks part of its tokenizer: convert it again"
    )]
    NoTokenForByte { byte: u8 },

    #[error(
        "the text has {run} white-space characters in a row, and with a tokenizer.json more than {most} would be split \
         wrongly; use the model's GGUF file, or shorten them"
    )]
    LongWhiteSpace { run: usize, most: usize },

    #[error("the tokenizer failed on the text: {problem}")]
    Encode { problem: String },

    #[error("the model has no chat template; encode the text without one")]
    NoChatTemplate,

    #[error("the chat template is no good: {problem}; give the messages it expects, or encode the text without it")]
    ChatTemplate { problem: String },
}

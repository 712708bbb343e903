//! The readers of models and tokenizers.

#[path = "../../src/engine/model_file/mod.rs"]
pub mod model_file;
#[path = "../../src/engine/tokenizer/mod.rs"]
pub mod tokenizer;

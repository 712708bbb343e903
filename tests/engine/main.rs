//! Models and tokenizers against transformers and tokenizers.

mod host_engine;
mod host_model;
mod model_files;
mod tokenizer_golden;
mod tokenizer_properties;

//! Models and tokenizers against transformers, llama.cpp and tokenizers.

mod counting_device;
mod device_model;
mod device_path;
mod fuzz_seeds;
mod host_engine;
mod host_matrix_library;
mod host_model;
mod llama_cpp_logits;
mod model_files;
mod model_fixtures;
mod tokenizer_golden;
mod tokenizer_properties;

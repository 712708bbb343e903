//! A directory as Hugging Face's `save_pretrained` writes it: config.json, safetensors in one file or several.

mod config;
mod directory;
mod json_object;
mod rope_config;
mod safetensors_file;

pub use directory::HuggingFaceDirectory;

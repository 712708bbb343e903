//! Text to token ids and back: from `tokenizer.json` through the crate `tokenizers`, and from the metadata of a GGUF file
//! alone; chat templates.

mod byte_letters;
mod byte_pair;
mod chat_template;
mod encoded;
mod error;
mod gguf_vocabulary;
mod hugging_face;
mod hugging_face_files;
mod merge;
mod model_tokenizer;
mod pieces;
mod pre_tokenizer;
mod pre_tokenizer_table;
mod python_json;
mod sentence_piece;
mod special_tokens;
mod text_stream;

pub use chat_template::{Chat, ChatTemplate};
pub use encoded::{EncodeOptions, Token};
pub use error::TokenizerError;
pub use gguf_vocabulary::{GgufVocabulary, TokenType};
pub use model_tokenizer::Tokenizer;
pub use text_stream::{SpecialText, TextStream};

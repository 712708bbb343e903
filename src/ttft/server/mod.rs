//! Time to first token of an OpenAI-compatible server, as its clients see it.

mod answer;
mod client;
mod error;
mod event_stream;
mod measure;
mod prompt;

#[cfg(test)]
mod client_tests;

pub use answer::Answer;
pub use client::{Endpoint, Server, ServerOptions};
pub use error::ServerError;
pub use measure::{ServerRow, measure_server, server_notes};
pub use prompt::{PromptForm, ServerPrompt, server_prompt};

//! Why a request was not measured.

use std::io;
use std::time::Duration;

use super::server::ServerError;
use crate::engine::EngineError;
use crate::engine::tokenizer::TokenizerError;

/// A measurement of TTFT that failed.
#[derive(Debug, thiserror::Error)]
pub enum TtftError {
    #[error(transparent)]
    Engine(#[from] EngineError),

    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),

    #[error(transparent)]
    Server(#[from] ServerError),

    #[error("the process of {request} did not start: {source}; is {program} a hipgauge that can be run?")]
    NotStarted { request: String, program: String, source: io::Error },

    #[error("the process of {request} {ending}{said}; run the same request alone with --mode and --prompt-len")]
    Ended { request: String, ending: String, said: String },

    #[error(
        "the process of {request} took longer than {timeout:?} and hung {place}: it was killed; give more with \
         --request-timeout, or run the same request alone with --mode and --prompt-len.{said}"
    )]
    Hung { request: String, timeout: Duration, place: String, said: String },

    #[error("keeping what was measured failed: {0}; free space, or choose another --out")]
    Sink(#[from] io::Error),
}

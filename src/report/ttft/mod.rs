//! The run directory of a measurement of time to first token.

mod record;
mod ttft_directory;

pub use record::{CheckRecord, EngineRecord, ModelRecord, TtftRecord};
pub use ttft_directory::{
    TTFT_DECODE, TTFT_FIT, TTFT_OPERATIONS, TTFT_REQUESTS, TTFT_SUMMARY, TtftDirectory, TtftRun, read_ttft_run,
};

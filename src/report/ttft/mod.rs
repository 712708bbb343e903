//! The run directory of a measurement of time to first token, and what is drawn from it.

mod draw;
mod figures;
mod markdown;
mod page;
mod record;
mod tables;
mod trace_of_run;
mod ttft_directory;

#[cfg(test)]
mod draw_tests;

pub use draw::{TtftOverlay, TtftReport, draw_ttft_overlay, draw_ttft_report};
pub use record::{CheckRecord, EngineRecord, ModelRecord, TtftRecord};
pub use ttft_directory::{
    TTFT_DECODE, TTFT_FIT, TTFT_OPERATIONS, TTFT_REQUESTS, TTFT_SERVER, TTFT_SUMMARY, TtftDirectory, TtftRun,
    read_ttft_run,
};

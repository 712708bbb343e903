//! Time to first token: what a request takes from its acceptance to the first sampled token id on the host, stage by stage.

mod check;
mod error;
mod fit;
mod floors;
mod matrix_rate;
mod measure;
mod mode;
mod plan;
mod process;
mod prompts;
mod request;
mod rows;
pub mod server;
mod stages;
mod summary;

pub use check::{CheckOutcome, CheckStep, allowed_gap, check_continuation};
pub use error::TtftError;
pub use fit::{Fit, LEAST_LENGTHS, fit};
pub use floors::{Floors, read_bandwidth};
pub use matrix_rate::{MatrixRate, matrix_rate};
pub use measure::{Ending, Limits, TtftSink, measure_processes, measure_steady, profile};
pub use mode::{TtftMode, Validity};
pub use plan::{Plan, PlannedRequest, unmeasured_number};
pub use process::{AT, FIRST_TOKEN, Observed, Report, STARTED, TEXT, observe};
pub use prompts::{prompt_digest, prompts};
pub use request::{Moment, Request, Response};
pub use rows::{DecodeRow, FitRow, OperationRow, Phase, RequestFacts, SummaryRow, TtftRow};
pub use stages::{Stage, StageTimes};
pub use summary::{MOST_UNATTRIBUTED, WARNED_UNATTRIBUTED, decode_steps, fits, rejected_intervals, summarise};

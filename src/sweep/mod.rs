//! Measures verified cases, and checks what the timed launches computed.

mod case_facts;
mod case_order;
mod case_sweep;
mod measurement;
mod runner;
mod sink;
mod verified_case;

pub use case_sweep::fastest_seconds;
pub use measurement::{Flag, Measurement};
pub use runner::{Sweep, SweepError, SweepOptions, SweepSummary};
pub use sink::{Problem, SweepSink};
pub use verified_case::VerifiedCase;

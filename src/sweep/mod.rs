//! Measures verified cases, and checks what the timed launches computed.

mod case_cost;
mod case_facts;
mod case_order;
mod case_sweep;
mod measurement;
mod meter;
mod runner;
mod sink;
mod sweep_plan;
#[cfg(test)]
mod sweep_plan_tests;
mod time_budget;
mod verified_case;

pub use case_sweep::fastest_seconds;
pub use measurement::{Flag, Measurement};
pub use runner::{Sweep, SweepError, SweepOptions, SweepSummary};
pub use sink::{Problem, SweepProgress, SweepSink};
pub use time_budget::{Forecast, Planning, TimeBudget};
pub use verified_case::VerifiedCase;

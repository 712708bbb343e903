//! Runs cases on a device and judges them against their references.
//!
//! One case: make the inputs and the f64 reference; run twice over poisoned outputs and a dirty workspace;
//! look for stray writes, changed inputs and a second answer that differs; judge the first; then show that
//! the judge would have rejected wrong outputs (`teeth`).

mod case_run;
#[cfg(test)]
mod copy_operation;
mod execution;
mod explanation;
mod minimise;
mod runner;
#[cfg(test)]
mod runner_tests;
mod sink;
mod summary;
mod teeth;
#[cfg(test)]
mod teeth_tests;
mod verdict;

pub use case_run::{CaseOutcome, Trouble, run_case};
pub use minimise::minimise;
pub use runner::{VerifyOptions, verify};
pub use sink::VerdictSink;
pub use summary::{OperationSummary, Summary};
pub use teeth::{Corruption, toothless};
pub use verdict::{Status, Verdict};

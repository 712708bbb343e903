//! The judged result of one case.

use serde::{Deserialize, Serialize};

use crate::operation::OutputJudgement;

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Passed,
    /// Ran, and its result is wrong.
    Failed,
    /// Did not run, for the reason given.
    Skipped,
    /// Could not run: out of memory, a launch error, a time-out.
    Errored,
}

impl Status {
    pub const fn name(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
            Status::Errored => "errored",
        }
    }
}

/// One row of `verdicts.csv`, and everything a report says about a case's correctness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The case's id.
    pub case: String,
    pub operation: String,
    pub dtype: String,
    pub rows: u64,
    pub columns: u64,
    pub class: String,
    pub seed: u64,
    /// The device that ran, never the one that was asked for.
    pub device: String,
    pub architecture: String,
    pub wave_size: u32,
    pub status: Status,
    /// Why the case failed, was skipped or could not run; empty on a pass.
    pub reason: String,
    /// Host seconds for the whole case: inputs, reference, launches, judging.
    pub seconds: f64,
    /// The one line that runs just this case again.
    pub reproduce: String,
    /// One per output tensor; empty where nothing ran.
    pub judgements: Vec<OutputJudgement>,
}

impl Verdict {
    /// The largest error of any output, in units in the last place.
    pub fn max_ulp(&self) -> Option<u64> {
        self.judgements.iter().map(|judgement| judgement.max_ulp).max()
    }
}

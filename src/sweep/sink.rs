//! Where samples and measurements go.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::profiling::Sample;

use super::Measurement;

/// A case without a measurement, or with one that needs a word of warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub case: String,
    /// Whether the case could not be measured; else the measurement stands, with this warning.
    pub fatal: bool,
    pub reason: String,
}

/// What the reason of a case begins with that no time was left for.
const NOT_REACHED: &str = "not reached: ";

impl Problem {
    /// A case that no time was left for. Nothing is wrong with it.
    pub fn not_reached(case: String, why: &str) -> Self {
        Self { case, fatal: true, reason: format!("{NOT_REACHED}{why}") }
    }

    pub fn is_not_reached(&self) -> bool {
        self.reason.starts_with(NOT_REACHED)
    }
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SweepProgress {
    /// Cases that are done, measured or not.
    pub done: usize,
    pub total: usize,
    /// What the others are expected to take.
    pub remaining: Duration,
}

/// Receives everything as soon as it is measured. An error (a full disk) ends the sweep.
pub trait SweepSink {
    fn sample(&mut self, case: &str, sample: &Sample) -> io::Result<()>;
    fn measurement(&mut self, measurement: &Measurement) -> io::Result<()>;
    fn problem(&mut self, problem: &Problem) -> io::Result<()>;
    fn progress(&mut self, progress: &SweepProgress) -> io::Result<()>;

    /// A case that the time budget did not reach: a fatal problem, of which there may be thousands.
    fn unreached(&mut self, problem: &Problem) -> io::Result<()> {
        self.problem(problem)
    }

    /// A case is taken up.
    fn begin(&mut self, _case: &str) -> io::Result<()> {
        Ok(())
    }
}

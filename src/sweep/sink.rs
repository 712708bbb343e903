//! Where samples and measurements go.

use std::io;

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

/// Receives everything as soon as it is measured. An error (a full disk) ends the sweep.
pub trait SweepSink {
    fn sample(&mut self, case: &str, sample: &Sample) -> io::Result<()>;
    fn measurement(&mut self, measurement: &Measurement) -> io::Result<()>;
    fn problem(&mut self, problem: &Problem) -> io::Result<()>;
    /// A case is done, measured or not.
    fn progress(&mut self, done: usize, total: usize) -> io::Result<()>;
}

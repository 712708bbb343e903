//! What comparisons of something with itself show on a machine: the noise that verdicts must allow for.

mod document;
mod learn;

pub use document::{Calibration, CalibrationError, CaseCalibration, NoiseBetweenRuns};
pub use learn::{LearnError, LearnPlan, LearnSink, learn};

//! When enough samples have been taken, and what was missing when they were not.

use std::fmt;
use std::time::Duration;

use super::TimerSettings;
use super::statistics::{relative_standard_error, sorted};

/// Why measuring stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StopReason {
    /// Enough samples, and their median is known well enough.
    Converged,
    /// The time limit came before there were enough samples.
    TooFewSamples { taken: usize, least: usize },
    /// A limit came before the median was known well enough; both as shares of the median.
    StillNoisy { relative_error: f64, wanted: f64 },
    /// Ctrl-C, or the receiver of the samples could not take more.
    Interrupted,
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Converged => formatter.write_str("converged"),
            StopReason::TooFewSamples { taken, least } => write!(formatter, "time limit: {taken} of {least} samples"),
            StopReason::StillNoisy { relative_error, wanted } => {
                let (error, wanted) = (relative_error * 100.0, wanted * 100.0);
                write!(formatter, "limit: standard error {error:.2} % of the median, wanted {wanted} %")
            }
            StopReason::Interrupted => formatter.write_str("interrupted"),
        }
    }
}

/// `Some` when measuring should stop. `taken` counts rejected samples too.
pub(super) fn decide(
    settings: &TimerSettings,
    accepted: &[f64],
    taken: usize,
    elapsed: Duration,
) -> Option<StopReason> {
    let out_of_budget = elapsed >= settings.time_limit || taken >= settings.most_samples;
    if accepted.len() < settings.least_samples {
        let (taken, least) = (accepted.len(), settings.least_samples);
        return out_of_budget.then_some(StopReason::TooFewSamples { taken, least });
    }
    // The error shrinks with the root of the count: looking again after every tenth more samples is enough.
    if !out_of_budget && !accepted.len().is_multiple_of((accepted.len() / 10).max(1)) {
        return None;
    }
    let relative_error = relative_standard_error(&sorted(accepted)).unwrap_or(f64::INFINITY);
    if relative_error <= settings.relative_error {
        return Some(StopReason::Converged);
    }
    out_of_budget.then_some(StopReason::StillNoisy { relative_error, wanted: settings.relative_error })
}

//! When enough samples have been taken, and what was missing when they were not.

use std::fmt;
use std::time::Duration;

use super::TimerSettings;
use super::statistics::{correlated_error_of_median, median, sorted};

/// Why measuring stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StopReason {
    /// Enough samples, and their median is known well enough.
    Converged,
    /// As many samples as were asked for.
    Complete,
    /// The time limit came before there were enough samples.
    TooFewSamples { taken: usize, least: usize },
    /// A limit came before the median was known well enough; both as shares of the median.
    StillNoisy { relative_error: f64, wanted: f64 },
    /// The measurement's share of the time budget was spent before the median was known well enough.
    OverBudget { relative_error: f64, wanted: f64 },
    /// Ctrl-C, or the receiver of the samples could not take more.
    Interrupted,
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Converged => formatter.write_str("converged"),
            StopReason::Complete => formatter.write_str("complete"),
            StopReason::TooFewSamples { taken, least } => write!(formatter, "time limit: {taken} of {least} samples"),
            StopReason::StillNoisy { relative_error, wanted } => {
                let (error, wanted) = (relative_error * 100.0, wanted * 100.0);
                write!(formatter, "limit: standard error {error:.2} % of the median, wanted {wanted} %")
            }
            StopReason::OverBudget { relative_error, wanted } => {
                let (error, wanted) = (relative_error * 100.0, wanted * 100.0);
                write!(formatter, "time budget: {error:.2} % standard error, wanted {wanted} %")
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
    let at_a_limit = elapsed >= settings.time_limit || taken >= settings.most_samples;
    if accepted.len() < settings.least_samples {
        let (taken, least) = (accepted.len(), settings.least_samples);
        return at_a_limit.then_some(StopReason::TooFewSamples { taken, least });
    }
    let over_budget = settings.budget.is_some_and(|budget| elapsed >= budget);
    // The error shrinks with the root of the count: looking again after every tenth more samples is enough.
    if !at_a_limit && !over_budget && !accepted.len().is_multiple_of((accepted.len() / 10).max(1)) {
        return None;
    }
    let relative_error = relative_error_of_median(accepted).unwrap_or(f64::INFINITY);
    if relative_error <= settings.relative_error {
        return Some(StopReason::Converged);
    }
    let wanted = settings.relative_error;
    let noisy = at_a_limit.then_some(StopReason::StillNoisy { relative_error, wanted });
    noisy.or(over_budget.then_some(StopReason::OverBudget { relative_error, wanted }))
}

/// The rule of a block of `wanted` accepted samples. `most_samples` still holds, and the time limit where it leaves
/// at least one sample.
pub(super) fn decide_block(
    settings: &TimerSettings,
    wanted: usize,
    accepted: &[f64],
    taken: usize,
    elapsed: Duration,
) -> Option<StopReason> {
    if accepted.len() >= wanted {
        return Some(StopReason::Complete);
    }
    let out_of_budget = elapsed >= settings.time_limit || taken >= settings.most_samples;
    out_of_budget.then_some(StopReason::TooFewSamples { taken: accepted.len(), least: wanted })
}

/// Standard error of the median as a share of it, for samples in the order they were taken: samples that
/// resemble their neighbours count for fewer.
fn relative_error_of_median(accepted: &[f64]) -> Option<f64> {
    Some(correlated_error_of_median(accepted)? / median(&sorted(accepted))?)
}

#[cfg(test)]
mod tests {
    use super::super::mock_device::gpu_info;
    use super::*;

    #[test]
    fn samples_that_drift_are_worth_fewer_than_the_same_ones_mixed() {
        let settings = TimerSettings::for_device(&gpu_info());
        // 600 samples within 3 % of each other. In a drift they stay on one side of the median for 300 in a row.
        let drift: Vec<f64> = (0..600).map(|i| 10e-6 * (1.0 + f64::from(i) / 20_000.0)).collect();
        let mixed: Vec<f64> = (0..600).map(|i| drift[i * 77 % 600]).collect();
        let elapsed = settings.time_limit / 2;
        assert_eq!(decide(&settings, &mixed, mixed.len(), elapsed), Some(StopReason::Converged));
        assert_eq!(decide(&settings, &drift, drift.len(), elapsed), None);
        let stop = decide(&settings, &drift, drift.len(), settings.time_limit);
        assert!(
            matches!(stop, Some(StopReason::StillNoisy { relative_error, .. }) if relative_error > 0.005),
            "{stop:?}"
        );
    }

    #[test]
    fn a_time_budget_waits_for_the_least_samples_and_is_named() {
        let budget = Some(Duration::from_millis(10));
        let settings = TimerSettings { budget, ..TimerSettings::for_device(&gpu_info()) };
        let noisy: Vec<f64> = (0..60).map(|i| if i % 2 == 0 { 10e-6 } else { 20e-6 }).collect();
        let spent = Duration::from_millis(20);
        assert_eq!(decide(&settings, &noisy[..9], 9, spent), None, "nine samples are too few whatever the budget");
        let stop = decide(&settings, &noisy, noisy.len(), spent).expect("the budget is spent");
        assert!(matches!(stop, StopReason::OverBudget { .. }), "{stop:?}");
        let text = stop.to_string();
        assert!(text.starts_with("time budget: ") && text.ends_with(" % standard error, wanted 0.5 %"), "{text}");
        assert_eq!(decide(&settings, &noisy, noisy.len(), Duration::from_millis(5)), None);
        assert_eq!(decide(&settings, &[10e-6; 20], 20, spent), Some(StopReason::Converged));
        // The limit of every measurement comes first where both are over.
        let stop = decide(&settings, &noisy, noisy.len(), settings.time_limit);
        assert!(matches!(stop, Some(StopReason::StillNoisy { .. })), "{stop:?}");
        let stop = decide(&settings, &noisy[..9], 9, settings.time_limit);
        assert_eq!(stop, Some(StopReason::TooFewSamples { taken: 9, least: 10 }));
    }
}

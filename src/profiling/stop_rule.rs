//! When enough samples have been taken, and what was missing when they were not.

use std::fmt;
use std::time::Duration;

use super::TimerSettings;
use super::sample::rounds;
use super::statistics::{correlated_error_of_median, error_between_groups, median, sorted};

/// Why measuring stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StopReason {
    /// Enough samples, and their median is known well enough.
    Converged,
    /// The time limit came before there were enough samples.
    TooFewSamples { taken: usize, least: usize },
    /// A limit came before the buffers had been moved often enough.
    TooFewRounds { taken: usize, least: usize },
    /// A limit came before the median was known well enough; both as shares of the median.
    StillNoisy { relative_error: f64, wanted: f64 },
    /// The measurement's share of the time budget was spent before the buffers had been moved often enough.
    TooFewRoundsInBudget { taken: usize, least: usize },
    /// The measurement's share of the time budget was spent before the median was known well enough.
    OverBudget { relative_error: f64, wanted: f64 },
    /// Ctrl-C, or the receiver of the samples could not take more.
    Interrupted,
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Converged => formatter.write_str("converged"),
            StopReason::TooFewSamples { taken, least } => write!(formatter, "time limit: {taken} of {least} samples"),
            StopReason::TooFewRounds { taken, least } => write!(formatter, "limit: {taken} of {least} rounds"),
            StopReason::StillNoisy { relative_error, wanted } => {
                let (error, wanted) = (relative_error * 100.0, wanted * 100.0);
                write!(formatter, "limit: standard error {error:.2} % of the median, wanted {wanted} %")
            }
            StopReason::TooFewRoundsInBudget { taken, least } => {
                write!(formatter, "time budget: {taken} of {least} rounds")
            }
            StopReason::OverBudget { relative_error, wanted } => {
                let (error, wanted) = (relative_error * 100.0, wanted * 100.0);
                write!(formatter, "time budget: {error:.2} % standard error, wanted {wanted} %")
            }
            StopReason::Interrupted => formatter.write_str("interrupted"),
        }
    }
}

/// How the samples of a measurement are cut into rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RoundState {
    /// The buffers stay where they are.
    Single,
    /// More samples belong to the current round.
    Filling,
    Full,
}

/// What was taken so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken<'a> {
    pub accepted: &'a [f64],
    /// Where the rounds before the current one end.
    pub round_ends: &'a [usize],
    pub round: RoundState,
    /// Rejected samples too.
    pub count: usize,
    pub elapsed: Duration,
}

impl Taken<'_> {
    /// The standard error of the median as a share of it: as the samples say, in the order they were taken (those
    /// that resemble their neighbours count for fewer), or as the rounds' medians say, whichever is larger.
    fn relative_error(&self) -> Option<f64> {
        let middle = median(&sorted(self.accepted))?;
        let within = correlated_error_of_median(self.accepted)?;
        let mut ends = self.round_ends.to_vec();
        ends.push(self.accepted.len());
        let medians: Vec<f64> = rounds(self.accepted, &ends).filter_map(|round| median(&sorted(round))).collect();
        Some(within.max(error_between_groups(&medians).unwrap_or(0.0)) / middle)
    }
}

/// `Some` when measuring should stop.
pub(super) fn decide(settings: &TimerSettings, taken: &Taken<'_>) -> Option<StopReason> {
    let Taken { accepted, round, elapsed, .. } = *taken;
    let at_a_limit = elapsed >= settings.time_limit || taken.count >= settings.most_samples;
    if accepted.len() < settings.least_samples {
        let (taken, least) = (accepted.len(), settings.least_samples);
        return at_a_limit.then_some(StopReason::TooFewSamples { taken, least });
    }
    let over_budget = settings.budget.is_some_and(|budget| elapsed >= budget);
    let (rounds, least) = (taken.round_ends.len() + 1, settings.least_rounds);
    let few_rounds = round != RoundState::Single && rounds < least;
    let due = match round {
        // The error shrinks with the root of the count: looking again after every tenth more samples is enough.
        RoundState::Single => accepted.len().is_multiple_of((accepted.len() / 10).max(1)),
        RoundState::Filling => false,
        RoundState::Full => !few_rounds,
    };
    if !due && !at_a_limit && !over_budget {
        return None;
    }
    if few_rounds {
        return Some(match at_a_limit {
            true => StopReason::TooFewRounds { taken: rounds, least },
            false => StopReason::TooFewRoundsInBudget { taken: rounds, least },
        });
    }
    let relative_error = taken.relative_error().unwrap_or(f64::INFINITY);
    if relative_error <= settings.relative_error {
        return Some(StopReason::Converged);
    }
    let wanted = settings.relative_error;
    let noisy = at_a_limit.then_some(StopReason::StillNoisy { relative_error, wanted });
    noisy.or(over_budget.then_some(StopReason::OverBudget { relative_error, wanted }))
}

#[cfg(test)]
mod tests {
    use super::super::mock_device::gpu_info;
    use super::*;

    /// Samples over buffers that stay where they are.
    fn decide(settings: &TimerSettings, accepted: &[f64], count: usize, elapsed: Duration) -> Option<StopReason> {
        super::decide(settings, &Taken { accepted, round_ends: &[], round: RoundState::Single, count, elapsed })
    }

    #[test]
    fn rounds_that_differ_are_not_known_as_well_as_their_samples() {
        let settings = TimerSettings { least_rounds: 4, ..TimerSettings::for_device(&gpu_info()) };
        let elapsed = settings.time_limit / 2;
        // Four rounds of 20 samples, each steady to 0.01 %, 2 % apart from the next.
        let round = |level: f64| (0..20).map(move |i| level * (1.0 + 1e-4 * f64::from(i % 3)));
        let accepted: Vec<f64> = [10e-6, 10.2e-6, 10e-6, 10.2e-6].into_iter().flat_map(round).collect();
        let state = |accepted, round_ends, round| Taken { accepted, round_ends, round, count: 80, elapsed };
        let ends = [20, 40, 60];
        assert_eq!(super::decide(&settings, &state(&accepted, &ends, RoundState::Filling)), None);
        assert_eq!(super::decide(&settings, &state(&accepted, &ends, RoundState::Full)), None, "0.58 % is too much");
        let steady: Vec<f64> = [10e-6; 4].into_iter().flat_map(round).collect();
        let stop = super::decide(&settings, &state(&steady, &ends, RoundState::Full));
        assert_eq!(stop, Some(StopReason::Converged));
        assert_eq!(super::decide(&settings, &state(&steady, &ends[..1], RoundState::Full)), None, "two rounds are few");
        let late = Taken { elapsed: settings.time_limit, ..state(&steady, &ends[..1], RoundState::Filling) };
        let stop = super::decide(&settings, &late).expect("the limit is over");
        assert_eq!(stop.to_string(), "limit: 2 of 4 rounds");
        let budgeted = TimerSettings { budget: Some(settings.time_limit / 4), ..settings };
        let spent = state(&steady, &ends[..1], RoundState::Filling);
        let stop = super::decide(&budgeted, &spent).expect("the budget is spent");
        assert_eq!(stop.to_string(), "time budget: 2 of 4 rounds");
    }

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
        assert!(text.starts_with("time budget: ") && text.ends_with(" % standard error, wanted 0.25 %"), "{text}");
        assert_eq!(decide(&settings, &noisy, noisy.len(), Duration::from_millis(5)), None);
        assert_eq!(decide(&settings, &[10e-6; 20], 20, spent), Some(StopReason::Converged));
        // The limit of every measurement comes first where both are over.
        let stop = decide(&settings, &noisy, noisy.len(), settings.time_limit);
        assert!(matches!(stop, Some(StopReason::StillNoisy { .. })), "{stop:?}");
        let stop = decide(&settings, &noisy[..9], 9, settings.time_limit);
        assert_eq!(stop, Some(StopReason::TooFewSamples { taken: 9, least: 10 }));
    }
}

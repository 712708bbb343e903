//! The numbers that a set of samples is reported by.

use super::SampleSet;
use super::statistics::{
    Confidence, Interval, correlated_median_interval, interval_between_groups, location_of_groups, median, percentile,
    sorted,
};

/// A share that a median changes by from one visit to a case to the next, which neither samples nor rounds of one visit
/// show: the largest seen between two sweeps of one program on an H100. In one call 95 % of 104 hot medians over 10 µs
/// differed by at most 0.51 %; in another a third of the cases lay 0.8 % higher, because the core clock had stepped down by
/// 15 MHz of 1980 for half a minute, and 95 % of the cold medians differed by at most 0.98 %.
const VISIT_REACH: f64 = 0.01;

/// Summary of the accepted samples of one set, in microseconds per launch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleSummary {
    pub count: usize,
    /// Rounds with accepted samples.
    pub rounds: usize,
    /// The mean of the rounds' medians, without the eighth part at each end.
    pub median_us: f64,
    /// 95 % confidence interval of that. It allows for samples that resemble their neighbours, and where there were rounds
    /// for rounds and visits that differ: those two are independent, so their reaches add as squares. `None` where there are
    /// too few samples for any interval to be that sure.
    pub interval_us: Option<Interval>,
    pub min_us: f64,
    pub p5_us: f64,
    pub p95_us: f64,
}

impl SampleSummary {
    /// `None` when no sample was accepted.
    pub fn new(samples: &SampleSet) -> Option<Self> {
        let microseconds: Vec<f64> = samples.seconds.iter().map(|seconds| seconds * 1e6).collect();
        let medians: Vec<f64> = samples.rounds().filter_map(|round| Some(median(&sorted(round))? * 1e6)).collect();
        let ordered = sorted(&microseconds);
        let median_us = location_of_groups(&medians)?;
        Some(Self {
            count: ordered.len(),
            rounds: medians.len(),
            median_us,
            interval_us: interval(&microseconds, &medians, median_us),
            min_us: *ordered.first()?,
            p5_us: percentile(&ordered, 5.0)?,
            p95_us: percentile(&ordered, 95.0)?,
        })
    }
}

fn interval(microseconds: &[f64], medians: &[f64], center: f64) -> Option<Interval> {
    let confidence = Confidence::NINETY_FIVE_PERCENT;
    let within = correlated_median_interval(microseconds, confidence)?;
    let Some(rounds) = interval_between_groups(center, medians, confidence) else { return Some(within) };
    // Around the mean of the rounds' medians, which need not be the median of all samples.
    let reach = (rounds.width() / 2.0).hypot(VISIT_REACH * center).max(within.width() / 2.0);
    Some(Interval { low: center - reach, high: center + reach })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_at_two_levels_give_their_mean_and_an_interval_over_both() {
        let microseconds: Vec<f64> = (0..80).map(|i| if i / 10 % 2 == 0 { 22.0 } else { 23.0 }).collect();
        let medians: Vec<f64> = (0..8).map(|i| if i % 2 == 0 { 22.0 } else { 23.0 }).collect();
        let interval = interval(&microseconds, &medians, 22.5).expect("eighty samples");
        assert!(interval.low <= 22.0 && interval.high >= 23.0, "{interval:?}");
        assert!((interval.low + interval.high - 45.0).abs() < 1e-9, "around the mean: {interval:?}");
    }

    #[test]
    fn rounds_and_visits_add_as_squares() {
        let medians: Vec<f64> = (0..8).map(|i| if i % 2 == 0 { 10.0 } else { 10.1 }).collect();
        let interval = interval(&[10.05; 80], &medians, 10.05).expect("eighty samples");
        // Standard deviation 0.05345 over 0.75 √8, times t of 5 degrees at 0.975: 2.5706, is 0.06477; 1 % are 0.1005.
        assert!((interval.high - (10.05 + 0.11956)).abs() < 1e-4, "{interval:?}");
    }

    #[test]
    fn steady_rounds_still_allow_for_the_next_visit_and_a_single_one_does_not_pretend_to_know() {
        let steady = interval(&[10.0; 80], &[10.0; 8], 10.0).expect("eighty samples");
        assert!((steady.high - 10.1).abs() < 1e-9 && (steady.low - 9.9).abs() < 1e-9, "{steady:?}");
        assert_eq!(interval(&[10.0; 80], &[10.0], 10.0).expect("eighty samples").width(), 0.0);
    }
}

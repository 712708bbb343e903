//! The numbers that a set of samples is reported by.

use super::SampleSet;
use super::statistics::{
    Confidence, Interval, correlated_median_interval, interval_between_groups, median, percentile, sorted,
};

/// Summary of the accepted samples of one set, in microseconds per launch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleSummary {
    pub count: usize,
    pub median_us: f64,
    /// Rounds with accepted samples.
    pub rounds: usize,
    /// 95 % confidence interval of the median that allows for samples resembling their neighbours, and for rounds
    /// that differ: it spans what either allows. `None` where there are too few samples for any interval to be that
    /// sure.
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
        let median_us = median(&ordered)?;
        let confidence = Confidence::NINETY_FIVE_PERCENT;
        let between = interval_between_groups(median_us, &medians, confidence);
        let within = correlated_median_interval(&microseconds, confidence);
        let interval_us = within.map(|within| between.map_or(within, |between| within.hull(between)));
        Some(Self {
            count: ordered.len(),
            median_us,
            rounds: medians.len(),
            interval_us,
            min_us: *ordered.first()?,
            p5_us: percentile(&ordered, 5.0)?,
            p95_us: percentile(&ordered, 95.0)?,
        })
    }
}

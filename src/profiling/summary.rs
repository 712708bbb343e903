//! The numbers that a set of samples is reported by.

use super::SampleSet;
use super::statistics::{Confidence, Interval, correlated_median_interval, median, percentile, sorted};

/// Summary of the accepted samples of one set, in microseconds per launch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleSummary {
    pub count: usize,
    pub median_us: f64,
    /// 95 % confidence interval of the median that allows for samples resembling their neighbours. `None` where
    /// there are too few for any interval to be that sure.
    pub interval_us: Option<Interval>,
    pub min_us: f64,
    pub p5_us: f64,
    pub p95_us: f64,
}

impl SampleSummary {
    /// `None` when no sample was accepted.
    pub fn new(samples: &SampleSet) -> Option<Self> {
        let microseconds: Vec<f64> = samples.seconds.iter().map(|seconds| seconds * 1e6).collect();
        let sorted = sorted(&microseconds);
        Some(Self {
            count: sorted.len(),
            median_us: median(&sorted)?,
            interval_us: correlated_median_interval(&microseconds, Confidence::NINETY_FIVE_PERCENT),
            min_us: *sorted.first()?,
            p5_us: percentile(&sorted, 5.0)?,
            p95_us: percentile(&sorted, 95.0)?,
        })
    }
}

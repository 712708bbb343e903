//! The numbers that a set of samples is reported by.

use super::SampleSet;
use super::statistics::{bootstrap_median_interval, median, percentile, sorted};

/// Summary of the accepted samples of one set, in microseconds per launch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleSummary {
    pub count: usize,
    pub median_us: f64,
    /// 95 % bootstrap confidence interval of the median.
    pub ci_low_us: f64,
    pub ci_high_us: f64,
    pub min_us: f64,
    pub p5_us: f64,
    pub p95_us: f64,
}

impl SampleSummary {
    /// `None` when no sample was accepted.
    pub fn new(samples: &SampleSet, seed: u64) -> Option<Self> {
        let microseconds: Vec<f64> = samples.seconds.iter().map(|seconds| seconds * 1e6).collect();
        let sorted = sorted(&microseconds);
        let interval = bootstrap_median_interval(&sorted, seed)?;
        Some(Self {
            count: sorted.len(),
            median_us: median(&sorted)?,
            ci_low_us: interval.low,
            ci_high_us: interval.high,
            min_us: *sorted.first()?,
            p5_us: percentile(&sorted, 5.0)?,
            p95_us: percentile(&sorted, 95.0)?,
        })
    }
}

//! Counts of samples in bins of equal width.

use crate::profiling::statistics::{percentile, sorted};

const FEWEST_BINS: f64 = 8.0;
const MOST_BINS: f64 = 60.0;

/// Shares of the samples, bin by bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    low: f64,
    /// Of one bin.
    width: f64,
    shares: Vec<f64>,
}

impl Histogram {
    /// Bins of Freedman and Diaconis' width (1981), 2 IQR / n^(1/3), within reason. `None` of no finite sample.
    pub fn of(times: &[f64]) -> Option<Self> {
        let finite: Vec<f64> = times.iter().copied().filter(|time| time.is_finite()).collect();
        let sorted = sorted(&finite);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        if high <= low {
            return Some(Self { low: low - 0.005 * low.abs(), width: (0.01 * low.abs()).max(1e-9), shares: vec![1.0] });
        }
        let spread = percentile(&sorted, 75.0)? - percentile(&sorted, 25.0)?;
        let width = 2.0 * spread / (sorted.len() as f64).cbrt();
        let bins = if width > 0.0 { ((high - low) / width).ceil() } else { MOST_BINS };
        let bins = bins.clamp(FEWEST_BINS, MOST_BINS) as usize;
        let width = (high - low) / bins as f64;
        let mut shares = vec![0.0; bins];
        for time in &sorted {
            // The largest lies on the end of the last bin, and belongs to it.
            let bin = (((time - low) / width) as usize).min(bins - 1);
            shares[bin] += 1.0 / sorted.len() as f64;
        }
        Some(Self { low, width, shares })
    }

    pub fn ends(&self) -> [f64; 2] {
        [self.low, self.low + self.width * self.shares.len() as f64]
    }

    /// The largest share.
    pub fn most(&self) -> f64 {
        self.shares.iter().copied().fold(0.0, f64::max)
    }

    /// Low end, high end and share of each bin.
    pub fn bins(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let end = |bin: usize| self.low + self.width * bin as f64;
        self.shares.iter().enumerate().map(move |(bin, share)| (end(bin), end(bin + 1), *share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_one_bin() {
        let times: Vec<f64> = (0..1000).map(|place| f64::from(place % 97)).collect();
        let histogram = Histogram::of(&times).expect("samples");
        assert!((histogram.bins().map(|bin| bin.2).sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!(histogram.ends(), [0.0, 96.0]);
        assert!((8..=60).contains(&histogram.bins().count()));
    }

    #[test]
    fn odd_samples_make_no_odd_bins() {
        assert_eq!(Histogram::of(&[]), None);
        assert_eq!(Histogram::of(&[f64::NAN]), None);
        let same = Histogram::of(&[4.0, 4.0, f64::INFINITY]).expect("finite samples");
        assert_eq!((same.bins().count(), same.most()), (1, 1.0));
        assert!(same.ends()[0] < 4.0 && same.ends()[1] > 4.0);
        let mostly_one = Histogram::of(&[1.0, 1.0, 1.0, 1.0, 1.0, 9.0]).expect("finite samples");
        assert!((mostly_one.most() - 5.0 / 6.0).abs() < 1e-9);
    }
}

//! The bootstrap confidence interval of a median, seeded.

use super::interval::{Confidence, Interval};
use super::quantile::percentile;
use super::random::SplitMix64;

/// Confidence interval of the median of sorted samples: the percentiles of the medians of so many resamples that
/// leave the confidence between them (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979). For
/// independent samples only. The same samples and seed give the same interval on every machine. `None` without
/// samples or without resamples.
pub fn median_interval(
    sorted_samples: &[f64],
    resamples: usize,
    confidence: Confidence,
    seed: u64,
) -> Option<Interval> {
    if sorted_samples.is_empty() {
        return None;
    }
    let mut random = SplitMix64::new(seed);
    let mut resampler = MedianResampler::of_series(sorted_samples);
    let mut medians: Vec<f64> =
        (0..resamples).map(|_| resampler.median_of(|_| random.below(sorted_samples.len()))).collect();
    medians.sort_by(f64::total_cmp);
    let tail = 100.0 * confidence.tail();
    Some(Interval { low: percentile(&medians, tail)?, high: percentile(&medians, 100.0 - tail)? })
}

/// Medians of resamples. The samples are sorted once, so counting how often each is drawn replaces a sort.
pub(super) struct MedianResampler {
    sorted: Vec<f64>,
    /// Place in `sorted` of each sample, in the order taken.
    places: Vec<u32>,
    counts: Vec<u32>,
}

impl MedianResampler {
    pub(super) fn of_series(series: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..series.len()).collect();
        order.sort_by(|&left, &right| series[left].total_cmp(&series[right]));
        let mut places = vec![0; series.len()];
        for (place, &taken) in order.iter().enumerate() {
            places[taken] = place as u32;
        }
        Self { sorted: order.iter().map(|&taken| series[taken]).collect(), places, counts: vec![0; series.len()] }
    }

    /// Median of one resample, as large as the set of samples, which must not be empty. `draw` is given how
    /// many have been drawn and names the next, by the order taken.
    pub(super) fn median_of(&mut self, mut draw: impl FnMut(usize) -> usize) -> f64 {
        let size = self.sorted.len();
        self.counts.fill(0);
        for drawn in 0..size {
            self.counts[self.places[draw(drawn)] as usize] += 1;
        }
        let lower_rank = (size - 1) / 2;
        let mut seen = 0;
        let mut place = 0;
        loop {
            seen += self.counts[place] as usize;
            if seen > lower_rank {
                break;
            }
            place += 1;
        }
        let lower = self.sorted[place];
        if size % 2 == 1 {
            return lower;
        }
        if seen == lower_rank + 1 {
            place += 1;
            while self.counts[place] == 0 {
                place += 1;
            }
        }
        lower + (self.sorted[place] - lower) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quantile::{median, sorted};
    use super::*;

    fn interval_of(sorted_samples: &[f64], seed: u64) -> Option<Interval> {
        median_interval(sorted_samples, 1000, Confidence::NINETY_FIVE_PERCENT, seed)
    }

    #[test]
    fn the_interval_covers_the_true_median_as_often_as_it_says() {
        // 400 sets of 31 uniform samples, true median 0.5: 95 % coverage, three standard errors of slack.
        let mut random = SplitMix64::new(7);
        let covered = (0..400)
            .filter(|&set| {
                let samples: Vec<f64> = (0..31).map(|_| random.uniform()).collect();
                let interval = interval_of(&sorted(&samples), set).expect("not empty");
                interval.low <= 0.5 && 0.5 <= interval.high
            })
            .count();
        assert!((367..=400).contains(&covered), "covered {covered} of 400");
    }

    #[test]
    fn equal_samples_have_a_point_interval() {
        assert_eq!(interval_of(&[3.0; 12], 1), Some(Interval { low: 3.0, high: 3.0 }));
        assert_eq!(interval_of(&[], 1), None);
    }

    proptest! {
        #[test]
        fn seeded_and_around_the_median(samples in prop::collection::vec(1.0..1e3f64, 1..40), seed in any::<u64>()) {
            let samples = sorted(&samples);
            let interval = interval_of(&samples, seed).expect("not empty");
            prop_assert_eq!(Some(interval), interval_of(&samples, seed));
            let middle = median(&samples).expect("not empty");
            prop_assert!(interval.low <= middle && middle <= interval.high);
            prop_assert!(samples[0] <= interval.low && interval.high <= samples[samples.len() - 1]);
        }
    }
}

//! The bootstrap confidence interval of a median, seeded.

use super::interval::Interval;
use super::quantile::percentile;
use super::random::SplitMix64;

/// Resamples: enough for the 2.5 % and 97.5 % ends to settle within a tenth of the interval's width.
const RESAMPLES: usize = 1000;

/// 95 % confidence interval of the median of sorted samples: the 2.5th and 97.5th percentile of the medians
/// of 1,000 resamples (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979). The same samples and
/// seed give the same interval on every machine. `None` without samples.
pub fn bootstrap_median_interval(sorted_samples: &[f64], seed: u64) -> Option<Interval> {
    if sorted_samples.is_empty() {
        return None;
    }
    let mut random = SplitMix64::new(seed);
    let mut counts = vec![0usize; sorted_samples.len()];
    let mut medians: Vec<f64> =
        (0..RESAMPLES).map(|_| resampled_median(sorted_samples, &mut counts, &mut random)).collect();
    medians.sort_by(f64::total_cmp);
    Some(Interval { low: percentile(&medians, 2.5)?, high: percentile(&medians, 97.5)? })
}

/// Median of one resample. The samples are sorted, so counting how often each is drawn replaces a sort.
fn resampled_median(sorted_samples: &[f64], counts: &mut [usize], random: &mut SplitMix64) -> f64 {
    let size = sorted_samples.len();
    counts.fill(0);
    for _ in 0..size {
        counts[random.below(size)] += 1;
    }
    let ranked = |rank: usize| {
        let mut seen = 0;
        let place = counts.iter().position(|count| {
            seen += count;
            seen > rank
        });
        sorted_samples[place.expect("the counts add up to the size, and a rank is below it")]
    };
    if size % 2 == 1 { ranked(size / 2) } else { (ranked(size / 2 - 1) + ranked(size / 2)) / 2.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quantile::{median, sorted};
    use super::*;

    #[test]
    fn the_interval_covers_the_true_median_as_often_as_it_says() {
        // 400 sets of 31 uniform samples, true median 0.5: 95 % coverage, three standard errors of slack.
        let mut random = SplitMix64::new(7);
        let covered = (0..400)
            .filter(|&set| {
                let samples: Vec<f64> = (0..31).map(|_| random.uniform()).collect();
                let interval = bootstrap_median_interval(&sorted(&samples), set).expect("not empty");
                interval.low <= 0.5 && 0.5 <= interval.high
            })
            .count();
        assert!((367..=400).contains(&covered), "covered {covered} of 400");
    }

    #[test]
    fn equal_samples_have_a_point_interval() {
        assert_eq!(bootstrap_median_interval(&[3.0; 12], 1), Some(Interval { low: 3.0, high: 3.0 }));
        assert_eq!(bootstrap_median_interval(&[], 1), None);
    }

    proptest! {
        #[test]
        fn seeded_and_around_the_median(samples in prop::collection::vec(1.0..1e3f64, 1..40), seed in any::<u64>()) {
            let samples = sorted(&samples);
            let interval = bootstrap_median_interval(&samples, seed).expect("not empty");
            prop_assert_eq!(Some(interval), bootstrap_median_interval(&samples, seed));
            let middle = median(&samples).expect("not empty");
            prop_assert!(interval.low <= middle && middle <= interval.high);
            prop_assert!(samples[0] <= interval.low && interval.high <= samples[samples.len() - 1]);
        }
    }
}

//! The Hodges–Lehmann estimate of a shift, with the interval that inverts the matching rank test.

use super::interval::{Confidence, Interval};
use super::mann_whitney::is_countable;
use super::pairs::{Differences, Pairs, WalshAverages};
use super::quantile::sorted;
use super::ranks::SumDistribution;
use super::signed_rank::MOST_EXACT_DIFFERENCES;
use super::tails::normal_quantile;

/// How far one set of samples lies from another, or from zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    pub estimate: f64,
    /// `None` when there are too few samples for any interval to reach the confidence asked for.
    pub interval: Option<Interval>,
}

/// Shift of `candidate` against `base`, two independent sets: the median of all differences (Hodges and
/// Lehmann, "Estimates of Location Based on Rank Tests", 1963). The interval holds every shift that the
/// Mann–Whitney test does not reject (Moses' interval); with ties it covers a little more than it says.
/// `None` when a set is empty.
pub fn shift_between(base: &[f64], candidate: &[f64], confidence: Confidence) -> Option<Shift> {
    if base.is_empty() || candidate.is_empty() {
        return None;
    }
    let outside = differences_outside(base.len(), candidate.len(), confidence);
    let (base, candidate) = (sorted(base), sorted(candidate));
    Some(estimate(&Differences { base: &base, candidate: &candidate }, outside))
}

/// Shift of paired differences from zero: the median of their Walsh averages. The interval holds every shift
/// that the signed-rank test does not reject (Tukey's interval). `None` without differences.
pub fn shift_of_pairs(differences: &[f64], confidence: Confidence) -> Option<Shift> {
    if differences.is_empty() {
        return None;
    }
    let outside = averages_outside(differences.len(), confidence);
    Some(estimate(&WalshAverages(&sorted(differences)), outside))
}

/// The median, and the interval that leaves out `outside` values less one at each end.
fn estimate(pairs: &impl Pairs, outside: usize) -> Shift {
    let interval =
        (outside > 0).then(|| Interval { low: pairs.ranked(outside), high: pairs.ranked(pairs.count() + 1 - outside) });
    Shift { estimate: pairs.median(), interval }
}

/// Values of U that together have at most the probability of one tail.
fn differences_outside(base: usize, candidate: usize, confidence: Confidence) -> usize {
    if is_countable(base, candidate) {
        let smaller = base.min(candidate);
        // Ranks from 0 make the smallest rank sums those of U, but for the constant 0 + 1 + … of the subset.
        let ranks: Vec<usize> = (0..base + candidate).collect();
        let least = smaller * (smaller - 1) / 2;
        return SumDistribution::of_subsets(&ranks, smaller).sums_within(confidence.tail()).saturating_sub(least);
    }
    let (base, candidate) = (base as f64, candidate as f64);
    let variance = base * candidate * (base + candidate + 1.0) / 12.0;
    normal_count(base * candidate / 2.0, variance, confidence)
}

/// Values of the signed-rank statistic that together have at most the probability of one tail.
fn averages_outside(count: usize, confidence: Confidence) -> usize {
    if count <= MOST_EXACT_DIFFERENCES {
        let ranks: Vec<usize> = (1..=count).collect();
        return SumDistribution::of_coin_tosses(&ranks).sums_within(confidence.tail());
    }
    let count = count as f64;
    let variance = count * (count + 1.0) * (2.0 * count + 1.0) / 24.0;
    normal_count(count * (count + 1.0) / 4.0, variance, confidence)
}

/// The same count by the normal approximation, corrected for continuity.
fn normal_count(mean: f64, variance: f64, confidence: Confidence) -> usize {
    (mean + 0.5 + normal_quantile(confidence.tail()) * variance.sqrt()).max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEVEL: Confidence = Confidence::NINETY_FIVE_PERCENT;

    #[test]
    fn too_few_samples_have_an_estimate_but_no_interval() {
        let shift = shift_between(&[1.0, 2.0], &[4.0, 5.0], LEVEL).expect("not empty");
        assert_eq!(shift, Shift { estimate: 3.0, interval: None });
        assert_eq!(shift_of_pairs(&[1.0, 3.0], LEVEL), Some(Shift { estimate: 2.0, interval: None }));
        assert_eq!(shift_of_pairs(&[], LEVEL), None);
    }

    #[test]
    fn six_differences_are_the_fewest_with_an_interval() {
        // 2^-6 on either side is within 2.5 %, 2^-5 is not.
        let six = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let interval = shift_of_pairs(&six, LEVEL).expect("not empty").interval;
        assert_eq!(interval, Some(Interval { low: 1.0, high: 6.0 }));
        assert_eq!(shift_of_pairs(&six[..5], LEVEL).expect("not empty").interval, None);
    }

    proptest! {
        #[test]
        fn a_shifted_copy_is_shifted_by_that_much(samples in prop::collection::vec(-1000i32..1000, 4..40), by in -500i32..500) {
            // Whole numbers: every difference is exact.
            let base: Vec<f64> = samples.iter().map(|&sample| f64::from(sample)).collect();
            let moved: Vec<f64> = samples.iter().map(|&sample| f64::from(sample + by)).collect();
            let shift = shift_between(&base, &moved, LEVEL).expect("not empty");
            prop_assert_eq!(shift.estimate, f64::from(by));
            if let Some(interval) = shift.interval {
                prop_assert!(interval.contains(f64::from(by)));
            }
        }

        #[test]
        fn swapping_the_sets_turns_the_sign(
            base in prop::collection::vec(-1e3..1e3f64, 1..30),
            candidate in prop::collection::vec(-1e3..1e3f64, 1..30),
        ) {
            let there = shift_between(&base, &candidate, LEVEL).expect("not empty");
            let back = shift_between(&candidate, &base, LEVEL).expect("not empty");
            prop_assert!((there.estimate + back.estimate).abs() <= 1e-9);
            prop_assert_eq!(there.interval, back.interval.map(|i| Interval { low: -i.high, high: -i.low }));
        }

        #[test]
        fn the_interval_lies_about_the_estimate(differences in prop::collection::vec(-1e3..1e3f64, 1..150)) {
            let shift = shift_of_pairs(&differences, LEVEL).expect("not empty");
            if let Some(interval) = shift.interval {
                prop_assert!(interval.contains(shift.estimate));
            }
        }
    }
}

//! Medians and percentiles.

/// A sorted copy. Samples are finite by the time they get here: the timer rejects what is not.
pub fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The `percent`-th percentile of sorted samples, by linear interpolation between the two nearest ranks:
/// definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996), which is also the
/// default of numpy and R. `None` without samples; `percent` is 0 to 100.
pub fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = percent.clamp(0.0, 100.0) / 100.0 * last as f64;
    let below = position.floor() as usize;
    let above = position.ceil() as usize;
    let share = position - below as f64;
    Some(sorted[below] + (sorted[above] - sorted[below]) * share)
}

/// The middle sample, or the mean of the two middle ones. `None` without samples.
pub fn median(sorted: &[f64]) -> Option<f64> {
    percentile(sorted, 50.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_match_numpy() {
        // numpy.percentile([1, 2, 4, 8, 16], [0, 5, 25, 50, 90, 100])
        let samples = [1.0, 2.0, 4.0, 8.0, 16.0];
        let expected = [(0.0, 1.0), (5.0, 1.2), (25.0, 2.0), (50.0, 4.0), (90.0, 12.8), (100.0, 16.0)];
        for (percent, value) in expected {
            let found = percentile(&samples, percent).expect("five samples");
            assert!((found - value).abs() < 1e-12, "percentile {percent}: {found} instead of {value}");
        }
    }

    #[test]
    fn median_of_an_even_count_is_the_mean_of_the_middle_two() {
        assert_eq!(median(&sorted(&[4.0, 1.0, 3.0, 2.0])), Some(2.5));
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[]), None);
    }

    proptest! {
        #[test]
        fn percentiles_are_monotonic_and_inside_the_samples(
            samples in prop::collection::vec(-1e9..1e9f64, 1..80),
            low in 0.0..100.0f64,
            high in 0.0..100.0f64,
        ) {
            let sorted = sorted(&samples);
            let (low, high) = (low.min(high), low.max(high));
            let at_low = percentile(&sorted, low).expect("not empty");
            let at_high = percentile(&sorted, high).expect("not empty");
            prop_assert!(at_low <= at_high);
            prop_assert!(sorted[0] <= at_low && at_high <= sorted[sorted.len() - 1]);
        }

        #[test]
        fn the_median_does_not_depend_on_order(mut samples in prop::collection::vec(-1e9..1e9f64, 1..80)) {
            let before = median(&sorted(&samples));
            samples.reverse();
            prop_assert_eq!(before, median(&sorted(&samples)));
        }
    }
}

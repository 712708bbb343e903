//! Errors and intervals of a mean and a median that hold when samples depend on those before them.

use super::autocorrelation::integrated_time;
use super::interval::{Confidence, Interval};
use super::moments::{mean, variance};
use super::quantile::{median, sorted};
use super::spread::standard_error_of_median;
use super::tails::{normal_quantile, student_quantile};

/// Standard error of the mean of samples in the order they were taken: as if there were n / τ of them, τ being
/// their integrated autocorrelation time. `None` below two samples.
pub fn correlated_error_of_mean(series: &[f64]) -> Option<f64> {
    Some((variance(series)? * integrated_time(series) / series.len() as f64).sqrt())
}

/// Confidence interval of the mean of samples in the order they were taken, by Student's t with n / τ − 1
/// degrees of freedom. `None` when that leaves less than one degree.
pub fn correlated_mean_interval(series: &[f64], confidence: Confidence) -> Option<Interval> {
    let degrees_of_freedom = series.len() as f64 / integrated_time(series) - 1.0;
    if degrees_of_freedom < 1.0 {
        return None;
    }
    let reach = student_quantile(1.0 - confidence.tail(), degrees_of_freedom)? * correlated_error_of_mean(series)?;
    let middle = mean(series)?;
    Some(Interval { low: middle - reach, high: middle + reach })
}

/// Integrated autocorrelation time that counts for the median: that of which side of the median each sample
/// lies on. It is shorter than the one of the samples themselves, and one outlier cannot hide it.
pub fn integrated_time_of_median(series: &[f64]) -> f64 {
    let Some(middle) = median(&sorted(series)) else {
        return 1.0;
    };
    let side = |sample: &f64| {
        if *sample > middle {
            1.0
        } else if *sample < middle {
            -1.0
        } else {
            0.0
        }
    };
    integrated_time(&series.iter().map(side).collect::<Vec<f64>>())
}

/// Standard error of the median of samples in the order they were taken: McKean and Schrader's, times √τ.
/// `None` below five samples.
pub fn correlated_error_of_median(series: &[f64]) -> Option<f64> {
    Some(standard_error_of_median(&sorted(series))? * integrated_time_of_median(series).sqrt())
}

/// Confidence interval of the median of samples in the order they were taken: two of the samples themselves.
/// The ranks are those of the sign test, with a count of samples above the median that spreads √τ times as far
/// as a binomial one; no shape is assumed. `None` when there are too few effective samples for any interval to
/// reach the confidence.
pub fn correlated_median_interval(series: &[f64], confidence: Confidence) -> Option<Interval> {
    let count = series.len() as f64;
    let deviation = (count * integrated_time_of_median(series)).sqrt() / 2.0;
    let rank = (count / 2.0 + 0.5 + normal_quantile(confidence.tail()) * deviation).floor();
    if rank < 1.0 {
        return None;
    }
    let rank = rank as usize;
    let ordered = sorted(series);
    Some(Interval { low: ordered[rank - 1], high: ordered[series.len() - rank] })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEVEL: Confidence = Confidence::NINETY_FIVE_PERCENT;

    #[test]
    fn too_few_samples_have_no_interval() {
        assert_eq!(correlated_median_interval(&[1.0, 2.0, 3.0], LEVEL), None);
        assert_eq!(correlated_mean_interval(&[1.0], LEVEL), None);
        assert_eq!((correlated_error_of_mean(&[1.0]), correlated_error_of_median(&[1.0; 4])), (None, None));
    }

    #[test]
    fn independent_samples_have_the_ranks_of_the_sign_test() {
        // Alternating sides: τ is 1. Rank floor(20.5 - 1.96 * 3.162) = 14, as tables of the sign test say.
        let series: Vec<f64> = (0..40).map(|i| f64::from(if i % 2 == 0 { i } else { 79 - i })).collect();
        let ordered = sorted(&series);
        let interval = correlated_median_interval(&series, LEVEL).expect("enough samples");
        assert_eq!(interval, Interval { low: ordered[13], high: ordered[26] });
    }

    #[test]
    fn a_drift_widens_the_interval() {
        let drift: Vec<f64> = (0..200).map(|i| f64::from(i / 10)).collect();
        let mixed: Vec<f64> = (0..200).map(|i| drift[i * 77 % 200]).collect();
        let error = |series: &[f64]| correlated_error_of_median(series).expect("enough samples");
        assert!(error(&drift) > 3.0 * error(&mixed), "{} against {}", error(&drift), error(&mixed));
    }

    proptest! {
        #[test]
        fn intervals_follow_shift_and_scale(
            series in prop::collection::vec(0i32..1000, 5..100),
            power in -8i32..8,
            by in 0i32..1000,
        ) {
            let plain: Vec<f64> = series.iter().map(|&sample| f64::from(sample)).collect();
            let factor = 2f64.powi(power);
            let moved: Vec<f64> = series.iter().map(|&sample| f64::from(sample + by) * factor).collect();
            let place = |value: f64| (value + f64::from(by)) * factor;
            let expected = correlated_median_interval(&plain, LEVEL)
                .map(|interval| Interval { low: place(interval.low), high: place(interval.high) });
            prop_assert_eq!(correlated_median_interval(&moved, LEVEL), expected);
            if let Some(interval) = expected {
                prop_assert!(interval.contains(median(&sorted(&moved)).expect("not empty")));
            }
        }
    }
}

//! How far samples lie apart, and how well they fix their median.

use super::quantile::{median, sorted};

/// The 0.995 quantile of the standard normal distribution.
const Z_995: f64 = 2.575_829_303_548_901;

/// Median of the distances to the median, unscaled. `None` without samples.
pub fn median_absolute_deviation(sorted_samples: &[f64]) -> Option<f64> {
    let middle = median(sorted_samples)?;
    let distances: Vec<f64> = sorted_samples.iter().map(|sample| (sample - middle).abs()).collect();
    median(&sorted(&distances))
}

/// Standard error of the median after McKean and Schrader, "A comparison of methods for studentizing the
/// sample median" (1984): the distance of two order statistics around the median, without assuming a shape.
/// `None` below five samples, where no pair of order statistics says anything.
pub fn standard_error_of_median(sorted_samples: &[f64]) -> Option<f64> {
    let count = sorted_samples.len();
    if count < 5 {
        return None;
    }
    let rank = ((count as f64 + 1.0) / 2.0 - Z_995 * (count as f64 / 4.0).sqrt()).round().max(1.0) as usize;
    let width = sorted_samples[count - rank] - sorted_samples[rank - 1];
    Some(width / (2.0 * Z_995))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn median_absolute_deviation_of_a_known_set() {
        // Distances to the median 2 are 1 1 0 0 2 4 7, whose median is 1.
        assert_eq!(median_absolute_deviation(&sorted(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0])), Some(1.0));
        assert_eq!(median_absolute_deviation(&[]), None);
    }

    #[test]
    fn standard_error_uses_the_stated_order_statistics() {
        // n = 25: rank = round(13 - 2.5758 * 2.5) = round(6.56) = 7, so the 7th and the 19th sample: 12 apart.
        let samples: Vec<f64> = (1..=25).map(f64::from).collect();
        let found = standard_error_of_median(&samples).expect("enough samples");
        assert!((found - 12.0 / (2.0 * Z_995)).abs() < 1e-12);
        assert_eq!(standard_error_of_median(&samples[..4]), None);
    }

    #[test]
    fn standard_error_is_close_to_the_normal_theory() {
        // For a normal distribution the error tends to 1.2533 sigma / sqrt(n). Samples at its quantiles.
        let samples: Vec<f64> = (0..2000).map(|i| normal_quantile((f64::from(i) + 0.5) / 2000.0)).collect();
        let theory = 1.2533 / 2000f64.sqrt();
        let found = standard_error_of_median(&samples).expect("enough samples");
        assert!((found / theory - 1.0).abs() < 0.1, "{found} against {theory}");
    }

    /// Inverse of the logistic approximation to the normal distribution (Bowling et al., 2009), good to 1 %.
    fn normal_quantile(probability: f64) -> f64 {
        let mut low = -10.0;
        let mut high = 10.0;
        for _ in 0..80 {
            let middle: f64 = (low + high) / 2.0;
            let mass = 1.0 / (1.0 + (-(0.070_56 * middle.powi(3) + 1.5976 * middle)).exp());
            if mass < probability { low = middle } else { high = middle }
        }
        low
    }

    proptest! {
        #[test]
        fn scaling_time_scales_the_spread(
            samples in prop::collection::vec(1.0..1e6f64, 5..60),
            power in -8i32..8,
        ) {
            let factor = 2f64.powi(power);
            let scaled: Vec<f64> = samples.iter().map(|sample| sample * factor).collect();
            let (samples, scaled) = (sorted(&samples), sorted(&scaled));
            prop_assert_eq!(
                median_absolute_deviation(&samples).map(|value| value * factor),
                median_absolute_deviation(&scaled)
            );
            prop_assert_eq!(
                standard_error_of_median(&samples).map(|value| value * factor),
                standard_error_of_median(&scaled)
            );
        }

        #[test]
        fn shifting_time_keeps_the_spread(samples in prop::collection::vec(0u32..1000, 5..60), shift in 0u32..1000) {
            let plain: Vec<f64> = samples.iter().map(|&sample| f64::from(sample)).collect();
            let shifted: Vec<f64> = samples.iter().map(|&sample| f64::from(sample + shift)).collect();
            prop_assert_eq!(
                standard_error_of_median(&sorted(&plain)),
                standard_error_of_median(&sorted(&shifted))
            );
        }
    }
}

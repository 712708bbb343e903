//! The noise that the values of one measurement cannot see: what moves a whole process or a whole run.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::profiling::statistics::{Interval, normal_quantile, normal_upper_tail};

/// How many standard deviations the noise is: 99.9 % of normal values lie within them.
pub(super) const NOISE_DEVIATIONS: f64 = 3.290_526_731_491_925_6;

/// Noise of interleaved pairs where none was calibrated. Two processes with offsets of 0.3 % each (placement of
/// buffers and code) differ by 0.42 %; this is 3.5 times as much.
pub const ASSUMED_NOISE_OF_PAIRS: f64 = 0.015;

/// Noise between two runs taken at different times where none was calibrated: temperature and clocks differ, too.
pub const ASSUMED_NOISE_OF_RUNS: f64 = 0.02;

/// Noise from the shifts that comparisons of something with itself showed: 3.29 times the upper 95 % bound of
/// their root mean square (about zero, which is their true mean), and no less than the largest of them. None
/// below five shifts, or when one is not finite.
pub fn noise_of_shifts(shifts: &[f64]) -> Option<f64> {
    if shifts.len() < 5 || shifts.iter().any(|shift| !shift.is_finite()) {
        return None;
    }
    let squares: f64 = shifts.iter().map(|shift| shift * shift).sum();
    let lower = ChiSquared::new(shifts.len() as f64).ok()?.inverse_cdf(0.05);
    let largest = shifts.iter().fold(0.0_f64, |largest, shift| largest.max(shift.abs()));
    Some((NOISE_DEVIATIONS * (squares / lower).sqrt()).max(largest))
}

/// Widens an interval that only the values' own spread went into by the noise that they cannot see; both are
/// distances at about the same level, and independent, so their squares add.
pub(in crate::regression) fn widened(interval: Interval, shift: f64, noise: f64) -> Interval {
    Interval { low: shift - (shift - interval.low).hypot(noise), high: shift + (interval.high - shift).hypot(noise) }
}

/// The same for a two-sided p-value: taken for one of a normal distribution, whose spread it then tells.
pub(super) fn chance_with_noise(chance: f64, shift: f64, noise: f64) -> f64 {
    let deviations = -normal_quantile(chance / 2.0);
    if shift == 0.0 || deviations <= 0.0 {
        return 1.0;
    }
    let error = (shift.abs() / deviations).hypot(noise / NOISE_DEVIATIONS);
    (2.0 * normal_upper_tail(shift.abs() / error)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_widens_an_interval_and_raises_a_chance() {
        let interval = widened(Interval { low: 0.0, high: 0.07 }, 0.03, 0.04);
        assert!((interval.low + 0.02).abs() < 1e-12 && (interval.high - (0.03 + 0.0032_f64.sqrt())).abs() < 1e-12);
        // Values alone say 1e-12: what is left is the noise, whose 99.9 % bound is the shift itself.
        assert!((chance_with_noise(1e-300, 0.02, 0.02) - 0.001).abs() < 1e-4);
        assert!((chance_with_noise(0.01, 0.02, 0.0) - 0.01).abs() < 1e-9, "no noise changes nothing");
        assert!(chance_with_noise(0.01, 0.02, 0.02) > 0.02);
        assert_eq!((chance_with_noise(1.0, 0.02, 0.02), chance_with_noise(0.5, 0.0, 0.02)), (1.0, 1.0));
    }

    #[test]
    fn few_shifts_give_a_larger_noise_than_many_of_the_same_size() {
        let shifts: Vec<f64> = (0..200).map(|i| if i % 2 == 0 { 0.003 } else { -0.003 }).collect();
        let (few, many) = (noise_of_shifts(&shifts[..5]).unwrap(), noise_of_shifts(&shifts).unwrap());
        // chi-squared quantiles at 0.05: 1.1455 for 5 degrees, 168.28 for 200.
        assert!((few - NOISE_DEVIATIONS * 0.003 * (5.0 / 1.1455_f64).sqrt()).abs() < 1e-5, "{few}");
        assert!((many - NOISE_DEVIATIONS * 0.003 * (200.0 / 168.28_f64).sqrt()).abs() < 1e-5, "{many}");
    }

    #[test]
    fn what_is_no_calibration_gives_no_noise() {
        assert_eq!(noise_of_shifts(&[0.1; 4]), None);
        assert_eq!(noise_of_shifts(&[0.1, 0.1, f64::NAN, 0.1, 0.1]), None);
        assert_eq!(noise_of_shifts(&[0.0; 6]), Some(0.0));
    }
}

//! How often something happens, from how often it did.

use statrs::distribution::{Beta, ContinuousCDF};

use super::interval::{Confidence, Interval};

/// The exact interval of a probability from `successes` in `trials` (Clopper and Pearson, "The Use of Confidence or
/// Fiducial Limits Illustrated in the Case of the Binomial", 1934). `None` without trials, or with more successes than
/// trials.
pub fn rate_interval(successes: u64, trials: u64, confidence: Confidence) -> Option<Interval> {
    let tail = confidence.tail();
    Some(Interval { low: lower(successes, trials, tail)?, high: upper(successes, trials, tail)? })
}

/// The probability that is exceeded with a chance of 5 % at most: the upper end of the one-sided 95 % interval.
pub fn rate_upper_bound(successes: u64, trials: u64) -> Option<f64> {
    upper(successes, trials, 0.05)
}

fn lower(successes: u64, trials: u64, tail: f64) -> Option<f64> {
    if trials == 0 || successes > trials {
        return None;
    }
    if successes == 0 {
        return Some(0.0);
    }
    Some(Beta::new(successes as f64, (trials - successes + 1) as f64).ok()?.inverse_cdf(tail))
}

fn upper(successes: u64, trials: u64, tail: f64) -> Option<f64> {
    lower(trials.checked_sub(successes)?, trials, tail).map(|failures| 1.0 - failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_beta_distribution() {
        // R: binom.test(3, 20)$conf.int; 0 of 200 one-sided is 1 - 0.05^(1/200).
        let interval = rate_interval(3, 20, Confidence::NINETY_FIVE_PERCENT).expect("20 trials");
        assert!(
            (interval.low - 0.032_070_9).abs() < 1e-6 && (interval.high - 0.378_926_8).abs() < 1e-6,
            "{interval:?}"
        );
        let bound = rate_upper_bound(0, 200).expect("200 trials");
        assert!((bound - (1.0 - 0.05f64.powf(1.0 / 200.0))).abs() < 1e-9, "{bound}");
        let all = rate_interval(200, 200, Confidence::NINETY_FIVE_PERCENT).expect("200 trials");
        assert!((all.low - 0.025f64.powf(1.0 / 200.0)).abs() < 1e-9 && all.high == 1.0, "{all:?}");
    }

    #[test]
    fn what_never_ran_has_no_rate() {
        assert_eq!(rate_upper_bound(0, 0), None);
        assert_eq!(rate_interval(3, 2, Confidence::NINETY_FIVE_PERCENT), None);
    }
}

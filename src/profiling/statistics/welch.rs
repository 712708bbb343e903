//! Welch's t-test: two means with unequal variances.

use super::interval::{Confidence, Interval};
use super::moments::{mean, variance};
use super::tails::{student_quantile, student_two_sided};

/// Outcome of Welch's t-test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Welch {
    /// Mean of the first set less that of the second.
    pub difference: f64,
    pub t: f64,
    pub degrees_of_freedom: f64,
    /// Two-sided.
    pub p_value: f64,
    pub interval: Interval,
}

/// Welch's t-test ("The generalization of Student's problem when several different population variances are
/// involved", 1947), two-sided. `None` with fewer than two samples in a set, or when neither set varies: then
/// there is nothing to weigh a difference against (scipy gives NaN or a p-value of 0).
pub fn welch(first: &[f64], second: &[f64], confidence: Confidence) -> Option<Welch> {
    let first_error = variance(first)? / first.len() as f64;
    let second_error = variance(second)? / second.len() as f64;
    let squared_error = first_error + second_error;
    if squared_error <= 0.0 {
        return None;
    }
    let share = |error: f64, count: usize| error.powi(2) / (count as f64 - 1.0);
    let degrees_of_freedom =
        squared_error.powi(2) / (share(first_error, first.len()) + share(second_error, second.len()));
    let difference = mean(first)? - mean(second)?;
    let error = squared_error.sqrt();
    let reach = error * student_quantile(1.0 - confidence.tail(), degrees_of_freedom)?;
    Some(Welch {
        difference,
        t: difference / error,
        degrees_of_freedom,
        p_value: student_two_sided(difference / error, degrees_of_freedom)?,
        interval: Interval { low: difference - reach, high: difference + reach },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_that_do_not_vary_cannot_be_weighed() {
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0], Confidence::NINETY_FIVE_PERCENT), None);
        assert_eq!(welch(&[1.0], &[2.0, 3.0], Confidence::NINETY_FIVE_PERCENT), None);
    }

    #[test]
    fn equal_means_have_a_p_value_of_one() {
        let test = welch(&[1.0, 3.0], &[0.0, 4.0], Confidence::NINETY_FIVE_PERCENT).expect("both vary");
        assert_eq!((test.difference, test.t), (0.0, 0.0));
        assert!((test.p_value - 1.0).abs() < 1e-12);
    }
}

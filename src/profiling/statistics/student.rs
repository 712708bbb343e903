//! Student's t-test: two means with one variance.

use super::moments::mean;
use super::tails::student_two_sided;

/// The two-sided p-value of Student's test ("The probable error of a mean", 1908, for two samples) with the variance
/// pooled over both sets, so that a set may be a single sample. Sets that do not vary at all are certain: 0 if they
/// differ and 1 if not. `None` for an empty set, or for two samples in all, of which nothing can be said.
pub fn student(first: &[f64], second: &[f64]) -> Option<f64> {
    let (first_mean, second_mean) = (mean(first)?, mean(second)?);
    let degrees_of_freedom = (first.len() + second.len()).checked_sub(2).filter(|degrees| *degrees > 0)? as f64;
    let squares = |set: &[f64], middle: f64| set.iter().map(|sample| (sample - middle).powi(2)).sum::<f64>();
    let variance = (squares(first, first_mean) + squares(second, second_mean)) / degrees_of_freedom;
    let difference = first_mean - second_mean;
    if variance == 0.0 {
        return Some(if difference == 0.0 { 1.0 } else { 0.0 });
    }
    let error = (variance * (1.0 / first.len() as f64 + 1.0 / second.len() as f64)).sqrt();
    student_two_sided(difference / error, degrees_of_freedom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // scipy.stats.ttest_ind([1, 2, 3, 4], [3, 4, 5.5]), scipy 1.16.3.
        let p = student(&[1.0, 2.0, 3.0, 4.0], &[3.0, 4.0, 5.5]).expect("seven samples");
        assert!((p - 0.14844052031687274).abs() < 1e-12, "{p}");
        // A single sample: scipy.stats.t.sf with two degrees of freedom.
        let p = student(&[1.0, 2.0, 3.0], &[9.0]).expect("four samples");
        assert!((p - 0.026148318903646623).abs() < 1e-12, "{p}");
    }

    #[test]
    fn what_does_not_vary_is_certain_and_what_is_not_there_is_not_judged() {
        assert_eq!(student(&[5.0, 5.0], &[5.0, 5.0]), Some(1.0));
        assert_eq!(student(&[5.0, 5.0], &[6.0]), Some(0.0));
        assert_eq!((student(&[1.0], &[2.0]), student(&[], &[1.0, 2.0])), (None, None));
    }
}

//! Tails and quantiles of the distributions that the tests compare with.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Probability that a standard normal value exceeds `z`.
pub fn normal_upper_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// The value that a standard normal one stays below with this probability.
pub fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// Probability that |t| of Student's distribution is at least `t`. `None` unless the degrees are positive.
pub fn student_two_sided(t: f64, degrees_of_freedom: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom).ok()?;
    Some((2.0 * distribution.sf(t.abs())).min(1.0))
}

/// The value that Student's t stays below with this probability. `None` unless the degrees are positive.
pub fn student_quantile(probability: f64, degrees_of_freedom: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom).ok()?;
    Some(distribution.inverse_cdf(probability))
}

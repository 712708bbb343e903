//! What a few groups of samples say about a location when groups differ more than the samples in them do.

use super::interval::{Confidence, Interval};
use super::moments::variance;
use super::tails::student_quantile;

/// Standard error of the mean of the groups' locations. `None` for fewer than two groups.
pub fn error_between_groups(locations: &[f64]) -> Option<f64> {
    Some((variance(locations)? / locations.len() as f64).sqrt())
}

/// Student's interval ("The probable error of a mean", 1908) around `center` from the groups' locations: whatever
/// makes groups differ, the next groups will differ by it too, which no number of samples within them can show.
/// `None` for fewer than two groups.
pub fn interval_between_groups(center: f64, locations: &[f64], confidence: Confidence) -> Option<Interval> {
    let quantile = student_quantile(1.0 - confidence.tail(), locations.len() as f64 - 1.0)?;
    let reach = quantile * error_between_groups(locations)?;
    Some(Interval { low: center - reach, high: center + reach })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_groups_reach_as_far_as_student_says() {
        let locations = [10.0, 10.2, 10.0, 10.2];
        // Standard deviation 0.11547, over two; t of 3 degrees at 0.975 is 3.18245 (Student's table).
        assert!((error_between_groups(&locations).expect("four") - 0.057_735).abs() < 1e-6);
        let interval = interval_between_groups(10.1, &locations, Confidence::NINETY_FIVE_PERCENT).expect("four");
        assert!((interval.low - 9.916_26).abs() < 1e-4 && (interval.high - 10.283_74).abs() < 1e-4, "{interval:?}");
    }

    #[test]
    fn one_group_says_nothing_about_others() {
        assert_eq!(error_between_groups(&[1.0]), None);
        assert_eq!(interval_between_groups(1.0, &[1.0], Confidence::NINETY_FIVE_PERCENT), None);
        assert_eq!(interval_between_groups(1.0, &[], Confidence::NINETY_FIVE_PERCENT), None);
    }
}

//! What a few groups of samples say about a location when groups differ more than the samples in them do.

use super::interval::{Confidence, Interval};
use super::moments::{mean, variance};
use super::quantile::sorted;
use super::tails::student_quantile;

/// Share of the groups that is left out at each end.
const TRIMMED: f64 = 0.125;

/// Groups left out at each end: none of fewer than eight.
fn left_out(groups: usize) -> usize {
    (TRIMMED * groups as f64) as usize
}

/// Where groups lie: the mean of their locations without the eighth part at each end, so that a group which something
/// disturbed does not count by how much. `None` for no groups.
pub fn location_of_groups(locations: &[f64]) -> Option<f64> {
    let ordered = sorted(locations);
    let out = left_out(ordered.len());
    mean(&ordered[out..ordered.len() - out])
}

/// Standard error of that mean, from what is left with its ends repeated for those left out (Yuen, "The two-sample trimmed t
/// for unequal population variances", 1974). `None` for fewer than two groups.
pub fn error_between_groups(locations: &[f64]) -> Option<f64> {
    let mut ordered = sorted(locations);
    let (count, out) = (ordered.len(), left_out(locations.len()));
    if out > 0 {
        let (low, high) = (ordered[out], ordered[count - 1 - out]);
        ordered[..out].fill(low);
        ordered[count - out..].fill(high);
    }
    let kept = 1.0 - 2.0 * out as f64 / count as f64;
    Some((variance(&ordered)? / count as f64).sqrt() / kept)
}

/// Student's interval ("The probable error of a mean", 1908) around `center` from the groups' locations: whatever
/// makes groups differ, the next groups will differ by it too, which no number of samples within them can show.
/// `None` for fewer than two groups.
pub fn interval_between_groups(center: f64, locations: &[f64], confidence: Confidence) -> Option<Interval> {
    let kept = locations.len() - 2 * left_out(locations.len());
    let quantile = student_quantile(1.0 - confidence.tail(), kept as f64 - 1.0)?;
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
    fn a_disturbed_group_is_left_out_as_scipy_leaves_it_out() {
        let locations = [22.6, 22.7, 22.7, 22.6, 21.9, 66.7, 21.8, 21.9];
        // scipy.stats.trim_mean(x, 0.125), mstats.trimmed_stde and mstats.trimmed_mean_ci(x, limits=(0.125, 0.125)).
        let center = location_of_groups(&locations).expect("eight");
        assert!((center - 22.4).abs() < 1e-9, "{center}");
        assert!((error_between_groups(&locations).expect("eight") - 0.186_445_447).abs() < 1e-8);
        let interval = interval_between_groups(center, &locations, Confidence::NINETY_FIVE_PERCENT).expect("eight");
        assert!((interval.low - 21.920_726_7).abs() < 1e-6 && (interval.high - 22.879_273_3).abs() < 1e-6);
    }

    #[test]
    fn one_group_says_nothing_about_others() {
        assert_eq!((error_between_groups(&[1.0]), location_of_groups(&[])), (None, None));
        assert_eq!(location_of_groups(&[1.0]), Some(1.0));
        assert_eq!(interval_between_groups(1.0, &[1.0], Confidence::NINETY_FIVE_PERCENT), None);
        assert_eq!(interval_between_groups(1.0, &[], Confidence::NINETY_FIVE_PERCENT), None);
    }
}

//! Wilcoxon's signed-rank test, for pairs measured side by side.

use super::hypothesis::{Alternative, NullDistribution};
use super::ranks::{Ranks, SumDistribution};
use super::tails::normal_upper_tail;

/// Up to this many differences every assignment of signs is counted: a million additions.
pub(super) const MOST_EXACT_DIFFERENCES: usize = 100;

/// Outcome of a signed-rank test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignedRank {
    /// Sum of the ranks of the positive differences.
    pub positive_rank_sum: f64,
    /// Differences that were not zero, which are the ones tested.
    pub used: usize,
    pub p_value: f64,
    pub null: NullDistribution,
}

/// Signed-rank test that differences lie evenly about zero (Wilcoxon, "Individual Comparisons by Ranking
/// Methods", 1945). Zero differences are left out, as Wilcoxon did. `None` when no other difference remains.
///
/// scipy.stats.wilcoxon counts exactly only without ties, or up to 13 differences; here ties are counted too.
/// Its approximation is not corrected for continuity unless asked, this one always is. Its two-sided statistic
/// is the smaller of the two rank sums.
pub fn signed_rank(differences: &[f64], alternative: Alternative) -> Option<SignedRank> {
    let used = differences.iter().filter(|&&difference| difference != 0.0).count();
    let null = if used <= MOST_EXACT_DIFFERENCES { NullDistribution::Exact } else { NullDistribution::Normal };
    signed_rank_by(differences, alternative, null)
}

/// The same test with the null distribution chosen by the caller.
pub fn signed_rank_by(differences: &[f64], alternative: Alternative, null: NullDistribution) -> Option<SignedRank> {
    let used: Vec<f64> = differences.iter().copied().filter(|&difference| difference != 0.0).collect();
    if used.is_empty() {
        return None;
    }
    let ranks = Ranks::of(&used.iter().map(|difference| difference.abs()).collect::<Vec<f64>>());
    let positive: usize =
        ranks.doubled.iter().zip(&used).filter(|&(_, &difference)| difference > 0.0).map(|(rank, _)| rank).sum();
    let positive_rank_sum = positive as f64 / 2.0;
    let (at_most, at_least) = match null {
        NullDistribution::Exact => {
            let sums = SumDistribution::of_coin_tosses(&ranks.doubled);
            (sums.at_most(positive), sums.at_least(positive))
        }
        NullDistribution::Normal => normal_tails(positive_rank_sum, used.len() as f64, ranks.tie_term),
    };
    let p_value = alternative.probability(at_most, at_least);
    Some(SignedRank { positive_rank_sum, used: used.len(), p_value, null })
}

fn normal_tails(positive_rank_sum: f64, count: f64, tie_term: f64) -> (f64, f64) {
    let mean = count * (count + 1.0) / 4.0;
    let deviation = (count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - tie_term / 48.0).sqrt();
    let tail = |distance: f64| normal_upper_tail((distance - 0.5) / deviation);
    (tail(mean - positive_rank_sum), tail(positive_rank_sum - mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sign_only_reaches_the_smallest_p_value() {
        let test = signed_rank(&[1.0, 2.0, 3.0, 4.0, 0.0], Alternative::Greater).expect("four differences");
        assert_eq!((test.positive_rank_sum, test.used, test.null), (10.0, 4, NullDistribution::Exact));
        assert!((test.p_value - 1.0 / 16.0).abs() < 1e-15);
    }

    #[test]
    fn no_difference_at_all_is_no_test() {
        assert_eq!(signed_rank(&[0.0, -0.0], Alternative::TwoSided), None);
    }

    #[test]
    fn a_rank_sum_in_the_middle_says_nothing() {
        let test = signed_rank(&[1.0, -2.0, -3.0, 4.0], Alternative::TwoSided).expect("four differences");
        assert_eq!(test.p_value, 1.0);
    }
}

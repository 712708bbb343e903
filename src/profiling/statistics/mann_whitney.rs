//! Mann–Whitney U: do the values of one set tend to be larger than those of another?

use super::hypothesis::{Alternative, NullDistribution};
use super::ranks::{Ranks, SumDistribution};
use super::tails::normal_upper_tail;

/// Counting every split of the ranks takes about smaller · total³ additions; beyond this many (some
/// milliseconds, and at least 53 values whatever the split) the normal approximation stands in.
const MOST_EXACT_ADDITIONS: f64 = 4e6;

/// Outcome of a Mann–Whitney U test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the first set's value is the larger one; a tie counts one half.
    pub u: f64,
    /// u over all pairs: the probability that a value of the first set exceeds one of the second.
    pub superiority: f64,
    pub p_value: f64,
    pub null: NullDistribution,
}

/// Whether counting every split of this many values is cheap enough.
pub(super) fn is_countable(first: usize, second: usize) -> bool {
    first.min(second) as f64 * ((first + second) as f64).powi(3) <= MOST_EXACT_ADDITIONS
}

/// Mann–Whitney U test of two independent sets (Mann and Whitney, "On a Test of Whether one of Two Random
/// Variables is Stochastically Larger than the Other", 1947). `None` when a set is empty.
///
/// scipy.stats.mannwhitneyu counts exactly only without ties and up to eight values in one set; here ties are
/// counted too. When all values are equal the p-value is 1 (scipy: NaN in the approximation).
pub fn mann_whitney(first: &[f64], second: &[f64], alternative: Alternative) -> Option<MannWhitney> {
    let null = if is_countable(first.len(), second.len()) { NullDistribution::Exact } else { NullDistribution::Normal };
    mann_whitney_by(first, second, alternative, null)
}

/// The same test with the null distribution chosen by the caller.
pub fn mann_whitney_by(
    first: &[f64],
    second: &[f64],
    alternative: Alternative,
    null: NullDistribution,
) -> Option<MannWhitney> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let ranks = Ranks::of(&[first, second].concat());
    let doubled_sum: usize = ranks.doubled[..first.len()].iter().sum();
    let smallest = first.len() * (first.len() + 1);
    let u = (doubled_sum - smallest) as f64 / 2.0;
    let pairs = first.len() as f64 * second.len() as f64;
    let (at_most, at_least) = match null {
        NullDistribution::Exact => exact_tails(&ranks, first.len(), doubled_sum),
        NullDistribution::Normal => normal_tails(u, pairs, (first.len() + second.len()) as f64, ranks.tie_term),
    };
    Some(MannWhitney { u, superiority: u / pairs, p_value: alternative.probability(at_most, at_least), null })
}

/// Counts the subsets of the smaller set's size, which is cheaper: the two rank sums add up to a constant.
fn exact_tails(ranks: &Ranks, first: usize, doubled_sum: usize) -> (f64, f64) {
    let total = ranks.doubled.len();
    if 2 * first <= total {
        let sums = SumDistribution::of_subsets(&ranks.doubled, first);
        (sums.at_most(doubled_sum), sums.at_least(doubled_sum))
    } else {
        let sums = SumDistribution::of_subsets(&ranks.doubled, total - first);
        let other = total * (total + 1) - doubled_sum;
        (sums.at_least(other), sums.at_most(other))
    }
}

fn normal_tails(u: f64, pairs: f64, total: f64, tie_term: f64) -> (f64, f64) {
    let deviation = (pairs / 12.0 * (total + 1.0 - tie_term / (total * (total - 1.0)))).max(0.0).sqrt();
    if deviation == 0.0 {
        return (1.0, 1.0);
    }
    let tail = |distance: f64| normal_upper_tail((distance - 0.5) / deviation);
    (tail(pairs / 2.0 - u), tail(u - pairs / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separated_sets_reach_the_smallest_p_value() {
        let test = mann_whitney(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], Alternative::TwoSided).expect("not empty");
        assert_eq!((test.u, test.superiority, test.null), (0.0, 0.0, NullDistribution::Exact));
        assert!((test.p_value - 0.1).abs() < 1e-15);
    }

    #[test]
    fn equal_values_say_nothing() {
        for null in [NullDistribution::Exact, NullDistribution::Normal] {
            let test = mann_whitney_by(&[2.0; 5], &[2.0; 7], Alternative::TwoSided, null).expect("not empty");
            assert_eq!((test.superiority, test.p_value), (0.5, 1.0));
        }
        assert_eq!(mann_whitney(&[], &[1.0], Alternative::TwoSided), None);
    }

    #[test]
    fn many_values_take_the_approximation() {
        let values: Vec<f64> = (0..40).map(f64::from).collect();
        let test = mann_whitney(&values, &values, Alternative::Less).expect("not empty");
        assert_eq!(test.null, NullDistribution::Normal);
    }
}

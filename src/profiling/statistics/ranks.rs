//! Ranks with ties, and the exact null distributions of sums of ranks.

/// Ranks of a set of values, where equal values share the mean of their ranks.
pub struct Ranks {
    /// Twice the rank of each value, in the order given: whole numbers even where ranks are shared.
    pub doubled: Vec<usize>,
    /// Sum of t³ − t over groups of t equal values: what ties take from the variance of a rank sum.
    pub tie_term: f64,
}

impl Ranks {
    pub fn of(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&left, &right| values[left].total_cmp(&values[right]));
        let mut ranks = Self { doubled: vec![0; values.len()], tie_term: 0.0 };
        let mut before = 0;
        // Equality, not total order: 0.0 and -0.0 are the same measurement.
        for group in order.chunk_by(|&left, &right| values[left] == values[right]) {
            for &place in group {
                ranks.doubled[place] = 2 * before + group.len() + 1;
            }
            before += group.len();
            let size = group.len() as f64;
            ranks.tie_term += size.powi(3) - size;
        }
        ranks
    }
}

/// The distribution of a sum of whole numbers, from 0 to its largest value.
pub struct SumDistribution {
    probabilities: Vec<f64>,
}

impl SumDistribution {
    /// Sum of a random subset of `size` of the weights, all subsets being equally likely.
    pub fn of_subsets(weights: &[usize], size: usize) -> Self {
        let largest = largest_sum(weights, size);
        // counts[k][s]: subsets of k of the weights seen so far with sum s.
        let mut counts = vec![vec![0.0; largest + 1]; size + 1];
        counts[0][0] = 1.0;
        for (seen, &weight) in weights.iter().enumerate() {
            for chosen in (1..=size.min(seen + 1)).rev() {
                let (fewer, more) = counts.split_at_mut(chosen);
                let from = &fewer[chosen - 1];
                for (count, added) in more[0][weight.min(largest + 1)..].iter_mut().zip(from) {
                    *count += added;
                }
            }
        }
        Self::normalised(counts.swap_remove(size))
    }

    /// Sum of the weights that a fair coin selects, one toss a weight.
    pub fn of_coin_tosses(weights: &[usize]) -> Self {
        let largest: usize = weights.iter().sum();
        let mut counts = vec![0.0; largest + 1];
        counts[0] = 1.0;
        let mut reached = 0;
        for &weight in weights {
            for sum in (0..=reached).rev() {
                counts[sum + weight] += counts[sum];
            }
            reached += weight;
        }
        Self::normalised(counts)
    }

    fn normalised(mut counts: Vec<f64>) -> Self {
        let total: f64 = counts.iter().sum();
        counts.iter_mut().for_each(|count| *count /= total);
        Self { probabilities: counts }
    }

    /// Probability of at most `sum`.
    pub fn at_most(&self, sum: usize) -> f64 {
        let end = self.probabilities.len().min(sum + 1);
        self.probabilities[..end].iter().sum::<f64>().min(1.0)
    }

    /// Probability of at least `sum`.
    pub fn at_least(&self, sum: usize) -> f64 {
        let start = self.probabilities.len().min(sum);
        self.probabilities[start..].iter().rev().sum::<f64>().min(1.0)
    }

    /// How many of the smallest sums together stay within `probability`.
    pub fn sums_within(&self, probability: f64) -> usize {
        let mut total = 0.0;
        let fits = |mass: &&f64| {
            total += **mass;
            total <= probability
        };
        self.probabilities.iter().take_while(fits).count()
    }
}

fn largest_sum(weights: &[usize], size: usize) -> usize {
    let mut descending = weights.to_vec();
    descending.sort_unstable_by(|left, right| right.cmp(left));
    descending.iter().take(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_mean_rank() {
        let ranks = Ranks::of(&[3.0, 1.0, 3.0, 0.0, -0.0]);
        assert_eq!(ranks.doubled, [9, 6, 9, 3, 3]);
        assert_eq!(ranks.tie_term, 12.0);
    }

    #[test]
    fn subsets_are_counted_once_each() {
        // Pairs of 1 2 3 4 have sums 3 4 5 5 6 7.
        let sums = SumDistribution::of_subsets(&[1, 2, 3, 4], 2);
        assert!((sums.at_most(5) - 4.0 / 6.0).abs() < 1e-15);
        assert!((sums.at_least(5) - 4.0 / 6.0).abs() < 1e-15);
        assert!((sums.at_least(7) - 1.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn coin_tosses_are_counted_once_each() {
        // Sums of subsets of 1 2 3: 0 1 2 3 3 4 5 6.
        let sums = SumDistribution::of_coin_tosses(&[1, 2, 3]);
        assert!((sums.at_most(2) - 3.0 / 8.0).abs() < 1e-15);
        assert!((sums.at_least(3) - 5.0 / 8.0).abs() < 1e-15);
        assert_eq!(sums.sums_within(0.25), 2);
    }
}

//! Order statistics of all pairwise differences or averages, without writing the pairs down.

/// The `rank`-th smallest (from 1) of a set of finite values that `count_at_most` counts: the smallest number
/// that at least `rank` of them do not exceed. Bisects the 2^64 ordered bit patterns, so the answer is exact,
/// in 64 counts at most.
fn ranked(rank: usize, lowest: f64, highest: f64, count_at_most: impl Fn(f64) -> usize) -> f64 {
    let (mut low, mut high) = (ordered_bits(lowest), ordered_bits(highest));
    while low < high {
        let middle = low + (high - low) / 2;
        if count_at_most(from_ordered_bits(middle)) >= rank { high = middle } else { low = middle + 1 }
    }
    from_ordered_bits(low)
}

const SIGN: u64 = 1 << 63;

/// Bits of a number, arranged so that they sort as the numbers do.
fn ordered_bits(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn from_ordered_bits(bits: u64) -> f64 {
    f64::from_bits(if bits & SIGN == 0 { !bits } else { bits & !SIGN })
}

/// Sorted values, seen as all the differences `candidate − base`.
pub struct Differences<'a> {
    pub base: &'a [f64],
    pub candidate: &'a [f64],
}

/// Sorted values, seen as all the Walsh averages: means of two of them, or of one with itself.
pub struct WalshAverages<'a>(pub &'a [f64]);

/// A set of values derived from pairs.
pub trait Pairs {
    fn count(&self) -> usize;

    /// The `rank`-th smallest, from 1 to `count()`.
    fn ranked(&self, rank: usize) -> f64;

    fn median(&self) -> f64 {
        let count = self.count();
        let lower = self.ranked(count.div_ceil(2));
        if count % 2 == 1 { lower } else { lower + (self.ranked(count / 2 + 1) - lower) / 2.0 }
    }
}

impl Pairs for Differences<'_> {
    fn count(&self) -> usize {
        self.base.len() * self.candidate.len()
    }

    fn ranked(&self, rank: usize) -> f64 {
        let lowest = self.candidate[0] - self.base[self.base.len() - 1];
        let highest = self.candidate[self.candidate.len() - 1] - self.base[0];
        ranked(rank, lowest, highest, |bound| {
            // As the candidate grows, so does the first base value that keeps the difference within bound.
            let mut first = 0;
            let mut count = 0;
            for candidate in self.candidate {
                while first < self.base.len() && candidate - self.base[first] > bound {
                    first += 1;
                }
                count += self.base.len() - first;
            }
            count
        })
    }
}

impl Pairs for WalshAverages<'_> {
    fn count(&self) -> usize {
        self.0.len() * (self.0.len() + 1) / 2
    }

    fn ranked(&self, rank: usize) -> f64 {
        let values = self.0;
        ranked(rank, values[0], values[values.len() - 1], |bound| {
            // As the lower value grows, the last partner that keeps the mean within bound falls.
            let mut partners = values.len();
            let mut count = 0;
            for (place, value) in values.iter().enumerate() {
                while partners > place && (value + values[partners - 1]) / 2.0 > bound {
                    partners -= 1;
                }
                count += partners.saturating_sub(place);
            }
            count
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quantile::sorted;
    use super::*;

    proptest! {
        #[test]
        fn every_rank_is_the_one_a_full_sort_finds(
            base in prop::collection::vec(-1e3..1e3f64, 1..12),
            candidate in prop::collection::vec(prop_oneof![-1e3..1e3f64, Just(0.0), Just(-1.0)], 1..12),
        ) {
            let (base, candidate) = (sorted(&base), sorted(&candidate));
            let differences = Differences { base: &base, candidate: &candidate };
            let all = sorted(&candidate.iter().flat_map(|c| base.iter().map(move |b| c - b)).collect::<Vec<f64>>());
            for (place, value) in all.iter().enumerate() {
                prop_assert_eq!(differences.ranked(place + 1), *value);
            }
            let averages = WalshAverages(&candidate);
            let candidate = &candidate;
            let all: Vec<f64> = (0..candidate.len())
                .flat_map(|i| candidate[i..].iter().map(move |other| (candidate[i] + other) / 2.0))
                .collect();
            for (place, value) in sorted(&all).iter().enumerate() {
                prop_assert_eq!(averages.ranked(place + 1), *value);
            }
        }
    }
}

//! What a sampler may keep of one row, in f64, and how far f32 may be from it.
//!
//! Rounding band. A kernel's mass of a token is `e^t` with `t = (x - max) / T` in f32: three roundings (the
//! difference, 1 / T, the product), so that t is off by at most `3 * 2^-24 * |t|`; `exp_float` is within 1 ULP,
//! `2^-23`; and the mass is cut to a multiple of 2^-40 of the best token's. A cumulative probability is then off
//! by at most the mean relative error, `2^-24 * (3 * S + 2) + n * 2^-40`, with `S` the mean of |t| under the
//! distribution and n its tokens: the partial sums of p(e - mean e) are at most half the mean of |e - mean e|.
//! DESIGN §7 allows `V * 2^-24` at most; the smaller of the two is used.

use super::filters::Filters;
use super::total_order::best;

const HALF_ULP: f64 = 1.0 / (1u64 << 24) as f64;
const MASS_UNIT: f64 = 1.0 / (1u64 << 40) as f64;

/// Flags of the `detail` output, as in `candidates.h`.
pub const FLAG_NO_FINITE_LOGIT: u32 = 1;
pub const FLAG_NAN: u32 = 2;
pub const FLAG_POSITIVE_INFINITY: u32 = 4;

/// How many tokens may be kept: a kernel's own rounding decides within the band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    pub least: usize,
    /// What f64 keeps.
    pub predicted: usize,
    pub most: usize,
}

/// One row after temperature and top-k, best token first.
#[derive(Clone, Debug)]
pub struct RowDistribution {
    pub flags: u32,
    /// Positions of the tokens, best first.
    pub tokens: Vec<u32>,
    /// Mass of each token relative to the best one's, in the same order.
    pub masses: Vec<f64>,
    /// How many are kept after top-p and min-p. All zero without a finite logit.
    pub kept: Band,
    /// Largest error of a cumulative probability.
    pub band: f64,
}

impl RowDistribution {
    pub fn new(logits: &[f64], filters: &Filters) -> Self {
        let finite: Vec<usize> = (0..logits.len()).filter(|&position| logits[position].is_finite()).collect();
        let mut flags = 0;
        if finite.is_empty() {
            flags |= FLAG_NO_FINITE_LOGIT;
        }
        if logits.iter().any(|logit| logit.is_nan()) {
            flags |= FLAG_NAN;
        }
        if logits.contains(&f64::INFINITY) {
            flags |= FLAG_POSITIVE_INFINITY;
        }
        let k = filters.k.unwrap_or(finite.len());
        let order = best(logits, finite, k);
        let scaled: Vec<f64> =
            order.iter().map(|&token| (logits[token] - logits[order[0]]) / filters.temperature).collect();
        let masses: Vec<f64> = scaled.iter().map(|scaled| scaled.exp()).collect();
        let total: f64 = masses.iter().sum();
        let spread: f64 = scaled.iter().zip(&masses).map(|(scaled, mass)| spread(*scaled, *mass)).sum();
        let derived = HALF_ULP * (3.0 * spread / total + 2.0) + order.len() as f64 * MASS_UNIT;
        let band = if order.is_empty() { 0.0 } else { derived.min(logits.len() as f64 * HALF_ULP) };
        let kept = kept_tokens(&scaled, &masses, total, filters, band);
        Self { flags, tokens: order.iter().map(|&token| token as u32).collect(), masses, kept, band }
    }
}

/// |t| times its mass; nothing where the mass has vanished.
fn spread(scaled: f64, mass: f64) -> f64 {
    if mass == 0.0 { 0.0 } else { scaled.abs() * mass }
}

fn kept_tokens(scaled: &[f64], masses: &[f64], total: f64, filters: &Filters, band: f64) -> Band {
    let all = masses.len();
    let mut kept = Band { least: all, predicted: all, most: all };
    if all == 0 {
        return kept;
    }
    if let Some(p) = filters.p {
        let cumulative = running_sums(masses);
        let prefix = |p: f64| cumulative.partition_point(|&sum| sum < p * total).saturating_add(1).min(all);
        kept = Band { least: prefix(p - band), predicted: prefix(p), most: prefix(p + band) };
    }
    if filters.min_p > 0.0 {
        let least = filters.min_p.ln();
        // The threshold is rounded to f32 as well as t; the smallest subnormal covers products that vanish.
        let width = 4.0 * HALF_ULP * least.abs() + f64::from(f32::from_bits(1));
        let above = |limit: f64| scaled.partition_point(|&scaled| scaled >= limit).max(1);
        kept.least = kept.least.min(above(least + width));
        kept.predicted = kept.predicted.min(above(least));
        kept.most = kept.most.min(above(least - width));
    }
    kept
}

/// Inclusive sums; compensated (Neumaier, 1974), so that 2^18 terms cost no more than one rounding.
pub fn running_sums(values: &[f64]) -> Vec<f64> {
    let (mut sum, mut lost) = (0.0f64, 0.0f64);
    let sums = values.iter().map(|&value| {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
        sum + lost
    });
    sums.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OFF: Filters = Filters { k: None, p: None, min_p: 0.0, temperature: 1.0, stream: 0, step: 0 };

    fn kept(logits: &[f64], filters: Filters) -> Vec<u32> {
        let row = RowDistribution::new(logits, &filters);
        row.tokens[..row.kept.predicted].to_vec()
    }

    /// Probabilities 0.4, 0.3, 0.2, 0.1 at positions 2, 0, 3, 1.
    fn tenths() -> [f64; 4] {
        [0.3f64.ln(), 0.1f64.ln(), 0.4f64.ln(), 0.2f64.ln()]
    }

    #[test]
    fn filters_keep_what_they_say() {
        assert_eq!(kept(&tenths(), OFF), [2, 0, 3, 1]);
        assert_eq!(kept(&tenths(), Filters { k: Some(2), ..OFF }), [2, 0]);
        assert_eq!(kept(&tenths(), Filters { p: Some(0.5), ..OFF }), [2, 0]);
        assert_eq!(kept(&tenths(), Filters { p: Some(0.0), ..OFF }), [2]);
        // After top-k the mass is 0.7: 0.4 / 0.7 = 0.571 reaches 0.55.
        assert_eq!(kept(&tenths(), Filters { k: Some(2), p: Some(0.55), ..OFF }), [2]);
        assert_eq!(kept(&tenths(), Filters { min_p: 0.45, ..OFF }), [2, 0, 3]);
    }

    #[test]
    fn a_row_says_what_else_it_held() {
        let row = RowDistribution::new(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY], &OFF);
        assert_eq!(row.flags, FLAG_NO_FINITE_LOGIT | FLAG_NAN | FLAG_POSITIVE_INFINITY);
        assert_eq!(row.kept, Band { least: 0, predicted: 0, most: 0 });
        assert_eq!(RowDistribution::new(&[f64::NEG_INFINITY, 1.0], &OFF).flags, 0);
    }

    proptest! {
        #[test]
        fn the_kept_set_is_the_smallest_prefix_that_reaches_p(
            logits in prop::collection::vec(-8.0f64..8.0, 1..100),
            p in 0.0f64..1.0,
        ) {
            let row = RowDistribution::new(&logits, &Filters { p: Some(p), ..OFF });
            let total: f64 = row.masses.iter().sum();
            let sums = running_sums(&row.masses);
            let Band { least, predicted, most } = row.kept;
            prop_assert!(1 <= least && least <= predicted && predicted <= most && most <= logits.len());
            prop_assert!(sums[predicted - 1] >= p * total || predicted == logits.len());
            prop_assert!(predicted == 1 || sums[predicted - 2] < p * total);
        }
    }
}

//! Whether many draws from one distribution look like draws from it, and like independent ones.
//!
//! The exact replay already fixes every token; these layers would also see a generator whose draws are wrong as a
//! whole (a counter that repeats, a biased u), which a replay with the same generator cannot.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::draws::KeptSet;

/// Draws from one row below which no statistical layer says anything.
pub const LEAST_DRAWS: usize = 10_000;

/// False alarms of one layer of one case: one in a million.
const ALPHA: f64 = 1e-6;

/// Two-sided quantile of the standard normal at `ALPHA`.
const NORMAL_LIMIT: f64 = 4.892;

/// A token with this many expected draws must appear: it is missing with probability e^-64.
const COVERED: f64 = 64.0;

/// Bins are pooled until this many draws are expected.
const LEAST_EXPECTED: f64 = 10.0;

/// One sentence for each layer that failed. `draws` are places in `kept`, in the order of their rows.
pub fn statistical_failures(kept: &KeptSet, draws: &[usize]) -> Vec<String> {
    let probabilities: Vec<f64> = (0..kept.tokens.len()).map(|place| kept.probability(place)).collect();
    let mut counts = vec![0u64; probabilities.len()];
    for &place in draws {
        counts[place] += 1;
    }
    let layers = [
        coverage(&kept.tokens, &probabilities, &counts, draws.len()),
        g_test(&probabilities, &counts, draws.len()),
        total_variation(&probabilities, &counts, draws.len()),
        lag_one(&kept.edges, &probabilities, draws),
    ];
    layers.into_iter().flatten().collect()
}

fn coverage(tokens: &[u32], probabilities: &[f64], counts: &[u64], draws: usize) -> Option<String> {
    let missing =
        (0..counts.len()).find(|&place| counts[place] == 0 && probabilities[place] * draws as f64 >= COVERED)?;
    Some(format!(
        "coverage: token {} never appeared in {draws} draws, {:.0} were expected",
        tokens[missing],
        probabilities[missing] * draws as f64
    ))
}

fn g_test(probabilities: &[f64], counts: &[u64], draws: usize) -> Option<String> {
    let bins = pooled(probabilities, counts, draws);
    if bins.len() < 2 {
        return None;
    }
    let statistic: f64 = bins
        .iter()
        .filter(|(observed, _)| *observed > 0)
        .map(|&(observed, expected)| 2.0 * observed as f64 * (observed as f64 / expected).ln())
        .sum();
    let freedom = (bins.len() - 1) as f64;
    let tail = ChiSquared::new(freedom).expect("at least one degree of freedom").sf(statistic);
    (tail < ALPHA).then(|| {
        format!("G test: G = {statistic:.1} with {freedom} degrees of freedom over {draws} draws has probability {tail:.1e}, below {ALPHA:e}")
    })
}

/// Observed and expected draws per bin of neighbouring tokens; each expects at least `LEAST_EXPECTED`.
fn pooled(probabilities: &[f64], counts: &[u64], draws: usize) -> Vec<(u64, f64)> {
    let mut bins: Vec<(u64, f64)> = Vec::new();
    let mut open = (0, 0.0);
    for (&probability, &count) in probabilities.iter().zip(counts) {
        open = (open.0 + count, open.1 + probability * draws as f64);
        if open.1 >= LEAST_EXPECTED {
            bins.push(std::mem::take(&mut open));
        }
    }
    match bins.last_mut() {
        Some(last) => *last = (last.0 + open.0, last.1 + open.1),
        None => bins.push(open),
    }
    bins
}

/// Against its own null: the mean under the null plus McDiarmid's bound at `ALPHA`.
fn total_variation(probabilities: &[f64], counts: &[u64], draws: usize) -> Option<String> {
    let n = draws as f64;
    let distance: f64 = probabilities
        .iter()
        .zip(counts)
        .map(|(probability, &count)| 0.5 * (count as f64 / n - probability).abs())
        .sum();
    let mean: f64 =
        probabilities.iter().map(|p| (p * (1.0 - p).max(0.0) / (2.0 * std::f64::consts::PI * n)).sqrt()).sum();
    let limit = mean + ((1.0 / ALPHA).ln() / (2.0 * n)).sqrt();
    (distance > limit)
        .then(|| format!("total variation: {distance:.5} over {draws} draws, at most {limit:.5} is chance"))
}

/// Correlation of each draw's place in the CDF with the next one's.
fn lag_one(edges: &[f64], probabilities: &[f64], draws: &[usize]) -> Option<String> {
    let scores: Vec<f64> = draws.iter().map(|&place| edges[place] - 0.5 * probabilities[place]).collect();
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    let variance: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    if variance < 1e-9 * scores.len() as f64 {
        return None;
    }
    let covariance: f64 = scores.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    let z = covariance / variance * (scores.len() as f64).sqrt();
    (z.abs() > NORMAL_LIMIT)
        .then(|| format!("independence: neighbouring rows correlate with z = {z:.1} over {} draws", draws.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::{Filters, RowDistribution, uniform_bits};

    const DRAWS: u32 = 40_000;

    fn kept() -> KeptSet {
        let logits: Vec<f64> = (0..60).map(|token| f64::from(token * 37 % 60) / 12.0).collect();
        let filters = Filters { k: None, p: None, min_p: 0.0, temperature: 1.0, stream: 0, step: 0 };
        KeptSet::new(&RowDistribution::new(&logits, &filters), logits.len())
    }

    fn draws(kept: &KeptSet, bits: impl Fn(u32) -> u64) -> Vec<usize> {
        let place = |row| kept.tokens.binary_search(&kept.draw(bits(row)).predicted).expect("a kept token");
        (0..DRAWS).map(place).collect()
    }

    #[test]
    fn right_draws_pass_under_many_seeds() {
        let kept = kept();
        for stream in 0..20 {
            let draws = draws(&kept, |row| uniform_bits(stream, row, 0));
            assert_eq!(statistical_failures(&kept, &draws), Vec::<String>::new(), "stream {stream}");
        }
    }

    #[test]
    fn wrong_draws_fail_in_the_layer_made_for_them() {
        let kept = kept();
        let find = |draws: &[usize], layer: &str| {
            let failures = statistical_failures(&kept, draws);
            assert!(failures.iter().any(|failure| failure.starts_with(layer)), "{layer}: {failures:?}");
        };
        // u never in the upper eighth.
        let biased = draws(&kept, |row| uniform_bits(1, row, 0) / 8 * 7);
        find(&biased, "coverage");
        find(&biased, "G test");
        find(&biased, "total variation");
        // Each u twice: the right distribution, and dependent rows.
        find(&draws(&kept, |row| uniform_bits(1, row / 2, 0)), "independence");
    }
}

//! The exact replay of a draw: which token u gives, and which others rounding may give instead.

use crate::operation::philox4x32;

use super::distribution::{RowDistribution, running_sums};

/// The 64 random bits of one draw; u is `bits / 2^64`. The same as `draw_bits` in `philox.h`.
pub fn uniform_bits(stream: u64, row: u32, step: u64) -> u64 {
    let key = [stream as u32, (stream >> 32) as u32];
    let words = philox4x32(key, [row, step as u32, (step >> 32) as u32, 0]);
    u64::from(words[1]) << 32 | u64::from(words[0])
}

/// The kept tokens of one row, in index order, with their cumulative probabilities.
#[derive(Clone, Debug)]
pub struct KeptSet {
    /// The last kept token in the total order.
    pub last: u32,
    pub tokens: Vec<u32>,
    /// Cumulative probability through each token; the last is 1.
    pub edges: Vec<f64>,
    band: f64,
}

impl KeptSet {
    /// The best `count` tokens of a row; `count` is at least 1.
    pub fn new(row: &RowDistribution, count: usize) -> Self {
        let mut kept: Vec<(u32, f64)> =
            row.tokens[..count].iter().copied().zip(row.masses[..count].iter().copied()).collect();
        kept.sort_unstable_by_key(|&(token, _)| token);
        let (tokens, masses): (Vec<u32>, Vec<f64>) = kept.into_iter().unzip();
        let sums = running_sums(&masses);
        let total = sums[count - 1];
        let edges = sums.into_iter().map(|sum| sum / total).collect();
        Self { last: row.tokens[count - 1], tokens, edges, band: row.band }
    }

    /// Probability of the token at `place`.
    pub fn probability(&self, place: usize) -> f64 {
        self.edges[place] - if place == 0 { 0.0 } else { self.edges[place - 1] }
    }

    /// The token that f64 draws, and every token that lies within the band around u.
    pub fn draw(&self, bits: u64) -> Draw {
        let u = bits as f64 * 2f64.powi(-64);
        let last = self.tokens.len() - 1;
        let place = |u: f64| self.edges.partition_point(|&edge| edge <= u).min(last);
        Draw {
            u,
            predicted: self.tokens[place(u)],
            accepted: self.tokens[place(u - self.band)..=place(u + self.band)].to_vec(),
        }
    }

    /// The share of draws that may fall within the band around an edge, at most.
    pub fn ambiguous_share(&self) -> f64 {
        (2.0 * self.band * (self.tokens.len() - 1) as f64).min(1.0)
    }
}

/// One draw as f64 sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    pub u: f64,
    pub predicted: u32,
    pub accepted: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Filters;

    fn kept(logits: &[f64]) -> KeptSet {
        let filters = Filters { k: None, p: None, min_p: 0.0, temperature: 1.0, stream: 0, step: 0 };
        KeptSet::new(&RowDistribution::new(logits, &filters), logits.len())
    }

    #[test]
    fn bits_are_philox_words_of_row_and_step() {
        let words = philox4x32([0xDEAD_BEEF, 0x0123_4567], [7, 9, 1, 0]);
        let bits = uniform_bits(0x0123_4567_DEAD_BEEF, 7, (1 << 32) + 9);
        assert_eq!(bits, u64::from(words[1]) << 32 | u64::from(words[0]));
    }

    /// The kernel's integer draw over equal masses of 2^40, against exact rational arithmetic.
    #[test]
    fn edges_belong_to_the_next_token() {
        let four = kept(&[1.0; 4]);
        for (bits, token) in [(0u64, 0), ((1 << 62) - 1, 0), (1 << 62, 1), (3 << 62, 3), (u64::MAX, 3)] {
            let mass = 4u128 << 40;
            let target = (u128::from(bits) * mass) >> 64;
            let exact = (0..4).find(|&token| u128::from(token + 1u32) << 40 > target).expect("below the mass");
            assert_eq!(exact, token);
            let draw = four.draw(bits);
            assert!(draw.accepted.contains(&token), "{bits:#x}: {draw:?}");
        }
        // 2^62 - 1 lies on the edge as far as f64 can tell, so that both neighbours are accepted.
        assert_eq!(four.draw((1 << 62) - 1).accepted, [0, 1]);
        assert_eq!(four.draw(1 << 61).accepted, [0]);
    }
}

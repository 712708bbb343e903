//! RoPE on queries and keys.

use crate::engine::model_file::RopePairing;

/// Cosines and sines of some positions.
pub struct Rotation {
    pairing: RopePairing,
    /// Per position, one (cosine, sine) for each pair.
    turns: Vec<(f32, f32)>,
    pairs: usize,
}

impl Rotation {
    /// For positions `first..first + count`. The angle is an f32 product, as in transformers and llama.cpp; its cosine and
    /// sine are taken in f64 and rounded once.
    pub fn new(pairing: RopePairing, frequencies: &[f32], first: usize, count: usize) -> Self {
        let turns = (first..first + count)
            .flat_map(|position| {
                frequencies.iter().map(move |frequency| {
                    let (sine, cosine) = f64::from(position as f32 * frequency).sin_cos();
                    (cosine as f32, sine as f32)
                })
            })
            .collect();
        Self { pairing, turns, pairs: frequencies.len() }
    }

    /// Turns a head of the token `token` places after the first.
    pub fn turn(&self, token: usize, head: &mut [f32]) {
        let turns = &self.turns[token * self.pairs..][..self.pairs];
        match self.pairing {
            RopePairing::Interleaved => {
                for (pair, turn) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                    *pair = turned(pair[0], pair[1], *turn);
                }
            }
            RopePairing::HalfSplit => {
                let (low, high) = head.split_at_mut(self.pairs);
                for ((low, high), turn) in low.iter_mut().zip(high).zip(turns) {
                    [*low, *high] = turned(*low, *high, *turn);
                }
            }
        }
    }
}

fn turned(x: f32, y: f32, (cosine, sine): (f32, f32)) -> [f32; 2] {
    [x * cosine - y * sine, x * sine + y * cosine]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_turn_by_position_times_frequency() {
        let quarter = std::f32::consts::FRAC_PI_2;
        let near =
            |found: &[f32], wanted: [f32; 4]| found.iter().zip(wanted).all(|(one, two)| (one - two).abs() < 1e-6);
        let mut head = [1.0, 2.0, 3.0, 4.0];
        let halves = Rotation::new(RopePairing::HalfSplit, &[quarter, 0.0], 1, 2);
        halves.turn(0, &mut head);
        assert!(near(&head, [-3.0, 2.0, 1.0, 4.0]), "{head:?}");
        halves.turn(1, &mut head);
        assert!(near(&head, [3.0, 2.0, -1.0, 4.0]), "{head:?}");
        let mut head = [1.0, 2.0, 3.0, 4.0];
        Rotation::new(RopePairing::Interleaved, &[quarter, 0.0], 1, 1).turn(0, &mut head);
        assert!(near(&head, [-2.0, 1.0, 3.0, 4.0]), "{head:?}");
    }
}

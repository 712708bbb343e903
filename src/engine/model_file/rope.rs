//! Rotary position embedding: which angles, and which elements turn together (Su et al., 2021, arXiv:2104.09864).

/// How positions turn queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Wavelengths are powers of this.
    pub base: f64,
    pub scaling: RopeScaling,
    pub pairing: RopePairing,
}

/// Which two elements of a head make a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RopePairing {
    /// `2i` and `2i + 1`: the order of the paper, and of GGUF files of the architecture `llama`.
    Interleaved,
    /// `i` and `i + head_dim / 2`: Hugging Face, and GGUF files of all else.
    HalfSplit,
}

/// How a model stretches its angles to contexts longer than it was first trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    None,
    /// Positions are divided by `factor` (Chen et al., 2023, arXiv:2306.15595).
    Linear {
        factor: f64,
    },
    /// Long wavelengths are stretched, short ones kept, those between blended: `rope_type` `llama3` of transformers.
    Llama3 {
        factor: f64,
        low_frequency_factor: f64,
        high_frequency_factor: f64,
        /// Context of the first training, in tokens.
        original_context: f64,
    },
    /// Each frequency is divided by its own factor: `rope_freqs.weight` of GGUF, `head_dim / 2` of them.
    FrequencyFactors(Vec<f32>),
}

impl Rope {
    /// Radians per position of each pair of a head, rounded once to f32; `head_dim / 2` values.
    pub fn frequencies(&self, head_dim: usize) -> Vec<f32> {
        let pairs = head_dim / 2;
        (0..pairs).map(|pair| self.frequency(pair, head_dim) as f32).collect()
    }

    fn frequency(&self, pair: usize, head_dim: usize) -> f64 {
        let plain = self.base.powf(-2.0 * pair as f64 / head_dim as f64);
        match &self.scaling {
            RopeScaling::None => plain,
            RopeScaling::Linear { factor } => plain / factor,
            RopeScaling::FrequencyFactors(factors) => plain / f64::from(factors[pair]),
            RopeScaling::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_context } => {
                // How many waves fit into the original context.
                let waves = original_context * plain / std::f64::consts::TAU;
                if waves > *high_frequency_factor {
                    plain
                } else if waves < *low_frequency_factor {
                    plain / factor
                } else {
                    let kept = (waves - low_frequency_factor) / (high_frequency_factor - low_frequency_factor);
                    (1.0 - kept) * plain / factor + kept * plain
                }
            }
        }
    }

    /// What is wrong with the numbers, if anything.
    pub(super) fn problem(&self, head_dim: usize) -> Option<String> {
        let usable = |value: f64| value.is_finite() && value > 0.0;
        if !usable(self.base) {
            return Some(format!("the RoPE base is {}", self.base));
        }
        let wrong = match &self.scaling {
            RopeScaling::None => false,
            RopeScaling::Linear { factor } => !usable(*factor),
            RopeScaling::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_context } => {
                ![*factor, *low_frequency_factor, *high_frequency_factor, *original_context].into_iter().all(usable)
                    || high_frequency_factor <= low_frequency_factor
            }
            RopeScaling::FrequencyFactors(factors) => {
                factors.len() != head_dim / 2 || !factors.iter().all(|factor| usable(f64::from(*factor)))
            }
        };
        wrong.then(|| format!("the RoPE scaling {:?} cannot be used for heads of {head_dim}", self.scaling))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(scaling: RopeScaling) -> Rope {
        Rope { base: 10_000.0, scaling, pairing: RopePairing::HalfSplit }
    }

    #[test]
    fn frequencies_fall_from_one() {
        assert_eq!(rope(RopeScaling::None).frequencies(4), [1.0, 0.01]);
        assert_eq!(rope(RopeScaling::Linear { factor: 4.0 }).frequencies(4), [0.25, 0.0025]);
        assert_eq!(rope(RopeScaling::FrequencyFactors(vec![1.0, 8.0])).frequencies(4), [1.0, 0.00125]);
    }

    #[test]
    fn llama3_keeps_short_waves_and_stretches_long_ones() {
        let scaling = RopeScaling::Llama3 {
            factor: 8.0,
            low_frequency_factor: 1.0,
            high_frequency_factor: 4.0,
            original_context: 8192.0,
        };
        let (plain, scaled) = (rope(RopeScaling::None).frequencies(128), rope(scaling).frequencies(128));
        assert_eq!(plain[0], scaled[0]);
        assert_eq!(plain[63] / 8.0, scaled[63]);
        assert!((0..64).any(|pair| scaled[pair] < plain[pair] && scaled[pair] > plain[pair] / 8.0));
    }

    #[test]
    fn numbers_that_cannot_be_are_named() {
        assert!(rope(RopeScaling::Linear { factor: 0.0 }).problem(64).is_some());
        assert!(rope(RopeScaling::Linear { factor: f64::NAN }).problem(64).is_some());
        assert!(rope(RopeScaling::FrequencyFactors(vec![1.0; 31])).problem(64).is_some());
        assert!(rope(RopeScaling::FrequencyFactors(vec![1.0; 32])).problem(64).is_none());
    }
}

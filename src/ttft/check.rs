//! Are the tokens right? A fast answer to another question is no result.

use crate::engine::host_model::{HostModel, LogitRows};
use crate::engine::{Engine, EngineError};
use crate::tensor::DType;

/// Largest NMSE of a path's logits against the f32 reference that counts as rounding, by the type that activations have:
/// 1e-3 for bf16 is the engine's promise on a GPU; f16 has 3 bits more, which is 1/64 of the squared error; f32 paths
/// differ by the order of their sums.
fn rounding_nmse(compute: DType) -> f64 {
    match compute {
        DType::BF16 => 1e-3,
        DType::F16 => 1e-3 / 64.0,
        DType::F32 | DType::U32 => 1e-10,
    }
}

/// Two logits of the reference closer than this may change places by rounding: twice the root mean square error of one
/// logit, `2 sqrt(NMSE) rms(logits)`.
pub fn allowed_gap(compute: DType, logits: &[f32]) -> f64 {
    let squares: f64 = logits.iter().map(|logit| f64::from(*logit).powi(2)).sum();
    2.0 * (rounding_nmse(compute) * squares / logits.len() as f64).sqrt()
}

/// A token that is not the reference's.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CheckStep {
    pub prompt_tokens: u32,
    pub sequence: u32,
    /// Of the continuation, from 0.
    pub step: u32,
    pub expected: u32,
    pub found: u32,
    /// How much smaller the found token's logit is in the reference.
    pub gap: f64,
    pub allowed_gap: f64,
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CheckOutcome {
    pub tokens: u32,
    /// Tokens that differ where the reference's two logits are within rounding of each other.
    pub ties: Vec<CheckStep>,
    /// The first wrong token of each sequence.
    pub wrong: Vec<CheckStep>,
}

impl CheckOutcome {
    pub fn passed(&self) -> bool {
        self.wrong.is_empty() && self.tokens > 0
    }

    pub fn add(&mut self, other: CheckOutcome) {
        self.tokens += other.tokens;
        self.ties.extend(other.ties);
        self.wrong.extend(other.wrong);
    }
}

/// Compares the engine's greedy continuation of `prompts` by `count` tokens with the reference, for the first and the last
/// sequence. The reference follows the engine's tokens, so that a tie decided otherwise does not spoil what comes after
/// it; after a wrong token a sequence is looked at no further. The engine must be greedy; `reference` has room for one
/// sequence of the prompt and `count` tokens.
pub fn check_continuation(
    engine: &mut dyn Engine,
    reference: &mut HostModel<'_>,
    prompts: &[&[u32]],
    count: usize,
) -> Result<CheckOutcome, EngineError> {
    let compute = engine.describe().compute;
    let mut steps = vec![engine.prefill(prompts)?.tokens];
    while steps.len() < count {
        steps.push(engine.decode()?);
    }
    let mut outcome = CheckOutcome::default();
    let mut sequences = vec![0, prompts.len() - 1];
    sequences.dedup();
    for sequence in sequences {
        reference.clear();
        let mut logits = reference.forward(prompts[sequence], LogitRows::Last)?;
        for (step, tokens) in steps.iter().enumerate() {
            let found = tokens[sequence];
            outcome.tokens += 1;
            let (expected, largest) = largest(&logits);
            if found != expected {
                let own = logits.get(found as usize).map_or(f64::NEG_INFINITY, |logit| f64::from(*logit));
                let difference = CheckStep {
                    prompt_tokens: prompts[sequence].len() as u32,
                    sequence: sequence as u32,
                    step: step as u32,
                    expected,
                    found,
                    gap: largest - own,
                    allowed_gap: allowed_gap(compute, &logits),
                };
                // A NaN on either side is not within anything.
                if difference.gap <= difference.allowed_gap {
                    outcome.ties.push(difference);
                } else {
                    outcome.wrong.push(difference);
                    break;
                }
            }
            if step + 1 < steps.len() {
                logits = reference.forward(&[found], LogitRows::Last)?;
            }
        }
    }
    Ok(outcome)
}

/// The first of the largest logits; NaN is larger than nothing.
fn largest(logits: &[f32]) -> (u32, f64) {
    let mut best = (0, f64::NEG_INFINITY);
    for (token, logit) in logits.iter().enumerate() {
        if f64::from(*logit) > best.1 {
            best = (token as u32, f64::from(*logit));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::model_file::ModelConfig;
    use crate::engine::synthetic::SyntheticModel;
    use crate::engine::{Capacity, EngineDescription, FirstTokens, Profile, Sampling};

    /// Answers as the model does, but for one step of one sequence.
    struct Tampered<'a> {
        model: HostModel<'a>,
        compute: DType,
        at: Option<(usize, usize)>,
        /// Which token stands there instead, given the right one.
        instead: u32,
        step: usize,
    }

    impl Tampered<'_> {
        fn tamper(&mut self, mut tokens: Vec<u32>) -> Vec<u32> {
            if let Some((sequence, step)) = self.at
                && step == self.step
            {
                tokens[sequence] = self.instead;
            }
            self.step += 1;
            tokens
        }
    }

    impl Engine for Tampered<'_> {
        fn config(&self) -> &ModelConfig {
            Engine::config(&self.model)
        }

        fn describe(&self) -> EngineDescription {
            EngineDescription { compute: self.compute, ..self.model.describe() }
        }

        fn set_sampling(&mut self, sampling: Sampling) {
            self.model.set_sampling(sampling);
        }

        fn prefill(&mut self, prompts: &[&[u32]]) -> Result<FirstTokens, EngineError> {
            self.step = 0;
            let first = self.model.prefill(prompts)?;
            Ok(FirstTokens { tokens: self.tamper(first.tokens.clone()), ..first })
        }

        fn decode(&mut self) -> Result<Vec<u32>, EngineError> {
            let tokens = self.model.decode()?;
            Ok(self.tamper(tokens))
        }

        fn profile_prefill(&mut self, prompts: &[&[u32]]) -> Result<Profile, EngineError> {
            self.model.profile_prefill(prompts)
        }

        fn profile_decode(&mut self) -> Result<Profile, EngineError> {
            self.model.profile_decode()
        }

        fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
            self.model.logits(tokens)
        }
    }

    const PROMPTS: [&[u32]; 3] = [&[1, 2, 3], &[4, 5, 6], &[7, 8, 9]];

    fn check(compute: DType, at: Option<(usize, usize)>, instead: u32) -> CheckOutcome {
        let source = SyntheticModel::new("tiny", DType::F32, 1).expect("small");
        let model = |sequences| {
            HostModel::new(source.config(), source.weights(), Capacity { sequences, positions: 16 }).expect("room")
        };
        let mut engine = Tampered { model: model(3), compute, at, instead, step: 0 };
        check_continuation(&mut engine, &mut model(1), &PROMPTS, 5).expect("small")
    }

    /// Tokens of the last prompt in the order of the reference's logits, best first, with the gaps to the best.
    fn ranking() -> Vec<(u32, f64)> {
        let source = SyntheticModel::new("tiny", DType::F32, 1).expect("small");
        let mut model = HostModel::new(source.config(), source.weights(), Capacity::one(8)).expect("room");
        let logits = model.forward(PROMPTS[2], LogitRows::Last).expect("small");
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        order.sort_by(|one, other| logits[*other as usize].total_cmp(&logits[*one as usize]));
        let best = f64::from(logits[order[0] as usize]);
        order.into_iter().map(|token| (token, best - f64::from(logits[token as usize]))).collect()
    }

    #[test]
    fn the_model_itself_passes() {
        let outcome = check(DType::F32, None, 0);
        assert!(outcome.passed());
        assert_eq!((outcome.tokens, outcome.ties.len(), outcome.wrong.len()), (10, 0, 0));
        assert!(!CheckOutcome::default().passed(), "what looked at nothing has shown nothing");
    }

    #[test]
    fn a_wrong_token_is_told_with_its_place_and_gap() {
        let (worst, gap) = *ranking().last().expect("a vocabulary");
        for compute in DType::FLOATS {
            let outcome = check(compute, Some((2, 0)), worst);
            assert!(!outcome.passed(), "{compute}");
            let wrong = outcome.wrong[0];
            assert_eq!((wrong.sequence, wrong.step, wrong.found, wrong.prompt_tokens), (2, 0, worst, 3));
            assert!((wrong.gap - gap).abs() < 1e-4 && wrong.gap > wrong.allowed_gap);
        }
        assert!(!check(DType::BF16, Some((0, 0)), 99_999).passed(), "no token at all");
        assert!(check(DType::F32, Some((1, 0)), worst).passed(), "the sequence between is not looked at");
    }

    #[test]
    fn a_second_best_token_is_a_tie_only_within_the_types_rounding() {
        let (second, gap) = ranking()[1];
        let logits_rms = 1.0;
        for compute in DType::FLOATS {
            let outcome = check(compute, Some((2, 0)), second);
            let step = outcome.ties.first().or(outcome.wrong.first()).expect("it differs");
            assert_eq!(outcome.passed(), gap <= step.allowed_gap, "{compute}: {step:?}");
            let rms = step.allowed_gap / (2.0 * rounding_nmse(compute).sqrt());
            assert!((0.2..5.0).contains(&(rms / logits_rms)), "synthetic logits spread by about 1: {rms}");
        }
        assert_eq!(allowed_gap(DType::BF16, &[2.0, -2.0]), 2.0 * (1e-3f64 * 4.0).sqrt());
    }
}

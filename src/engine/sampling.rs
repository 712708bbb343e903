//! How the next token is chosen: the semantics of the operation `fused_sampler`, on every path.

use super::EngineError;
use crate::sampler::{Filters, HostDraw, draw_token};

/// How tokens are chosen from logits. The draw of token `step` (0 is the first after the prompt) of sequence `row` takes
/// its random bits from Philox under the key `seed` and the counter `(row, step)`, as `fused_sampler` does with the
/// parameter `stream` = `seed`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sampling {
    /// The largest logit, the smaller id among equals.
    #[default]
    Greedy,
    Random {
        /// Divides the logits; 0 is greedy, otherwise 1e-6 to 1e6.
        temperature: f32,
        /// How many of the largest logits stay; 0 is off.
        top_k: u32,
        /// The smallest set of this probability stays; 1 is off.
        top_p: f32,
        /// Least probability relative to the best token's; 0 is off.
        min_p: f32,
        /// Below 2^63, so that it can be a parameter of the operation.
        seed: u64,
    },
}

impl Sampling {
    /// Refuses numbers that `fused_sampler` refuses.
    pub fn check(&self) -> Result<(), EngineError> {
        let Sampling::Random { temperature, top_k, top_p, min_p, seed } = *self else { return Ok(()) };
        let unit = |value: f32| (0.0..=1.0).contains(&value);
        let refuse = |parameter, value: &dyn ToString, rule| {
            Err(EngineError::Sampling { parameter, value: value.to_string(), rule })
        };
        if temperature != 0.0 && !(1e-6..=1e6).contains(&temperature) {
            return refuse("temperature", &temperature, "0, or 1e-6 to 1e6");
        }
        if top_k > 1 << 22 {
            return refuse("top-k", &top_k, "0 to 4194304");
        }
        if !unit(top_p) {
            return refuse("top-p", &top_p, "0 to 1");
        }
        if !unit(min_p) {
            return refuse("min-p", &min_p, "0 to 1");
        }
        if seed > i64::MAX as u64 {
            return refuse("seed", &seed, "0 to 9223372036854775807");
        }
        Ok(())
    }

    /// What the operation does with the logits of token `step`.
    pub fn filters(&self, vocab: usize, step: u64) -> Filters {
        const GREEDY: Filters = Filters { k: Some(1), p: None, min_p: 0.0, temperature: 1.0, stream: 0, step: 0 };
        match *self {
            Sampling::Greedy => Filters { step, ..GREEDY },
            Sampling::Random { temperature: 0.0, seed, .. } => Filters { stream: seed, step, ..GREEDY },
            Sampling::Random { temperature, top_k, top_p, min_p, seed } => Filters {
                k: (1..vocab).contains(&(top_k as usize)).then_some(top_k as usize),
                p: (top_p < 1.0).then_some(f64::from(top_p)),
                min_p: f64::from(min_p),
                temperature: f64::from(temperature),
                stream: seed,
                step,
            },
        }
    }

    /// The token of `sequence` at `step`, drawn in f64. A logit that is NaN or +inf, or a row without a finite one, is an
    /// error and never an answer.
    pub fn draw(&self, logits: &[f32], sequence: usize, step: u64) -> Result<u32, EngineError> {
        let logits: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
        let broken = |found| Err(EngineError::BrokenLogits { sequence, step, found });
        match draw_token(&logits, &self.filters(logits.len(), step), sequence as u32) {
            HostDraw { token: Some(token), not_a_number: false, positive_infinity: false } => Ok(token),
            HostDraw { not_a_number: true, .. } => broken("NaN"),
            HostDraw { positive_infinity: true, .. } => broken("+inf"),
            HostDraw { .. } => broken("no finite number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Layout, Operation, ParameterValue, Parameters, Problem};
    use crate::sampler::FUSED_SAMPLER;
    use crate::tensor::{DType, HostTensor};

    fn random(temperature: f32) -> Sampling {
        Sampling::Random { temperature, top_k: 5, top_p: 0.9, min_p: 0.02, seed: 77 }
    }

    /// Every row and step draws what the operation's own reference expects.
    #[test]
    fn draws_are_those_of_the_operation() {
        let (rows, vocab) = (40, 33);
        let values: Vec<f64> = (0..rows * vocab).map(|at| (at * 7919 % 1013) as f64 / 100.0 - 5.0).collect();
        let logits = HostTensor::from_f64(DType::F32, rows, vocab, &values);
        for (temperature, step) in [(0.7, 0u64), (1.0, 5), (0.0, 2)] {
            let float = |value: f32| ParameterValue::Float(f64::from(value));
            let given = [
                ("k".to_string(), ParameterValue::Integer(5)),
                ("p".to_string(), float(0.9)),
                ("min_p".to_string(), float(0.02)),
                ("temperature".to_string(), float(temperature)),
                ("stream".to_string(), ParameterValue::Integer(77)),
                ("step".to_string(), ParameterValue::Integer(step as i64)),
            ];
            let parameters = Parameters::new("fused_sampler", FUSED_SAMPLER.parameters(), &given).expect("in range");
            let problem = Problem { dtype: DType::F32, rows, columns: vocab, parameters, layout: Layout::default() };
            let expected = FUSED_SAMPLER.reference(&problem, std::slice::from_ref(&logits)).expected();
            for row in 0..rows {
                let of_row: Vec<f32> = logits.row_f64(row).into_iter().map(|logit| logit as f32).collect();
                let token = random(temperature).draw(&of_row, row, step).expect("finite");
                assert_eq!([token], expected[0].row_u32(row)[..1], "row {row} at temperature {temperature}");
            }
        }
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest_and_broken_logits_are_told() {
        assert_eq!(Sampling::Greedy.draw(&[1.0, 3.0, 3.0, f32::NEG_INFINITY], 0, 0).unwrap(), 1);
        for (logits, found) in
            [([1.0, f32::NAN], "NaN"), ([1.0, f32::INFINITY], "+inf"), ([f32::NEG_INFINITY; 2], "no finite number")]
        {
            let error = Sampling::Greedy.draw(&logits, 3, 9).unwrap_err().to_string();
            assert!(error.contains(&format!("sequence 3, token 9, hold {found}")), "{error}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(random(0.0).check().is_ok() && random(1.5).check().is_ok() && Sampling::Greedy.check().is_ok());
        let wrong = [
            (Sampling::Random { temperature: f32::NAN, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 }, "temperature NaN"),
            (Sampling::Random { temperature: 1e-9, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 }, "1e-6 to 1e6"),
            (Sampling::Random { temperature: 1.0, top_k: u32::MAX, top_p: 1.0, min_p: 0.0, seed: 0 }, "top-k"),
            (Sampling::Random { temperature: 1.0, top_k: 0, top_p: 1.1, min_p: 0.0, seed: 0 }, "top-p 1.1"),
            (Sampling::Random { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: -0.1, seed: 0 }, "min-p -0.1"),
            (Sampling::Random { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: u64::MAX }, "seed"),
        ];
        for (sampling, message) in wrong {
            let error = sampling.check().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}

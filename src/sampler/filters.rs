//! The parameters of the three samplers.

use crate::operation::{ContractError, ParameterKind, ParameterSpec, ParameterValue, Problem};

/// Between 0 and this, 1 / T or a scaled logit could leave the range of f32.
const LEAST_TEMPERATURE: f64 = 1e-6;

pub(super) const K: ParameterSpec = ParameterSpec {
    name: "k",
    kind: ParameterKind::Integer { least: 0, most: 1 << 22 },
    default: ParameterValue::Integer(50),
    summary: "top-k: how many of the largest logits stay; 0, or at least columns, is off",
};
pub(super) const P: ParameterSpec = ParameterSpec {
    name: "p",
    kind: ParameterKind::Float { least: 0.0, most: 1.0 },
    default: ParameterValue::Float(0.9),
    summary: "top-p: the smallest set of this probability stays, never empty; 1 is off",
};
pub(super) const MIN_P: ParameterSpec = ParameterSpec {
    name: "min_p",
    kind: ParameterKind::Float { least: 0.0, most: 1.0 },
    default: ParameterValue::Float(0.0),
    summary: "min-p: least probability that stays, relative to the best token's; 0 is off",
};
pub(super) const TEMPERATURE: ParameterSpec = ParameterSpec {
    name: "temperature",
    kind: ParameterKind::Float { least: 0.0, most: 1e6 },
    default: ParameterValue::Float(1.0),
    summary: "divides the logits; 0 takes the largest, otherwise at least 1e-6",
};
pub(super) const STEP: ParameterSpec = ParameterSpec {
    name: "step",
    kind: ParameterKind::Integer { least: 0, most: i64::MAX },
    default: ParameterValue::Integer(0),
    summary: "decoding step, the second counter of Philox",
};
pub(super) const STREAM: ParameterSpec = ParameterSpec {
    name: "stream",
    kind: ParameterKind::Integer { least: 0, most: i64::MAX },
    default: ParameterValue::Integer(0),
    summary: "key of Philox: the seed of all draws",
};

/// What happens between a row of logits and its token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filters {
    /// How many of the best stay; `None` is off.
    pub k: Option<usize>,
    /// Probability of the set that stays; `None` is off.
    pub p: Option<f64>,
    /// Least probability relative to the best token's; 0 is off.
    pub min_p: f64,
    /// Above 0. Temperature 0 is k = 1 at any temperature.
    pub temperature: f64,
    pub stream: u64,
    pub step: u64,
}

impl Filters {
    /// Reads a problem's parameters; what an operation does not specify is off.
    pub fn new(problem: &Problem) -> Self {
        let find = |name: &str| problem.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let float = |name: &str, off: f64| match find(name) {
            Some(ParameterValue::Float(value)) => value,
            _ => off,
        };
        let integer = |name: &str| match find(name) {
            Some(ParameterValue::Integer(value)) => u64::try_from(value).expect("the range begins at 0"),
            _ => 0,
        };
        let (p, temperature) = (float("p", 1.0), float("temperature", 1.0));
        let k = usize::try_from(integer("k")).expect("at most 2^22");
        let (stream, step) = (integer("stream"), integer("step"));
        if temperature == 0.0 {
            return Self { k: Some(1), p: None, min_p: 0.0, temperature: 1.0, stream, step };
        }
        Self {
            k: (1..problem.columns).contains(&k).then_some(k),
            p: (p < 1.0).then_some(p),
            min_p: float("min_p", 0.0),
            temperature,
            stream,
            step,
        }
    }

    /// Refuses temperatures that f32 cannot divide by.
    pub(super) fn check_temperature(operation: &'static str, problem: &Problem) -> Result<(), ContractError> {
        let temperature = problem.parameters.float("temperature");
        if temperature > 0.0 && temperature < LEAST_TEMPERATURE {
            return Err(ContractError::OutOfRange {
                operation,
                parameter: "temperature".to_string(),
                value: temperature.to_string(),
                rule: format!("0, or {LEAST_TEMPERATURE} to 1e6"),
            });
        }
        Ok(())
    }
}

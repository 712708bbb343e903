//! What judging one output tensor found.

use serde::{Deserialize, Serialize};

use super::any_float;

/// The element furthest from the reference, or the first that broke an exact rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorstElement {
    pub row: usize,
    pub column: usize,
    #[serde(with = "any_float")]
    pub expected: f64,
    #[serde(with = "any_float")]
    pub actual: f64,
    /// Distance in units in the last place of the storage type; `u64::MAX` where a NaN met a number.
    pub ulp: u64,
}

/// The judged result of one output tensor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutputJudgement {
    /// The tensor's name.
    pub output: String,
    pub elements: u64,
    /// Elements outside their gate.
    pub failed_elements: u64,
    pub max_ulp: u64,
    /// Share of elements equal to the rounded reference bit for bit, 0 to 1.
    #[serde(with = "any_float")]
    pub bit_equal: f64,
    /// Normalised mean squared error against the unrounded reference, where the output is a number.
    #[serde(with = "any_float::option", default)]
    pub nmse: Option<f64>,
    /// Empty when the output passed; else one sentence per broken gate, with the limit and what was seen.
    pub failures: Vec<String>,
    pub worst: Option<WorstElement>,
    /// Only a statistical gate failed: the runner may repeat once with a fresh seed and more draws.
    pub only_statistical: bool,
    /// Facts worth a column on a pass too: `draws in the rounding band: 2 of 4096`.
    pub notes: Vec<String>,
}

impl OutputJudgement {
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_what_is_not_finite() {
        let worst = WorstElement { row: 1, column: 2, expected: f64::NEG_INFINITY, actual: f64::NAN, ulp: u64::MAX };
        let judgement =
            OutputJudgement { nmse: Some(f64::INFINITY), worst: Some(worst), bit_equal: 0.5, ..Default::default() };
        let text = serde_json::to_string(&judgement).expect("every field has a JSON form");
        let back: OutputJudgement = serde_json::from_str(&text).expect("what was written can be read");
        assert_eq!((back.nmse, back.bit_equal), (judgement.nmse, 0.5));
        let worst = back.worst.expect("written");
        assert!(worst.actual.is_nan() && worst.expected == f64::NEG_INFINITY && worst.ulp == u64::MAX);
    }
}

//! What a comparison ends with.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::profiling::statistics::Interval;

use super::reason::Reason;

/// The verdict on one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Any change is smaller than what matters.
    Same,
    Faster,
    Slower,
    /// The data are good enough, and lie between two verdicts.
    Ambiguous,
    /// The data could not have told a change that matters from none.
    Underpowered,
}

impl Verdict {
    pub const ALL: [Verdict; 5] =
        [Verdict::Slower, Verdict::Faster, Verdict::Ambiguous, Verdict::Underpowered, Verdict::Same];

    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Same => "SAME",
            Verdict::Faster => "FASTER",
            Verdict::Slower => "SLOWER",
            Verdict::Ambiguous => "AMBIGUOUS",
            Verdict::Underpowered => "UNDERPOWERED",
        }
    }

    /// Whether more measuring would not change it.
    pub const fn is_decided(self) -> bool {
        matches!(self, Verdict::Same | Verdict::Faster | Verdict::Slower)
    }

    /// Whether it says that something changed.
    pub const fn is_change(self) -> bool {
        matches!(self, Verdict::Faster | Verdict::Slower)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A verdict with the numbers it rests on. Changes are relative: +0.03 is 3 % slower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub verdict: Verdict,
    /// Hodges–Lehmann estimate of the log ratios, as a relative change. None where there was nothing to measure.
    pub shift: Option<f64>,
    /// Interval of the shift at `Thresholds::confidence`: what these values say, without the noise between runs.
    pub interval: Option<Interval>,
    /// The change that matters: the larger of the least effect and the noise.
    pub threshold: f64,
    /// The least change that these values would have told from none at the level of an alarm.
    pub least_detectable: Option<f64>,
    /// Two-sided probability of such a shift when nothing changed. None where nothing was tested.
    pub p_value: Option<f64>,
    /// Pairs that were weighed; of two runs, the samples of the smaller one.
    pub pairs: usize,
    pub reasons: Vec<Reason>,
}

impl Decision {
    /// A decision that no measurement went into.
    pub fn unmeasured(verdict: Verdict, reason: Reason) -> Self {
        let (shift, interval, least_detectable, p_value) = (None, None, None, None);
        Self { verdict, shift, interval, threshold: 0.0, least_detectable, p_value, pairs: 0, reasons: vec![reason] }
    }

    /// The same numbers with another verdict, and why.
    pub fn revised(self, verdict: Verdict, reason: Reason) -> Self {
        Self { verdict, ..self }.noting(reason)
    }

    /// The same decision with one more thing to know.
    pub fn noting(mut self, reason: Reason) -> Self {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
        self
    }
}

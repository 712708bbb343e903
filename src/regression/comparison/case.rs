//! One case in one mode, on both sides.

use serde::Serialize;

use crate::backend::KernelAttributes;
use crate::profiling::Mode;
use crate::profiling::statistics::Interval;
use crate::regression::StaticDifference;
use crate::regression::decision::{Decision, Pair};

/// What the values of a case are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Microseconds per launch of the whole operation.
    Microseconds,
    /// The emulator's steps for one launch: a count.
    Steps,
}

impl Unit {
    pub const fn symbol(self) -> &'static str {
        match self {
            Unit::Microseconds => "µs",
            Unit::Steps => "steps",
        }
    }
}

/// One side of a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SideValue {
    /// In the case's unit; `None` where nothing was measured, because both sides run the same code.
    pub median: Option<f64>,
    /// 95 % interval of the median, where there is one.
    pub interval: Option<Interval>,
    /// Samples that count, or pairs.
    pub n: u64,
    /// Core clock while it was measured, MHz, as the driver said it.
    pub clock_mhz: Option<f64>,
    /// Steps of a dependent chain per microsecond meanwhile, which follow the core clock.
    pub chain_steps_per_us: Option<f64>,
    /// What driver and compiled code say of the case's kernels; empty on the emulator.
    pub attributes: KernelAttributes,
}

/// Samples of both sides in the case's unit, in the order taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Distributions {
    pub base: Vec<f64>,
    pub candidate: Vec<f64>,
}

/// A case that both sides have in one mode.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedCase {
    pub case: String,
    pub operation: String,
    pub mode: Mode,
    pub unit: Unit,
    pub base: SideValue,
    pub candidate: SideValue,
    pub decision: Decision,
    /// What changed about the compiled kernels; empty on the emulator, and in runs from before it was kept.
    pub statics: Vec<StaticDifference>,
    /// Medians of neighbouring blocks in the case's unit, in the order taken; empty for two runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<Pair>,
    /// The decision of a second measurement, where one was made to confirm the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Decision>,
    /// For the page; kept only where something changed.
    #[serde(skip)]
    pub distributions: Option<Distributions>,
}

impl ComparedCase {
    /// Codes of all reasons, space separated.
    pub fn reason_codes(&self) -> String {
        self.decision.reasons.iter().map(|reason| reason.code()).collect::<Vec<_>>().join(" ")
    }

    /// `registers 40 -> 48, occupancy 75 % -> 50 %`; empty where nothing is known to differ.
    pub fn static_text(&self) -> String {
        self.statics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

//! Timed launches.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backend::telemetry::TelemetryReading;

use super::{LaunchChecks, StopReason, Throttle, WarmUp};

/// What the caches hold when a timed launch starts. The two answer different questions and never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing of the problem: every cache was flushed before each single launch.
    Cold,
    /// Whatever launches back to back over rotating buffers leave there.
    Hot,
}

impl Mode {
    pub const BOTH: [Mode; 2] = [Mode::Cold, Mode::Hot];

    pub const fn name(self) -> &'static str {
        match self {
            Mode::Cold => "cold",
            Mode::Hot => "hot",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Why a sample does not count. Rejected samples are kept and counted, never corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// Zero, negative or not a number: the events of some drivers do that on very short intervals.
    NotPositive,
    /// Faster than the device can move the bytes.
    BeatsRoof,
}

/// One timed interval, as time per launch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub mode: Mode,
    /// Counts from 0 within a case and mode, rejected samples and discarded blocks included.
    pub ordinal: u32,
    /// Which attempt at the measurement: only samples of the last one count, see `SampleSet::block`.
    pub block: u32,
    /// The round of its block, from 0: each has its own buffers.
    pub round: u32,
    /// Seconds per launch: of the interval's, or of the `launches` cold ones, one on each input set.
    pub seconds: f64,
    pub launches: u32,
    pub rejection: Option<Rejection>,
}

/// The device just before the first and just after the last sample of a block, with work still on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looks {
    pub before: TelemetryReading,
    pub after: TelemetryReading,
}

/// The samples of one problem in one mode that count: those of the last block.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleSet {
    pub mode: Mode,
    /// Seconds per launch of the accepted samples, in the order they were taken.
    pub seconds: Vec<f64>,
    /// Where each round ends in `seconds`; the last one at its end.
    pub round_ends: Vec<usize>,
    pub not_positive: u32,
    pub beat_roof: u32,
    pub launches_per_sample: u32,
    /// Whether the launches of a sample were one graph replay.
    pub graph: bool,
    /// Copies of the problem's buffers that the launches took in turn.
    pub replicas: u32,
    /// The launches before the first sample.
    pub warm_up: WarmUp,
    pub stop: StopReason,
    /// Which attempt this is, from 0: so many blocks before it were throttled and discarded.
    pub block: u32,
    pub looks: Looks,
    /// Why the device was slower than it could be, if this was the last attempt and it still was.
    pub throttle: Option<Throttle>,
    /// What checking the launches of all samples found, rejected samples and discarded blocks included; `None` for a
    /// workload that checks nothing.
    pub checks: Option<LaunchChecks>,
}

impl SampleSet {
    pub fn rejected(&self) -> u32 {
        self.not_positive + self.beat_roof
    }

    /// The accepted samples of each round; a round without any is left out.
    pub fn rounds(&self) -> impl Iterator<Item = &[f64]> {
        rounds(&self.seconds, &self.round_ends)
    }
}

/// Cuts samples at the ends of their rounds.
pub(super) fn rounds<'a>(seconds: &'a [f64], ends: &'a [usize]) -> impl Iterator<Item = &'a [f64]> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(start, &end)| &seconds[start..end]).filter(|round| !round.is_empty())
}

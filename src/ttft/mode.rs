//! Kinds of requests that are never mixed in one statistic.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What has happened before a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TtftMode {
    /// Nothing: a new process, and the time runs from its start.
    Cold,
    /// A new process has loaded the model; the request is its first.
    Warm,
    /// Requests of every length and batch of the run.
    Steady,
}

impl TtftMode {
    pub const fn name(self) -> &'static str {
        match self {
            TtftMode::Cold => "cold",
            TtftMode::Warm => "warm",
            TtftMode::Steady => "steady",
        }
    }
}

impl fmt::Display for TtftMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Whether the tokens of a run are known to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Validity {
    /// Nobody looked.
    #[serde(rename = "unchecked")]
    Unchecked,
    /// The run's greedy continuations are those of the reference.
    #[serde(rename = "valid")]
    Valid,
    /// They are not: the times are those of something else than this model.
    #[serde(rename = "INVALID")]
    Invalid,
}

impl Validity {
    pub const fn name(self) -> &'static str {
        match self {
            Validity::Unchecked => "unchecked",
            Validity::Valid => "valid",
            Validity::Invalid => "INVALID",
        }
    }
}

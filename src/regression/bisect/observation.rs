//! What can be seen of a commit, and who looks.

use serde::{Deserialize, Serialize};

use crate::profiling::statistics::Interval;

use super::history::Commit;

/// What became worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regress {
    /// Time on a GPU, steps on the emulator.
    Perf,
    /// Right results became wrong.
    Correctness,
    /// Bytes of scratch memory per thread, the most of the case's kernels.
    Spills,
    /// Registers per thread, the most of the case's kernels.
    Registers,
    /// Bytes of machine code of the case's kernels.
    CodeSize,
}

impl Regress {
    pub const ALL: [Regress; 5] =
        [Regress::Perf, Regress::Correctness, Regress::Spills, Regress::Registers, Regress::CodeSize];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Regress::Perf => "perf",
            Regress::Correctness => "correctness",
            Regress::Spills => "spills",
            Regress::Registers => "registers",
            Regress::CodeSize => "code-size",
        }
    }

    /// What a commit did, in the report's headline: `made the case slower`.
    pub const fn deed(self, inverted: bool) -> &'static str {
        match (self, inverted) {
            (Regress::Perf, false) => "made it slower",
            (Regress::Perf, true) => "made it faster",
            (Regress::Correctness, false) => "made it wrong",
            (Regress::Correctness, true) => "made it right",
            (Regress::Spills, false) => "made it spill more",
            (Regress::Spills, true) => "made it spill less",
            (Regress::Registers, false) => "made it take more registers",
            (Regress::Registers, true) => "made it take fewer registers",
            (Regress::CodeSize, false) => "made its code larger",
            (Regress::CodeSize, true) => "made its code smaller",
        }
    }
}

/// How much measuring an observation is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// The ends of the range: everything rests on them.
    Ends,
    /// One step of the search.
    Step,
    /// A step that could not be told; in fresh processes.
    Again,
    /// The culprit beside its parent.
    Final,
}

impl Effort {
    /// Interleaved pairs of blocks: twelve raise the first alarm that `decision` allows, six give the first interval.
    pub const fn pairs(self) -> usize {
        match self {
            Effort::Ends => 12,
            Effort::Step => 6,
            Effort::Again | Effort::Final => 20,
        }
    }

    /// Runs that must agree on whether a result is right.
    pub const fn runs(self) -> u32 {
        match self {
            Effort::Ends | Effort::Step => 2,
            Effort::Again | Effort::Final => 3,
        }
    }
}

/// What an observation's costs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CostUnit {
    Seconds,
    /// The emulator's, exact.
    Steps,
}

/// The cost of a commit beside a base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    pub unit: CostUnit,
    /// Medians over the pairs, of a launch.
    pub base: f64,
    pub candidate: f64,
    /// Relative: +0.03 is 3 % slower.
    pub shift: f64,
    /// 95 % of the shift, the noise between processes included; a point for exact counts.
    pub interval: Option<Interval>,
    /// The least relative change that matters, noise included.
    pub threshold: f64,
    pub pairs: usize,
    /// SLOWER and so on, with reason codes, as `compare` says it.
    pub verdict: String,
}

/// What was seen of one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Observation {
    Cost(Cost),
    /// In so many runs, each in a process of its own, the result was wrong that often.
    Results {
        runs: u32,
        wrong: u32,
        reason: String,
    },
    /// A number that the compiler's output has.
    Property {
        value: f64,
    },
    /// Nothing could be seen, and why.
    Nothing {
        reason: String,
    },
}

/// What ends a search before its answer.
#[derive(Debug, thiserror::Error)]
pub enum GraderError {
    #[error("stopped")]
    Interrupted,
    /// The device, the disk or git gave up: no commit is to blame. In one sentence with what to do.
    #[error("{0}")]
    Trouble(String),
}

/// Looks at commits. Implementations measure; what an observation means is `Judge`'s to say.
pub trait Grader {
    /// Observes `candidate`. Costs are beside `base`; other observations are of the candidate alone.
    fn observe(&mut self, base: &Commit, candidate: &Commit, effort: Effort) -> Result<Observation, GraderError>;
}

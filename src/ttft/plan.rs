//! Which requests a run makes.

use serde::{Deserialize, Serialize};

use super::mode::TtftMode;

/// The requests of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub modes: Vec<TtftMode>,
    /// Tokens of a prompt.
    pub lengths: Vec<usize>,
    /// Prompts that run together.
    pub batches: Vec<usize>,
    /// Requests of each mode, length and batch.
    pub repeats: usize,
    /// Tokens after the first, where the model has positions for them.
    pub decode: usize,
    pub seed: u64,
    /// Unmeasured requests of each shape before steady ones.
    pub warm_up: usize,
}

/// One request of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRequest {
    pub mode: TtftMode,
    pub batch: usize,
    pub length: usize,
    pub repetition: usize,
    /// Tokens after the first.
    pub decode: usize,
}

impl PlannedRequest {
    /// A number that no other request of a run has, so that its prompts are fresh: in particular a longer prompt does not
    /// begin with a shorter one.
    pub fn number(&self) -> u64 {
        let mode = match self.mode {
            TtftMode::Cold => 0,
            TtftMode::Warm => 1,
            TtftMode::Steady => 2,
        };
        mode << 62 | number(self.length, self.batch, self.repetition)
    }

    /// How it is named in progress.
    pub fn name(&self) -> String {
        let Self { mode, batch, length, repetition, .. } = self;
        format!("{mode}, {length} tokens x {batch}, request {}", repetition + 1)
    }
}

/// Of a request that is not measured: a warm-up or a check.
pub fn unmeasured_number(length: usize, batch: usize, repetition: usize) -> u64 {
    3 << 62 | number(length, batch, repetition)
}

/// 26 bits for the length, 12 for the batch, 24 for the repetition: what is beyond them is refused before.
fn number(length: usize, batch: usize, repetition: usize) -> u64 {
    (length as u64 & 0x3ff_ffff) << 36 | (batch as u64 & 0xfff) << 24 | (repetition as u64 & 0xff_ffff)
}

impl Plan {
    /// Largest numbers of a plan, so that every request has a number of its own.
    pub const MOST_LENGTH: usize = 0x3ff_ffff;
    pub const MOST_BATCH: usize = 0xfff;
    pub const MOST_REPEATS: usize = 0xf_ffff;

    /// Tokens after the first that a model of `context_length` positions has room for after a prompt of `length`: the last
    /// token needs none.
    pub fn decode_after(&self, length: usize, context_length: usize) -> usize {
        self.decode.min(context_length.saturating_sub(length))
    }

    /// Positions that the longest sequence takes.
    pub fn positions(&self, context_length: usize) -> usize {
        let needed = self.lengths.iter().map(|length| length + self.decode_after(*length, context_length));
        needed.max().unwrap_or(0)
    }

    /// The requests of `mode`, in the order in which they are made: every shape in turn, then again, so that what changes
    /// on the machine over time meets all of them.
    pub fn requests(&self, mode: TtftMode, context_length: usize) -> Vec<PlannedRequest> {
        let mut requests = Vec::new();
        for repetition in 0..self.repeats {
            for &batch in &self.batches {
                for &length in &self.lengths {
                    let decode = self.decode_after(length, context_length);
                    requests.push(PlannedRequest { mode, batch, length, repetition, decode });
                }
            }
        }
        requests
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn plan() -> Plan {
        let modes = vec![TtftMode::Cold, TtftMode::Warm, TtftMode::Steady];
        Plan { modes, lengths: vec![8, 32], batches: vec![1, 4], repeats: 3, decode: 5, seed: 0, warm_up: 1 }
    }

    #[test]
    fn every_request_has_a_number_of_its_own() {
        let plan = plan();
        let all: Vec<_> = plan.modes.iter().flat_map(|mode| plan.requests(*mode, 100)).collect();
        let mut numbers: HashSet<u64> = all.iter().map(PlannedRequest::number).collect();
        for length in [8, 32] {
            for batch in [1, 4] {
                numbers.extend((0..3).map(|repetition| unmeasured_number(length, batch, repetition)));
            }
        }
        assert_eq!(numbers.len(), 4 * 12);
        assert_eq!(all[0].name(), "cold, 8 tokens x 1, request 1");
        let order: Vec<_> = all[..5].iter().map(|one| (one.batch, one.length, one.repetition)).collect();
        assert_eq!(order, [(1, 8, 0), (1, 32, 0), (4, 8, 0), (4, 32, 0), (1, 8, 1)]);
    }

    #[test]
    fn what_comes_after_a_prompt_fits_the_model() {
        let plan = plan();
        assert_eq!((plan.decode_after(32, 100), plan.positions(100)), (5, 37));
        assert_eq!((plan.decode_after(32, 34), plan.positions(34)), (2, 34));
        assert_eq!((plan.decode_after(32, 32), plan.positions(32)), (0, 32));
    }
}

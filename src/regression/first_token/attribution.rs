//! Which operation's change explains which part of a change of the time to first token.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ttft::{OperationRow, Phase, Stage, SummaryRow};

/// Stages that profiled operations explain; the others explain themselves.
const OF_OPERATIONS: [Stage; 3] = [Stage::Prefill, Stage::LmHead, Stage::Sample];

/// Where a part of the change was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// All calls of an operation in a profiled pass.
    Operation,
    /// A stage of the timed requests, by its median.
    Stage,
}

/// One part of the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub name: String,
    pub origin: Origin,
    /// Calls in a pass of the base and of the candidate; 1 for a stage.
    pub calls: [u32; 2],
    pub base_ms: f64,
    pub candidate_ms: f64,
    pub change_ms: f64,
    /// Standard error of the change from the spread of the calls; none with fewer than five calls on a side.
    pub error_ms: Option<f64>,
    /// Of the whole change; none where the whole change is zero.
    pub share: Option<f64>,
}

/// A change of a median time to first token, cut into parts. The parts and the rest add up to the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    pub change_ms: f64,
    /// Largest change first.
    pub shares: Vec<Share>,
    /// What neither an operation nor a stage explains: gaps between launches, and what profiling itself changes.
    pub rest_ms: f64,
}

/// Calls below which their spread says too little.
const LEAST_CALLS: usize = 5;

impl Attribution {
    /// Explains the change from one summary to another of the same mode, prompt length and batch by the profiled
    /// operations of the two runs. `None` where either run has no profile of that shape.
    pub fn of(
        [base, candidate]: [&SummaryRow; 2],
        [base_operations, candidate_operations]: [&[OperationRow]; 2],
    ) -> Option<Self> {
        let [before, after] = [calls(base, base_operations), calls(candidate, candidate_operations)];
        if before.is_empty() || after.is_empty() {
            return None;
        }
        let change_ms = candidate.ttft_p50_ms - base.ttft_p50_ms;
        let mut shares: Vec<Share> = Vec::new();
        let mut names: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let of = |calls: &BTreeMap<&str, Vec<f64>>| calls.get(name).cloned().unwrap_or_default();
            shares.push(of_operation(name, &of(&before), &of(&after)));
        }
        for stage in Stage::ALL.into_iter().filter(|stage| !OF_OPERATIONS.contains(stage)) {
            let times = [base.stage_ms(stage), candidate.stage_ms(stage)];
            if times != [None, None] {
                let [base_ms, candidate_ms] = times.map(|time| time.unwrap_or(0.0));
                let (name, change_ms) = (stage.name().to_string(), candidate_ms - base_ms);
                let origin = Origin::Stage;
                let (calls, error_ms, share) = ([1, 1], None, None);
                shares.push(Share { name, origin, calls, base_ms, candidate_ms, change_ms, error_ms, share });
            }
        }
        for part in &mut shares {
            part.share = (change_ms != 0.0).then(|| part.change_ms / change_ms);
        }
        shares.sort_by(|one, other| other.change_ms.abs().total_cmp(&one.change_ms.abs()));
        let rest_ms = change_ms - shares.iter().map(|part| part.change_ms).sum::<f64>();
        Some(Self { change_ms, shares, rest_ms })
    }
}

/// Milliseconds of every call of each operation in the prefill of that shape.
fn calls<'a>(row: &SummaryRow, operations: &'a [OperationRow]) -> BTreeMap<&'a str, Vec<f64>> {
    let mine = operations.iter().filter(|operation| {
        (operation.phase, operation.prompt_tokens, operation.batch) == (Phase::Prefill, row.prompt_tokens, row.batch)
    });
    let mut calls: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for operation in mine {
        calls.entry(&operation.operation).or_default().push(operation.duration_ms);
    }
    calls
}

fn of_operation(name: &str, before: &[f64], after: &[f64]) -> Share {
    let (base_ms, candidate_ms) = (before.iter().sum::<f64>(), after.iter().sum::<f64>());
    let error_ms = variance_of_sum(before).zip(variance_of_sum(after)).map(|(one, other)| (one + other).sqrt());
    Share {
        name: name.to_string(),
        origin: Origin::Operation,
        calls: [before.len() as u32, after.len() as u32],
        base_ms,
        candidate_ms,
        change_ms: candidate_ms - base_ms,
        error_ms,
        share: None,
    }
}

/// Of a sum of independent calls: n times the variance of one.
fn variance_of_sum(calls: &[f64]) -> Option<f64> {
    if calls.len() < LEAST_CALLS {
        return None;
    }
    let count = calls.len() as f64;
    let mean = calls.iter().sum::<f64>() / count;
    let squares: f64 = calls.iter().map(|call| (call - mean).powi(2)).sum();
    Some(count * squares / (count - 1.0))
}

//! What a run of `verify` adds up to.

use std::collections::HashMap;

use serde::Serialize;

use super::case_run::{CaseOutcome, Trouble};
use super::{Status, Verdict};

/// Counts per operation and dtype.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OperationSummary {
    pub operation: String,
    pub dtype: String,
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    pub errored: usize,
    /// The largest error of any passing output, in units in the last place.
    pub max_ulp: Option<u64>,
    /// Host seconds of all its cases.
    pub seconds: f64,
}

/// Counts over a whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Cases that were asked for; the counts below add up to less when the run was stopped early.
    pub cases: usize,
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    pub errored: usize,
    /// Of the errored: kernels that did not compile.
    pub unbuildable: usize,
    /// Of the errored: panics in hipgauge.
    pub harness_faults: usize,
    /// Stopped by the user before the end.
    pub interrupted: bool,
    /// Stopped by the deadline before the end.
    pub out_of_time: bool,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// In the order in which they first ended.
    #[serde(skip)]
    pub operations: Vec<OperationSummary>,
    #[serde(skip)]
    positions: HashMap<(String, String), usize>,
}

impl Summary {
    pub(super) fn of(cases: usize) -> Self {
        Self { cases, ..Self::default() }
    }

    /// Cases that ran to a result.
    pub fn ran(&self) -> usize {
        self.passed + self.failed
    }

    /// Cases that have a verdict of any kind.
    pub fn done(&self) -> usize {
        self.ran() + self.skipped + self.errored
    }

    pub(super) fn add(&mut self, outcome: &CaseOutcome) {
        let verdict = &outcome.verdict;
        match verdict.status {
            Status::Passed => self.passed += 1,
            Status::Failed => self.failed += 1,
            Status::Skipped => self.skipped += 1,
            Status::Errored => self.errored += 1,
        }
        match outcome.trouble {
            Some(Trouble::Build) => self.unbuildable += 1,
            Some(Trouble::Harness) => self.harness_faults += 1,
            Some(Trouble::Memory | Trouble::Device) | None => {}
        }
        self.operation(verdict).add(verdict);
    }

    fn operation(&mut self, verdict: &Verdict) -> &mut OperationSummary {
        let key = (verdict.operation.clone(), verdict.dtype.clone());
        let operations = &mut self.operations;
        let position = *self.positions.entry(key).or_insert_with(|| {
            let (operation, dtype) = (verdict.operation.clone(), verdict.dtype.clone());
            operations.push(OperationSummary { operation, dtype, ..OperationSummary::default() });
            operations.len() - 1
        });
        &mut operations[position]
    }
}

impl OperationSummary {
    fn add(&mut self, verdict: &Verdict) {
        match verdict.status {
            Status::Passed => {
                self.passed += 1;
                self.max_ulp = self.max_ulp.max(verdict.max_ulp());
            }
            Status::Failed => self.failed += 1,
            Status::Skipped => self.skipped += 1,
            Status::Errored => self.errored += 1,
        }
        self.seconds += verdict.seconds;
    }
}

//! One line per operation and storage type: the table that every form of the report begins with.

use std::collections::HashMap;

use serde::Serialize;

use crate::operation::{OutputJudgement, WorstElement, any_float};
use crate::profiling::Mode;
use crate::profiling::statistics::{median, sorted};
use crate::sweep::Measurement;
use crate::verify::{Status, Verdict};

use super::RunData;

/// The largest error of an operation's outputs, and where it was seen.
#[derive(Clone, Debug, Serialize)]
pub struct WorstError<'a> {
    pub case: &'a str,
    pub status: Status,
    pub output: &'a str,
    /// Units in the last place; `u64::MAX` where a NaN met a number.
    pub ulp: u64,
    pub element: Option<&'a WorstElement>,
}

/// Times of an operation's cases in brief. Medians over cases, each by its own median.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OperationTimes {
    pub cases: usize,
    /// Cold over hot.
    pub cold_over_hot: Option<f64>,
    pub least_cold_over_hot: Option<f64>,
    pub most_cold_over_hot: Option<f64>,
    /// Share of the roofline, 0 to 1.
    pub cold_roofline_share: Option<f64>,
    pub hot_roofline_share: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct OperationRow<'a> {
    pub operation: &'a str,
    pub dtype: &'a str,
    pub passed: usize,
    pub failed: usize,
    pub errored: usize,
    pub skipped: usize,
    pub worst: Option<WorstError<'a>>,
    /// Largest of any output.
    #[serde(serialize_with = "any_float::option::serialize")]
    pub nmse: Option<f64>,
    /// Smallest of any output, 0 to 1.
    #[serde(serialize_with = "any_float::option::serialize")]
    pub bit_equal: Option<f64>,
    pub times: OperationTimes,
}

impl OperationRow<'_> {
    pub fn count(&self, status: Status) -> usize {
        match status {
            Status::Passed => self.passed,
            Status::Failed => self.failed,
            Status::Errored => self.errored,
            Status::Skipped => self.skipped,
        }
    }
}

/// Rows in the order in which operations and types first appear.
pub fn operation_table(run: &RunData) -> Vec<OperationRow<'_>> {
    let mut rows: Vec<OperationRow<'_>> = Vec::new();
    let mut places = HashMap::new();
    for verdict in &run.verdicts {
        let key = (verdict.operation.as_str(), verdict.dtype.as_str());
        let place = *places.entry(key).or_insert_with(|| {
            rows.push(empty_row(key));
            rows.len() - 1
        });
        take(&mut rows[place], verdict);
    }
    let mut times: HashMap<_, Vec<&Measurement>> = HashMap::new();
    for one in &run.measurements {
        times.entry((one.operation.as_str(), one.dtype.as_str())).or_default().push(one);
    }
    for row in &mut rows {
        row.times = times.get(&(row.operation, row.dtype)).map_or_else(OperationTimes::default, |all| brief(all));
    }
    rows
}

fn empty_row<'a>((operation, dtype): (&'a str, &'a str)) -> OperationRow<'a> {
    OperationRow {
        operation,
        dtype,
        passed: 0,
        failed: 0,
        errored: 0,
        skipped: 0,
        worst: None,
        nmse: None,
        bit_equal: None,
        times: OperationTimes::default(),
    }
}

fn take<'a>(row: &mut OperationRow<'a>, verdict: &'a Verdict) {
    match verdict.status {
        Status::Passed => row.passed += 1,
        Status::Failed => row.failed += 1,
        Status::Errored => row.errored += 1,
        Status::Skipped => row.skipped += 1,
    }
    for judgement in &verdict.judgements {
        row.nmse = [row.nmse, judgement.nmse].into_iter().flatten().max_by(f64::total_cmp);
        row.bit_equal = [row.bit_equal, Some(judgement.bit_equal)].into_iter().flatten().min_by(f64::total_cmp);
        if row.worst.as_ref().is_none_or(|worst| judgement.max_ulp > worst.ulp) {
            row.worst = Some(worst_error(verdict, judgement));
        }
    }
}

fn worst_error<'a>(verdict: &'a Verdict, judgement: &'a OutputJudgement) -> WorstError<'a> {
    WorstError {
        case: &verdict.case,
        status: verdict.status,
        output: &judgement.output,
        ulp: judgement.max_ulp,
        element: judgement.worst.as_ref(),
    }
}

fn brief(measurements: &[&Measurement]) -> OperationTimes {
    let of = |mode| measurements.iter().filter(move |one| one.mode == mode);
    let shares = |mode| median(&sorted(&of(mode).filter_map(|one| one.roofline_share).collect::<Vec<_>>()));
    let hot: HashMap<&str, f64> = of(Mode::Hot).map(|one| (one.case.as_str(), one.median_us)).collect();
    let ratios: Vec<f64> =
        of(Mode::Cold).filter_map(|cold| Some(cold.median_us / hot.get(cold.case.as_str())?)).collect();
    let ratios = sorted(&ratios);
    OperationTimes {
        cases: of(Mode::Cold).count().max(hot.len()),
        cold_over_hot: median(&ratios),
        least_cold_over_hot: ratios.first().copied(),
        most_cold_over_hot: ratios.last().copied(),
        cold_roofline_share: shares(Mode::Cold),
        hot_roofline_share: shares(Mode::Hot),
    }
}

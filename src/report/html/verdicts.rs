//! Every case, and why the skipped ones were skipped.

use maud::Markup;

use crate::verify::{Status, Verdict};

use super::super::run_data::RunData;
use super::failures::by_reason;
use super::numbers::{percent, scientific, significant};
use super::overview::ulp_cell;
use super::table::{Cell, Column, Kind, large_table, number, numbers, word, words};

/// One row per case; the row's id is the case's.
pub fn all_cases(run: &RunData) -> Option<Markup> {
    let columns = [
        Column::new("Case", Kind::Case),
        Column::new("Status", Kind::Status),
        words("Device"),
        numbers("Worst error", "ULP"),
        numbers("NMSE", ""),
        numbers("Bit-equal", ""),
        numbers("Host time", "s"),
    ];
    let rows: Vec<Vec<Cell>> = run.verdicts.iter().map(cells).collect();
    (!rows.is_empty()).then(|| large_table("cases", "All cases", &columns, &rows, true))
}

fn cells(verdict: &Verdict) -> Vec<Cell> {
    let nmse = verdict.judgements.iter().filter_map(|judgement| judgement.nmse).max_by(f64::total_cmp);
    let equal = verdict.judgements.iter().map(|judgement| judgement.bit_equal).min_by(f64::total_cmp);
    vec![
        word(&verdict.case),
        word(verdict.status.name()),
        word(&verdict.device),
        ulp_cell(verdict.max_ulp()),
        number(nmse, scientific),
        number(equal, percent),
        number(Some(verdict.seconds), significant),
    ]
}

/// Skipped cases by reason.
pub fn skipped(run: &RunData) -> Option<Markup> {
    let skipped = run.verdicts.iter().filter(|verdict| verdict.status == Status::Skipped);
    by_reason(skipped.map(|verdict| (verdict.reason.as_str(), verdict.case.as_str())))
}

//! Every case, and why the skipped ones were skipped.

use maud::{Markup, html};

use crate::verify::{Status, Verdict};

use super::super::run_data::RunData;
use super::numbers::{grouped, percent, scientific, significant, ulp};
use super::table::{number_cell, numbers, table, word_cell, words};

/// One row per case; the row's id is the case's.
pub fn all_cases(run: &RunData) -> Option<Markup> {
    let columns = [
        words("Case"),
        words("Status"),
        words("Device"),
        numbers("Worst error", "ULP"),
        numbers("NMSE", ""),
        numbers("Bit-equal", ""),
        numbers("Host time", "s"),
    ];
    let rows: Vec<Markup> = run.verdicts.iter().map(case_row).collect();
    (!rows.is_empty()).then(|| table("All cases", &columns, true, &rows))
}

fn case_row(verdict: &Verdict) -> Markup {
    let nmse = verdict.judgements.iter().filter_map(|judgement| judgement.nmse).max_by(f64::total_cmp);
    let equal = verdict.judgements.iter().map(|judgement| judgement.bit_equal).min_by(f64::total_cmp);
    let worst = verdict.max_ulp();
    html! {
        tr id=(verdict.case) {
            th.case scope="row" { a href={ "#" (verdict.case) } { (verdict.case) } }
            td { span class={ "tag " (verdict.status.name()) } { (verdict.status.name()) } }
            (word_cell(&verdict.device))
            (number_cell(worst.map(|worst| worst as f64), &ulp(worst)))
            (number_cell(nmse, &scientific(nmse)))
            (number_cell(equal, &equal.map_or(String::new(), percent)))
            (number_cell(Some(verdict.seconds), &significant(verdict.seconds)))
        }
    }
}

/// Skipped cases by reason.
pub fn skipped(run: &RunData) -> Option<Markup> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for verdict in run.verdicts.iter().filter(|verdict| verdict.status == Status::Skipped) {
        match reasons.iter_mut().find(|(reason, _)| *reason == verdict.reason) {
            Some((_, cases)) => cases.push(&verdict.case),
            None => reasons.push((&verdict.reason, vec![&verdict.case])),
        }
    }
    (!reasons.is_empty()).then(|| {
        html! {
            @for (reason, cases) in reasons {
                details {
                    summary { b { (grouped(cases.len() as u64)) } " " (reason) }
                    ul.cases { @for case in cases { li { a href={ "#" (case) } { (case) } } } }
                }
            }
        }
    })
}

//! The headline and the table per operation.

use maud::{Markup, html};

use crate::verify::Status;

use super::super::headline::Headline;
use super::super::run_data::RunData;
use super::numbers::{grouped, percent, scientific, ulp};
use super::table::{number_cell, numbers, table, word_cell, words};

/// What ran, where, and how it ended.
pub fn masthead(run: &RunData) -> Markup {
    let headline = Headline::new(run);
    let device = &run.record.device;
    let counts = [
        (Status::Passed, headline.passed),
        (Status::Failed, headline.failed),
        (Status::Errored, headline.errored),
        (Status::Skipped, headline.skipped),
    ];
    html! {
        header {
            p.brand { "hipgauge" @if run.record.is_partial() { span.partial { "partial run" } } }
            h1 class=(if headline.is_good() { "good" } else { "bad" }) { (headline.sentence()) }
            ul.counts {
                @for (status, count) in counts {
                    li class=(if count > 0 { status.name() } else { "none" }) {
                        b { (grouped(count as u64)) } " " (status.name())
                    }
                }
                @if headline.measured > 0 { li.measured { b { (grouped(headline.measured as u64)) } " measured" } }
            }
            p.where {
                b { (device.name) } " "
                span { (device.id) } span { (device.architecture) } span { "wave " (device.wave_size) }
                @if device.emulated { span.note { "times are emulated" } }
                span { (run.record.started) }
                @if !run.record.selection.suites.is_empty() { span { "suite " (run.record.selection.suites.join(", ")) } }
            }
        }
    }
}

/// One row per operation and dtype.
pub fn operations(run: &RunData) -> Option<Markup> {
    let mut keys: Vec<(&str, &str)> = Vec::new();
    for verdict in &run.verdicts {
        let key = (verdict.operation.as_str(), verdict.dtype.as_str());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let rows: Vec<Markup> = keys.iter().map(|key| operation_row(run, *key)).collect();
    let columns = [
        words("Operation"),
        words("dtype"),
        numbers("Passed", ""),
        numbers("Failed", ""),
        numbers("Errored", ""),
        numbers("Skipped", ""),
        numbers("Worst error", "ULP"),
        numbers("Worst NMSE", ""),
        numbers("Least bit-equal", ""),
    ];
    (!rows.is_empty()).then(|| table("Operations", &columns, false, &rows))
}

fn operation_row(run: &RunData, (operation, dtype): (&str, &str)) -> Markup {
    let verdicts = || run.verdicts.iter().filter(|one| one.operation == operation && one.dtype == dtype);
    let judgements = || verdicts().flat_map(|verdict| &verdict.judgements);
    let count = |status| verdicts().filter(|verdict| verdict.status == status).count();
    let worst = verdicts().filter_map(|verdict| verdict.max_ulp()).max();
    let nmse = judgements().filter_map(|judgement| judgement.nmse).max_by(f64::total_cmp);
    let equal = judgements().map(|judgement| judgement.bit_equal).min_by(f64::total_cmp);
    let count_cell = |status: Status| {
        let count = count(status);
        let class = if count > 0 { status.name() } else { "none" };
        html! { td class={ "num count " (class) } data-value=(count) { (grouped(count as u64)) } }
    };
    html! {
        tr {
            th scope="row" { (operation) }
            (word_cell(dtype))
            (count_cell(Status::Passed))
            (count_cell(Status::Failed))
            (count_cell(Status::Errored))
            (count_cell(Status::Skipped))
            (number_cell(worst.map(|worst| worst as f64), &ulp(worst)))
            (number_cell(nmse, &scientific(nmse)))
            (number_cell(equal, &equal.map_or(String::new(), percent)))
        }
    }
}

//! The headline, what a reader wants to know first, and the tables per operation.

use maud::{Markup, html};

use crate::verify::Status;

use super::super::headline::Headline;
use super::super::operation_table::OperationRow;
use super::super::run_data::RunData;
use super::numbers::{grouped, percent, scientific, significant, ulp};
use super::table::{Cell, Column, Kind, case_link, number, numbers, shares, small_table, word, words};

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
            div.top {
                p.brand { "hipgauge" @if run.record.is_partial() { span.partial { "partial run" } } }
                button.theme type="button" id="theme" hidden { "Theme: system" }
            }
            h1 class=(if headline.is_good() { "good" } else { "bad" }) { (headline.sentence()) }
            div.proportions aria-hidden="true" {
                @for (status, count) in counts.iter().filter(|(_, count)| *count > 0) {
                    span class=(status.name()) style={ "flex-grow:" (count) } {}
                }
            }
            ul.counts {
                @for (status, count) in counts {
                    li class=(if count > 0 { status.name() } else { "none" }) {
                        @if count > 0 {
                            a href="#cases" data-filter=(status.name()) { b { (grouped(count as u64)) } " " (status.name()) }
                        } @else {
                            b { "0" } " " (status.name())
                        }
                    }
                }
                @if headline.measured > 0 {
                    li.measured { a href="#times" { b { (grouped(headline.measured as u64)) } " measured" } }
                }
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

/// The few figures that a reader in a hurry takes away, each with the case that it comes from.
pub fn key_figures(run: &RunData) -> Option<Markup> {
    let mut tiles: Vec<(&str, String, Markup)> = Vec::new();
    let passed = || run.verdicts.iter().filter(|verdict| verdict.status == Status::Passed);
    // The first of equals, as the tables have it.
    let worst = passed().rev().filter(|one| one.max_ulp().is_some()).max_by_key(|one| one.max_ulp());
    if let Some(worst) = worst {
        let value = format!("{} ULP", ulp(worst.max_ulp()));
        tiles.push(("Worst error of a passing case", value, case_link(&worst.case)));
    }
    let shares = run.measurements.iter().filter_map(|one| Some((one.roofline_share?, one)));
    if let Some((share, one)) = shares.max_by(|a, b| a.0.total_cmp(&b.0)) {
        let label = html! { (case_link(&one.case)) ", " (one.mode) };
        tiles.push(("Nearest to the roof", percent(share), label));
    }
    if let Some(roofs) = run.record.roofs {
        let copy = html! { "our copy " (significant(roofs.copy_gbps)) ", memcpy " (significant(roofs.memcpy_gbps)) };
        tiles.push(("Memory roof, measured", format!("{} GB/s", significant(roofs.bandwidth_gbps())), copy));
        tiles.push((
            "Empty launch, measured",
            format!("{} µs", significant(roofs.empty_launch_us)),
            html! { "timer step " (significant(roofs.timer_resolution_us)) " µs" },
        ));
    }
    (!tiles.is_empty()).then(|| {
        html! {
            dl.tiles {
                @for (name, value, source) in tiles { div { dt { (name) } dd.value { (value) } dd.source { (source) } } }
            }
        }
    })
}

/// One row per operation and dtype.
pub fn operations(rows: &[OperationRow<'_>]) -> Option<Markup> {
    const STATUSES: [(&str, Status); 4] = [
        ("Passed", Status::Passed),
        ("Failed", Status::Failed),
        ("Errored", Status::Errored),
        ("Skipped", Status::Skipped),
    ];
    let mut columns = vec![words("Operation"), words("dtype")];
    columns.extend(STATUSES.map(|(heading, status)| Column::new(heading, Kind::Count(status))));
    columns.extend([numbers("Worst error", "ULP"), numbers("Worst NMSE", ""), numbers("Least bit-equal", "")]);
    let cells = |row: &OperationRow<'_>| {
        let worst = row.worst.as_ref().map(|worst| worst.ulp);
        let counts = STATUSES.map(|(_, status)| number(Some(row.count(status) as f64), |count| grouped(count as u64)));
        let mut cells = vec![word(row.operation), word(row.dtype)];
        cells.extend(counts);
        cells.extend([ulp_cell(worst), number(row.nmse, scientific), number(row.bit_equal, percent)]);
        cells
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    (!rows.is_empty()).then(|| small_table("operations", "Operations", &columns, &rows))
}

/// Where the largest error of each operation and dtype was seen.
pub fn worst_errors(rows: &[OperationRow<'_>]) -> Option<Markup> {
    let columns = [
        words("Operation"),
        words("dtype"),
        numbers("Error", "ULP"),
        Column::new("Status", Kind::Status),
        words("Output"),
        words("Element"),
        numbers("Expected", ""),
        numbers("Got", ""),
        Column::new("Case", Kind::Case),
    ];
    let cells = |row: &OperationRow<'_>| {
        let worst = row.worst.as_ref()?;
        let element = worst.element.map_or(String::new(), |one| format!("[{}, {}]", one.row, one.column));
        Some(vec![
            word(row.operation),
            word(row.dtype),
            ulp_cell(Some(worst.ulp)),
            word(worst.status.name()),
            word(worst.output),
            word(&element),
            number(worst.element.map(|one| one.expected), |value| value.to_string()),
            number(worst.element.map(|one| one.actual), |value| value.to_string()),
            word(worst.case),
        ])
    };
    let rows: Vec<Vec<Cell>> = rows.iter().filter_map(cells).collect();
    (!rows.is_empty()).then(|| {
        html! {
            h3 { "Worst error of each operation" }
            (small_table("worst", "Worst errors", &columns, &rows))
        }
    })
}

/// Cold against hot, and both against the roof, per operation and dtype.
pub fn cold_and_hot(rows: &[OperationRow<'_>], emulated: bool) -> Option<Markup> {
    let mut columns = vec![
        words("Operation"),
        words("dtype"),
        numbers("Cases", ""),
        numbers("Cold ÷ hot", "median"),
        numbers("Cold ÷ hot", "least"),
        numbers("Cold ÷ hot", "greatest"),
    ];
    if !emulated {
        columns.extend([shares("Cold, of roof", "median"), shares("Hot, of roof", "median")]);
    }
    let cells = |row: &OperationRow<'_>| {
        let times = &row.times;
        let ratio = |value: Option<f64>| number(value, |value| format!("{value:.2}"));
        let mut cells = vec![
            word(row.operation),
            word(row.dtype),
            number(Some(times.cases as f64), |count| grouped(count as u64)),
            ratio(times.cold_over_hot),
            ratio(times.least_cold_over_hot),
            ratio(times.most_cold_over_hot),
        ];
        if !emulated {
            cells.extend([times.cold_roofline_share, times.hot_roofline_share].map(|share| number(share, percent)));
        }
        cells
    };
    let rows: Vec<Vec<Cell>> = rows.iter().filter(|row| row.times.cases > 0).map(cells).collect();
    (!rows.is_empty()).then(|| small_table("cold-hot", "Cold against hot", &columns, &rows))
}

/// A distance in ULP, sorted by its size.
pub fn ulp_cell(value: Option<u64>) -> Cell {
    number(value.map(|value| value as f64), |_| ulp(value))
}

//! A page over several runs: what they have in common and what not, and no verdict.

use maud::{Markup, html};

use super::super::overlay::{Overlay, OverlayRun, RatioRow};
use super::super::plots::Figure;
use super::figures::figures as figure_groups;
use super::numbers::{grouped, significant};
use super::page::{Section, document, sections_of};
use super::table::{Cell, Column, large_table, number, numbers, small_table, word, words};

const SCRIPTS: &[&str] =
    &[include_str!("script/theme.js"), include_str!("script/tables.js"), include_str!("script/figures.js")];

/// The whole document.
pub fn render_overlay(overlay: &Overlay, figures: &[Figure]) -> String {
    let names: Vec<&str> = overlay.runs.iter().map(|run| run.name.as_str()).collect();
    let sections = [
        Section { id: "warnings", title: "Warnings", content: warnings(overlay) },
        Section { id: "runs", title: "Runs", content: Some(runs(&overlay.runs)) },
        Section { id: "differences", title: "What differs", content: differences(&overlay.runs) },
        Section { id: "plots", title: "Plots", content: figure_groups(figures) },
        Section { id: "ratios", title: "Ratios", content: ratios(overlay) },
        Section { id: "provenance", title: "Provenance", content: Some(provenance(&overlay.runs)) },
    ];
    let body = html! {
        header {
            div.top {
                p.brand { "hipgauge" }
                button.theme type="button" id="theme" hidden { "Theme: system" }
            }
            h1 { (overlay.runs.len()) " runs over each other" }
            p.where {
                span {
                    "This page shows runs beside each other and judges none of them: which case became slower is for "
                    code { "hipgauge compare" } " to say."
                }
            }
        }
        (sections_of(&sections, None))
    };
    document(&names.join(" over "), SCRIPTS, &body)
}

fn warnings(overlay: &Overlay) -> Option<Markup> {
    (!overlay.warnings.is_empty())
        .then(|| html! { ul.warnings { @for warning in &overlay.warnings { li { (warning) } } } })
}

/// What each run is, and how its cases ended.
fn runs(runs: &[OverlayRun]) -> Markup {
    let columns = [
        words("Run"),
        words("Directory"),
        words("Device"),
        words("Started"),
        words("Suites"),
        numbers("Passed", ""),
        numbers("Failed", ""),
        numbers("Errored", ""),
        numbers("Skipped", ""),
        numbers("Measured", ""),
        numbers("Copy roof", "GB/s"),
    ];
    let count = |count: usize| number(Some(count as f64), |_| grouped(count as u64));
    let row = |run: &OverlayRun| -> Vec<Cell> {
        let (record, headline) = (&run.run.record, &run.headline);
        let partial = if record.is_partial() { " (partial)" } else { "" };
        vec![
            word(&run.letter),
            word(&format!("{}{partial}", run.name)),
            word(&record.device.name),
            word(&record.started),
            word(&record.selection.suites.join(", ")),
            count(headline.passed),
            count(headline.failed),
            count(headline.errored),
            count(headline.skipped),
            count(headline.measured),
            number(record.roofs.map(|roofs| roofs.bandwidth_gbps()), significant),
        ]
    };
    small_table("runs", "Runs", &columns, &runs.iter().map(row).collect::<Vec<_>>())
}

/// The comparability keys in which a run differs from the first. `None` when nothing differs.
fn differences(runs: &[OverlayRun]) -> Option<Markup> {
    let (base, others) = runs.split_first()?;
    let columns = [words("Key"), words("Run"), words("Its value"), words("First run"), words("Value there")];
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for other in others {
        for difference in other.differences(base).unwrap_or_default() {
            let known = |value: &Option<String>| word(value.as_deref().unwrap_or("not known"));
            rows.push(vec![
                word(&difference.key),
                word(&other.letter),
                known(&difference.right),
                word(&base.letter),
                known(&difference.left),
            ]);
        }
    }
    (!rows.is_empty()).then(|| {
        html! {
            p.hint { "Times taken under different conditions show what the conditions do as much as what a kernel does." }
            (small_table("differences", "What differs", &columns, &rows))
        }
    })
}

/// `None` without a case that two runs measured.
fn ratios(overlay: &Overlay) -> Option<Markup> {
    if overlay.ratios.is_empty() {
        return None;
    }
    let base = overlay.runs.first()?;
    let columns: [Column; 8] = [
        words("Case"),
        words("Mode"),
        numbers("First run", "µs"),
        numbers("95 % interval", "first, µs"),
        words("Run"),
        numbers("Its time", "µs"),
        numbers("95 % interval", "its, µs"),
        numbers("Ratio", "its / first"),
    ];
    let interval = |low: Option<f64>, high: Option<f64>, median: f64| match low.zip(high) {
        Some((low, high)) => {
            let text = format!("{} – {}", significant(low), significant(high));
            number(Some((high - low) / median), |_| text)
        }
        None => number(None, significant),
    };
    let row = |row: &RatioRow| {
        vec![
            word(&row.case),
            word(row.mode.name()),
            number(Some(row.base_median_us), significant),
            interval(row.base_ci_low_us, row.base_ci_high_us, row.base_median_us),
            word(&row.run),
            number(Some(row.median_us), significant),
            interval(row.ci_low_us, row.ci_high_us, row.median_us),
            number(Some(row.ratio), |ratio| format!("{ratio:.4}")),
        ]
    };
    let rows: Vec<Vec<Cell>> = overlay.ratios.iter().map(row).collect();
    Some(html! {
        p.hint {
            "Median time of each run over that of " (base.letter) " (" (base.name) "), for cases that both measured. "
            "The intervals are each run's own. A ratio alone is no regression. " code { "ratios.csv" } " has every row."
        }
        (large_table("ratios", "Ratios", &columns, &rows, false))
    })
}

/// A fact's name, and how it is had from a run.
type Fact = (&'static str, fn(&OverlayRun) -> String);

/// Facts in rows, runs in columns, so that the eye finds what differs.
fn provenance(runs: &[OverlayRun]) -> Markup {
    let facts: [Fact; 10] = [
        ("Command", |run| run.run.record.command.join(" ")),
        ("hipgauge", |run| run.run.record.build.version.clone()),
        ("Commit", |run| {
            let build = &run.run.record.build;
            format!("{}{}", build.commit, if build.dirty { ", with uncommitted changes" } else { "" })
        }),
        ("Kernel sources, SHA-256", |run| run.run.record.build.kernels_sha256.clone()),
        ("Kernel folder", |run| run.run.record.build.kernels_folder.clone().unwrap_or_default()),
        ("Seed", |run| run.run.record.selection.seed.map_or(String::new(), |seed| seed.to_string())),
        ("Device", |run| format!("{} ({})", run.run.record.device.name, run.run.record.device.id)),
        ("Compiler", |run| run.run.record.device.compiler.clone()),
        ("CPU", |run| run.run.record.machine.cpu.clone()),
        ("Ended", |run| run.run.record.ended.clone().unwrap_or_else(|| "never".to_string())),
    ];
    let mut rows: Vec<(String, Vec<String>)> =
        facts.iter().map(|(name, fact)| (name.to_string(), runs.iter().map(fact).collect())).collect();
    let entries: Vec<Vec<(String, Option<String>)>> = runs
        .iter()
        .map(|run| run.run.record.conditions.as_ref().map_or(Vec::new(), |known| known.comparability.entries()))
        .collect();
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in entries.iter().flatten() {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    for key in keys {
        let value = |entries: &Vec<(String, Option<String>)>| {
            let found = entries.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.clone());
            found.unwrap_or_else(|| "not known".to_string())
        };
        rows.push((key.to_string(), entries.iter().map(value).collect()));
    }
    let differs = |values: &[String]| values.iter().any(|value| *value != values[0]);
    html! {
        div.table data-table="provenance" {
            div.scroll tabindex="0" role="region" aria-label="Provenance" {
                table {
                    caption { "Provenance" }
                    thead { tr { (heading("Fact")) @for run in runs { (heading(&run.letter)) } } }
                    tbody {
                        @for (name, values) in &rows {
                            tr class=[differs(values).then_some("here")] {
                                th scope="row" { (name) }
                                @for value in values { td { (value) } }
                            }
                        }
                    }
                }
            }
        }
        p.hint { "Marked rows differ." }
    }
}

fn heading(text: &str) -> Markup {
    html! { th scope="col" aria-sort="none" data-kind="words" { button type="button" { (text) } } }
}

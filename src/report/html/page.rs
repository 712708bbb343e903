//! The page around the sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::operation_table::{OperationRow, operation_table};
use super::super::plots::Figure;
use super::super::run_data::RunData;
use super::super::sample_digest::SampleDigests;
use super::definitions::definitions;
use super::failures::{failures, not_reached};
use super::figures::figures as figure_groups;
use super::measurements::measurements;
use super::one_case::one_case;
use super::overview::{cold_and_hot, key_figures, masthead, operations, worst_errors};
use super::provenance::provenance;
use super::table::case_link;
use super::verdicts::{all_cases, skipped};

const STYLE: &[&str] = &[include_str!("style/page.css"), include_str!("style/parts.css")];

/// Runs before anything is shown: the page must not flash in the other theme, nor lay out rows it will not show.
const HEAD_SCRIPT: &str = include_str!("script/head.js");

const SCRIPT: &[&str] = &[
    include_str!("script/theme.js"),
    include_str!("script/tables.js"),
    include_str!("script/figures.js"),
    include_str!("script/samples.js"),
    include_str!("script/one_case.js"),
];

/// Nothing is fetched, whatever a name in the run may look like.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// Warnings shown at once; the others are behind a summary.
const MOST_WARNINGS: usize = 20;

/// A part of the page with its heading; empty parts are left out, and so are their links.
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub content: Option<Markup>,
}

/// The whole document.
pub fn render_page(run: &RunData, samples: &SampleDigests, figures: &[Figure]) -> String {
    let rows = operation_table(run);
    let emulated = run.record.device.emulated;
    let sections = [
        Section { id: "failures", title: "Failures", content: failures(run) },
        Section { id: "not-reached", title: "Not reached", content: not_reached(run) },
        Section { id: "warnings", title: "Warnings", content: warnings(run) },
        Section { id: "correctness", title: "Correctness", content: correctness(&rows) },
        Section { id: "cold-hot", title: "Cold against hot", content: cold_and_hot(&rows, emulated) },
        Section { id: "plots", title: "Plots", content: figure_groups(figures) },
        Section { id: "case", title: "One case", content: one_case(run, samples) },
        Section { id: "times", title: "Times", content: measurements(run) },
        Section { id: "cases", title: "All cases", content: all_cases(run) },
        Section { id: "skipped", title: "Skipped", content: skipped(run) },
        Section { id: "provenance", title: "Provenance", content: Some(provenance(run)) },
        Section { id: "definitions", title: "Definitions", content: Some(definitions(run)) },
    ];
    let body = html! {
        (masthead(run))
        (sections_of(&sections, key_figures(run)))
    };
    document(&format!("{}, {}", run.record.device.name, run.record.started), SCRIPT, &body)
}

/// A whole document that needs nothing else. `scripts` run at its end.
pub fn document(title: &str, scripts: &[&str], body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "hipgauge: " (title) }
                style { @for style in STYLE { (PreEscaped(style)) } }
                script { (PreEscaped(HEAD_SCRIPT)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                (body)
                script { (PreEscaped("\"use strict\";\n")) @for script in scripts { (PreEscaped(script)) } }
            }
        }
    }
    .into_string()
}

/// Links to the sections that have content, and those sections; `first` stands before them.
pub fn sections_of(sections: &[Section], first: Option<Markup>) -> Markup {
    let shown = || sections.iter().filter_map(|section| Some((section, section.content.as_ref()?)));
    html! {
        nav aria-label="Sections" {
            ul { @for (section, _) in shown() { li { a href={ "#" (section.id) } { (section.title) } } } }
        }
        main id="main" tabindex="-1" {
            @if let Some(first) = first { (first) }
            @for (section, content) in shown() {
                section id=(section.id) aria-labelledby={ (section.id) "-heading" } {
                    h2 id={ (section.id) "-heading" } { (section.title) }
                    (content)
                }
            }
        }
    }
}

fn correctness(rows: &[OperationRow<'_>]) -> Option<Markup> {
    let operations = operations(rows)?;
    Some(html! { (operations) @if let Some(worst) = worst_errors(rows) { (worst) } })
}

fn warnings(run: &RunData) -> Option<Markup> {
    let notes: Vec<_> = run.problems.iter().filter(|problem| !problem.fatal).collect();
    if run.warnings.is_empty() && notes.is_empty() {
        return None;
    }
    let (shown, hidden) = notes.split_at(notes.len().min(MOST_WARNINGS));
    Some(html! {
        ul.warnings {
            @for warning in &run.warnings { li { (warning) } }
            @for note in shown { li { (case_link(&note.case)) ": " (note.reason) } }
        }
        @if !hidden.is_empty() {
            details {
                summary { b { (hidden.len()) } " more" }
                ul.listed { @for note in hidden { li { (case_link(&note.case)) ": " (note.reason) } } }
            }
        }
    })
}

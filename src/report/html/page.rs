//! The page around the sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::plots::{Figure, FigureGroup};
use super::super::run_data::RunData;
use super::definitions::definitions;
use super::failures::failures;
use super::measurements::measurements;
use super::overview::{masthead, operations};
use super::provenance::provenance;
use super::verdicts::{all_cases, skipped};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A part of the page with its heading; empty parts are left out, and so are their links.
struct Section {
    id: &'static str,
    title: &'static str,
    content: Option<Markup>,
}

/// The whole document.
pub fn render_page(run: &RunData, figures: &[Figure]) -> String {
    let sections = [
        Section { id: "failures", title: "Failures", content: failures(run) },
        Section { id: "warnings", title: "Warnings", content: warnings(run) },
        Section { id: "operations", title: "Operations", content: operations(run) },
        Section { id: "plots", title: "Plots", content: plots(figures) },
        Section { id: "measurements", title: "Measurements", content: measurements(run) },
        Section { id: "cases", title: "All cases", content: all_cases(run) },
        Section { id: "skipped", title: "Skipped", content: skipped(run) },
        Section { id: "provenance", title: "Provenance", content: Some(provenance(run)) },
        Section { id: "definitions", title: "Definitions", content: Some(definitions(run)) },
    ];
    let shown: Vec<_> = sections.into_iter().filter(|section| section.content.is_some()).collect();
    let device = &run.record.device;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "hipgauge: " (device.name) ", " (run.record.started) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                (masthead(run))
                nav aria-label="Sections" {
                    ul { @for section in &shown { li { a href={ "#" (section.id) } { (section.title) } } } }
                }
                main id="main" {
                    @for section in &shown {
                        section id=(section.id) aria-labelledby={ (section.id) "-title" } {
                            h2 id={ (section.id) "-title" } { (section.title) }
                            @if let Some(content) = &section.content { (content) }
                        }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn warnings(run: &RunData) -> Option<Markup> {
    let notes: Vec<_> = run.problems.iter().filter(|problem| !problem.fatal).collect();
    if run.warnings.is_empty() && notes.is_empty() {
        return None;
    }
    Some(html! {
        ul.warnings {
            @for warning in &run.warnings { li { (warning) } }
            @for note in notes { li { code { (note.case) } ": " (note.reason) } }
        }
    })
}

fn plots(figures: &[Figure]) -> Option<Markup> {
    let groups = FigureGroup::ALL.map(|group| {
        let members: Vec<&Figure> = figures.iter().filter(|figure| figure.group == group).collect();
        (group, members)
    });
    let groups: Vec<_> = groups.into_iter().filter(|(_, members)| !members.is_empty()).collect();
    (!groups.is_empty()).then(|| {
        html! {
            @for (group, members) in &groups {
                h3 { (group.heading()) }
                @for figure in members {
                    figure.plot id={ "plot-" (figure.id) } {
                        figcaption { h4 { (figure.title) } }
                        div.scroll tabindex="0" role="region" aria-label=(figure.description) {
                            (PreEscaped(accessible(figure)))
                        }
                        @if !figure.caption.is_empty() { p.hint { (figure.caption) } }
                    }
                }
            }
        }
    })
}

/// The figure's SVG with a role and a name.
fn accessible(figure: &Figure) -> String {
    let name = html! { (figure.description) }.into_string();
    figure.svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{name}\" "), 1)
}

//! The report as one HTML file that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::record::Record;
use super::super::state::State;
use super::summary::{explanations, facts, headline, is_further, reproduce};

const STYLE: &str = include_str!("style.css");

/// The whole document. `plot` is an SVG.
pub fn page(state: &State, plot: Option<&str>) -> String {
    let title = headline(state);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "hipgauge bisect: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    @if let Some(plot) = plot {
                        figure {
                            div.scroll role="img" aria-label="Commits that were looked at, with their grades" {
                                (PreEscaped(plot))
                            }
                            figcaption {
                                "Green: good. Red: bad. Grey: tells nothing. Bars are 95 % intervals. Dashed: the culprit."
                            }
                        }
                    }
                    @for search in &state.searches { (one_search(state, search)) }
                    details {
                        summary { "Environment" }
                        table {
                            tr { th scope="row" { "started" } td { (state.started) } }
                            @for (name, value) in &state.environment.facts {
                                tr { th scope="row" { (name) } td { (value) } }
                            }
                        }
                    }
                }
            }
        }
    }
    .into_string()
}

fn one_search(state: &State, search: &Record) -> Markup {
    if is_further(state, search) && search.culprit().is_none() {
        return html! { @for sentence in explanations(state, search) { p { (sentence) } } };
    }
    html! {
        section {
            @if state.searches.len() > 1 { h2 { (search.good.short()) " to " (search.bad.short()) } }
            table {
                @for (name, value) in facts(state, search) { tr { th scope="row" { (name) } td { (value) } } }
            }
            @for sentence in explanations(state, search) { p { (sentence) } }
            h3 { "Reproduce with" }
            pre { code { (reproduce(state, search)) } }
            h3 { (search.steps.len()) " steps, " (format!("{:.0}", search.seconds())) " s in all" }
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { "commit" } th scope="col" { "subject" } th scope="col" { "grade" }
                            th scope="col" { "because" } th scope="col" { "left" } th scope="col" { "s" }
                        }
                    }
                    tbody {
                        @for step in &search.steps {
                            tr {
                                td { code { (step.commit.short()) } }
                                td { (step.commit.subject) }
                                td class=(step.outcome.name()) { (step.outcome.name()) }
                                td { (step.reason) }
                                td.number { (step.remaining) }
                                td.number { (format!("{:.1}", step.seconds)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

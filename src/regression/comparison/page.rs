//! A comparison as one HTML file that needs no network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::regression::decision::{Reason, Verdict};

use super::case::ComparedCase;
use super::distribution::distribution_svg;
use super::outcome::OutcomeKind;
use super::paired::paired_svg;
use super::text::{interval_text, share_text, shift_text, value_text};
use super::whole::Comparison;

/// Cases beyond this many get no picture; their rows stay.
const MOST_PICTURES: usize = 100;

const STYLE: &str = "\
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --faint: #5b6776; --line: #d8dee6; --base: #4a7bb5; \
--candidate: #c2682f; --bad: #b3261e; --good: #1d7a3c }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9f0; --paper: #14181e; --faint: #9aa7b6; --line: #2e3743; \
--base: #7aa7dc; --candidate: #e0935c; --bad: #f2837b; --good: #6fcf8e } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem; \
margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } .frame { overflow-x: auto }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap }
td.num, th.num { text-align: right } td.wrap { white-space: normal; min-width: 18rem }
.SLOWER, .bad { color: var(--bad); font-weight: 600 } .FASTER, .good { color: var(--good); font-weight: 600 }
.note { border-left: 4px solid var(--bad); padding-left: .8rem } dt, code { font-family: ui-monospace, monospace }
.faint, dd { color: var(--faint) } figure { margin: 1.2rem 0 } svg { width: 100%; max-width: 560px; height: auto }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink) } svg .base { fill: var(--base); stroke: var(--base) }
svg .candidate { fill: var(--candidate); stroke: var(--candidate) } svg rect { stroke: none !important }
svg line { stroke-width: 1.5 } svg .axis { stroke: var(--faint); stroke-width: 1 }";

/// The page: headline, wrong results, changed cases with both distributions, the rest, and what the codes mean.
pub fn comparison_page(comparison: &Comparison) -> String {
    let changed = comparison.sorted_cases(&[Verdict::Slower, Verdict::Faster]);
    let open = comparison.sorted_cases(&[Verdict::Ambiguous, Verdict::Underpowered]);
    let same = comparison.sorted_cases(&[Verdict::Same]);
    let (statics, noise) = (comparison.static_note(), comparison.noise_note());
    let notes = statics.iter().chain(&noise).chain(&comparison.warnings);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "hipgauge compare: " (comparison.headline()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (comparison.headline()) }
                p { "base: " code { (comparison.base.line()) } br; "candidate: " code { (comparison.candidate.line()) } }
                @if !comparison.forced.is_empty() {
                    div.note {
                        p { strong { "Forced." } " These conditions differ, and times may differ for that alone:" }
                        ul { @for difference in &comparison.forced { li { (difference) } } }
                    }
                }
                @for kind in OutcomeKind::ALL { (outcome_table(comparison, kind)) }
                (case_table("Changed", &changed))
                @for case in changed.iter().take(MOST_PICTURES) { (picture(case)) }
                (case_table("Without a verdict", &open))
                @if !same.is_empty() {
                    details { summary { (same.len()) " the same" } (case_table("The same", &same)) }
                }
                (agreement(comparison))
                @for note in notes { p.faint { (note) } }
                (alone("Only in the base", &comparison.only_base))
                (alone("Only in the candidate", &comparison.only_candidate))
                (codes(comparison))
            }
        }
    };
    page.into_string()
}

fn outcome_table(comparison: &Comparison, kind: OutcomeKind) -> Markup {
    let outcomes: Vec<_> = comparison.outcomes_of(kind).collect();
    html! {
        @if !outcomes.is_empty() {
            h2.bad[kind != OutcomeKind::NowRight] { (outcomes.len()) " " (kind.title()) }
            div.frame {
                table {
                    thead { tr { th { "case" } th { "reason" } th { "again" } } }
                    tbody {
                        @for outcome in outcomes {
                            tr {
                                td { code { (outcome.case) } }
                                td.wrap { (outcome.reason) }
                                td { code { (outcome.reproduce) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn case_table(title: &str, cases: &[&ComparedCase]) -> Markup {
    html! {
        @if !cases.is_empty() {
            h2 { (title) ": " (cases.len()) }
            div.frame {
                table {
                    thead {
                        tr {
                            th { "case" } th { "mode" } th { "verdict" } th.num { "shift" } th.num { "95 % interval" }
                            th.num { "detectable" }
                            th.num { "base" } th.num { "candidate" } th.num { "p" } th { "why" } th { "compiled code" }
                        }
                    }
                    tbody { @for case in cases { (row(case)) } }
                }
            }
        }
    }
}

fn row(case: &ComparedCase) -> Markup {
    let decision = &case.decision;
    html! {
        tr {
            td { code { (case.case) } }
            td { (case.mode) }
            td class=(decision.verdict) { (decision.verdict) }
            td.num { (shift_text(decision.shift)) }
            td.num { (interval_text(decision.interval)) }
            td.num { (share_text(decision.least_detectable)) }
            td.num { (value_text(&case.base, case.unit)) }
            td.num { (value_text(&case.candidate, case.unit)) }
            td.num { @if let Some(p) = decision.p_value { (format!("{p:.1e}")) } }
            td.faint { (case.reason_codes()) }
            td { (case.static_text()) }
        }
    }
}

fn picture(case: &ComparedCase) -> Markup {
    let svg = case.distributions.as_ref().and_then(distribution_svg).or_else(|| paired_svg(case));
    html! {
        @if let Some(svg) = svg {
            figure {
                figcaption {
                    code { (case.case) } " " (case.mode) ": "
                    span class=(case.decision.verdict) { (case.decision.verdict) " " (shift_text(case.decision.shift)) }
                }
                (PreEscaped(svg))
            }
        }
    }
}

fn agreement(comparison: &Comparison) -> Markup {
    let per_cent = |share: Option<f64>| share.map_or(String::new(), |share| format!("{:.1} %", 100.0 * share));
    html! {
        @if !comparison.agreement.is_empty() {
            h2 { "Agreement of the medians" }
            div.frame {
                table {
                    thead {
                        tr {
                            th { "operation" } th { "mode" } th.num { "cases over 10 µs" } th.num { "within 1 %" }
                            th.num { "95 % intervals that hold the other median" } th.num { "largest difference" }
                        }
                    }
                    tbody {
                        @for row in &comparison.agreement.rows {
                            tr {
                                td { (row.operation) } td { (row.mode) } td.num { (row.cases) }
                                td.num { (per_cent(row.close_share())) }
                                td.num { (per_cent(row.covering_share())) }
                                td.num { (per_cent(Some(row.largest))) }
                            }
                        }
                    }
                }
            }
            @if let Some(clock) = &comparison.agreement.in_clock {
                p {
                    "The candidate's measured core clock was " (format!("{:.4}", clock.ratio)) " of the base's (median of "
                    (clock.cases) " cases, from " (format!("{:.4}", clock.extremes.0)) " to "
                    (format!("{:.4}", clock.extremes.1)) "). With each case's divided out: "
                    @for row in &clock.rows {
                        (row.mode) ", " (per_cent(row.close_share())) " within 1 %, " (per_cent(row.covering_share()))
                        " of the intervals hold the other median, largest " (per_cent(Some(row.largest))) ". "
                    }
                }
            }
        }
    }
}

fn alone(title: &str, cases: &[String]) -> Markup {
    html! {
        @if !cases.is_empty() {
            details {
                summary { (title) ": " (cases.len()) }
                ul { @for case in cases { li { code { (case) } } } }
            }
        }
    }
}

fn codes(comparison: &Comparison) -> Markup {
    let used = |reason: &&Reason| comparison.cases.iter().any(|case| case.decision.reasons.contains(reason));
    html! {
        @if !comparison.cases.is_empty() {
            h2 { "What the codes mean" }
            dl { @for reason in Reason::ALL.iter().filter(used) { dt { (reason) } dd { (reason.sentence()) } } }
        }
    }
}

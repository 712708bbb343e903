//! A comparison in Markdown, for a comment on a pull request.

use std::fmt::Write as _;

use crate::regression::decision::Verdict;

use super::case::ComparedCase;
use super::outcome::OutcomeKind;
use super::text::{interval_text, share_text, shift_text, value_text};
use super::whole::Comparison;

/// Rows of one table beyond this many are counted, not shown: a comment holds 65,536 characters.
const MOST_ROWS: usize = 60;

/// The comparison in Markdown: the headline, wrong results, changed cases; the rest folded away.
pub fn comparison_markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{words}");
    };
    line(&format!("## hipgauge: {}\n", escaped(&comparison.headline())));
    line(&format!("base: {}<br>candidate: {}\n", code(&comparison.base.line()), code(&comparison.candidate.line())));
    if !comparison.forced.is_empty() {
        line("> **Forced.** These conditions differ, and times may differ for that alone:");
        for difference in &comparison.forced {
            line(&format!("> - {}", escaped(&difference.to_string())));
        }
        line("");
    }
    for kind in OutcomeKind::ALL {
        let outcomes: Vec<_> = comparison.outcomes_of(kind).collect();
        if outcomes.is_empty() {
            continue;
        }
        line(&format!("### {} {}\n\n| case | reason |\n|---|---|", outcomes.len(), kind.title()));
        for outcome in outcomes.iter().take(MOST_ROWS) {
            line(&format!("| {} | {} |", code(&outcome.case), escaped(&outcome.reason)));
        }
        more(&mut line, outcomes.len());
    }
    let changed = comparison.sorted_cases(&[Verdict::Slower, Verdict::Faster]);
    if !changed.is_empty() {
        line(&format!("### {} changed\n", changed.len()));
        table(&mut line, &changed);
    }
    let open = comparison.sorted_cases(&[Verdict::Ambiguous, Verdict::Underpowered]);
    if !open.is_empty() {
        line(&format!("<details><summary>{} without a verdict</summary>\n", open.len()));
        table(&mut line, &open);
        line("</details>\n");
    }
    if !comparison.agreement.is_empty() {
        line("<details><summary>agreement of the medians</summary>\n");
        line(
            "| operation | mode | cases over 10 µs | within 1 % | 95 % intervals that hold the other median | largest |",
        );
        line("|---|---|--:|--:|--:|--:|");
        for row in &comparison.agreement.rows {
            let per_cent = |share: Option<f64>| share.map_or(String::new(), |share| format!("{:.1} %", 100.0 * share));
            line(&format!(
                "| {} | {} | {} | {} | {} | {:.1} % |",
                escaped(&row.operation),
                row.mode,
                row.cases,
                per_cent(row.close_share()),
                per_cent(row.covering_share()),
                100.0 * row.largest
            ));
        }
        line("\n</details>\n");
    }
    for note in comparison.static_note().iter().chain(&comparison.noise_note()).chain(&comparison.warnings) {
        line(&format!("> {}\n", escaped(note)));
    }
    text
}

fn table(line: &mut impl FnMut(&str), cases: &[&ComparedCase]) {
    line("| case | mode | verdict | shift | 95 % interval | detectable | base | candidate | why | compiled code |");
    line("|---|---|---|--:|--:|--:|--:|--:|---|---|");
    for case in cases.iter().take(MOST_ROWS) {
        line(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            code(&case.case),
            case.mode,
            case.decision.verdict,
            shift_text(case.decision.shift),
            interval_text(case.decision.interval),
            share_text(case.decision.least_detectable),
            value_text(&case.base, case.unit),
            value_text(&case.candidate, case.unit),
            case.reason_codes(),
            escaped(&case.static_text())
        ));
    }
    more(line, cases.len());
}

fn more(line: &mut impl FnMut(&str), count: usize) {
    if count > MOST_ROWS {
        line(&format!("\n… and {} more", count - MOST_ROWS));
    }
    line("");
}

/// Text that stays text inside a table cell.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace('\n', "<br>")
}

/// Text in backticks; one with backticks or line breaks of its own is escaped instead.
fn code(text: &str) -> String {
    if text.contains(['`', '|', '\n']) { escaped(text) } else { format!("`{text}`") }
}

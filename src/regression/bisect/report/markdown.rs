//! The report for an issue or a pull request.

use std::fmt::Write as _;

use super::super::state::State;
use super::summary::{explanations, facts, headline, is_further, reproduce};

/// The whole report.
pub fn markdown(state: &State) -> String {
    let mut text = format!("## {}\n", headline(state));
    for search in &state.searches {
        if is_further(state, search) && search.culprit().is_none() {
            for sentence in explanations(state, search) {
                let _ = write!(text, "\n{sentence}\n");
            }
            continue;
        }
        if state.searches.len() > 1 {
            let _ = write!(text, "\n### {} to {}\n", search.good.short(), search.bad.short());
        }
        text.push_str("\n| | |\n|---|---|\n");
        for (name, value) in facts(state, search) {
            let _ = writeln!(text, "| {name} | {} |", cell(&value));
        }
        for sentence in explanations(state, search) {
            let _ = write!(text, "\n{sentence}\n");
        }
        let _ = write!(text, "\nReproduce with:\n\n```sh\n{}\n```\n", reproduce(state, search));
        let steps = search.steps.len();
        let _ = write!(text, "\n<details><summary>{steps} steps, {:.0} s in all</summary>\n\n", search.seconds());
        text.push_str("| # | commit | subject | grade | because | left | s |\n|--:|---|---|---|---|--:|--:|\n");
        for (number, step) in search.steps.iter().enumerate() {
            let _ = writeln!(
                text,
                "| {} | `{}` | {} | {} | {} | {} | {:.1} |",
                number + 1,
                step.commit.short(),
                cell(&step.commit.subject),
                step.outcome.name(),
                cell(&step.reason),
                step.remaining,
                step.seconds
            );
        }
        text.push_str("\n</details>\n");
    }
    text.push_str("\n<details><summary>Environment</summary>\n\n| | |\n|---|---|\n");
    let _ = writeln!(text, "| started | {} |", state.started);
    for (name, value) in &state.environment.facts {
        let _ = writeln!(text, "| {name} | {} |", cell(value));
    }
    text.push_str("\n</details>\n");
    text
}

/// Text that stays in its cell: the first line, with what Markdown and HTML would take for theirs escaped.
fn cell(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    let mut escaped = String::with_capacity(line.len());
    for letter in line.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '@' => escaped.extend(['\\', letter]),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_leave_its_cell() {
        assert_eq!(cell("a | b <script> @team #12\nmore"), r"a \| b &lt;script> \@team \#12");
    }
}

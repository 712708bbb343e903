//! A comparison of TTFT runs in Markdown, for a comment on a pull request.

use std::fmt::Write as _;

use crate::regression::comparison::{interval_text, shift_text};

use super::{Attribution, FirstTokenComparison};

/// Parts of a change that are shown; the others are counted together.
const MOST_PARTS: usize = 8;

/// Headline, a table of the times, and for each change the parts that explain it.
pub fn first_token_markdown(comparison: &FirstTokenComparison) -> String {
    let mut text = format!("## hipgauge: {}\n\n", comparison.headline());
    let _ = writeln!(text, "base: {}<br>candidate: {}\n", comparison.base, comparison.candidate);
    if !comparison.forced.is_empty() {
        text.push_str("> **Forced.** These conditions differ, and times may differ for that alone:\n");
        comparison.forced.iter().for_each(|line| text.push_str(&format!("> - {line}\n")));
        text.push('\n');
    }
    text.push_str("| requests | verdict | TTFT base (ms) | candidate (ms) | change | 95 % interval |\n");
    text.push_str("|---|---|--:|--:|--:|--:|\n");
    for one in &comparison.compared {
        let verdict = match one.wrong {
            [false, false] => one.decision.verdict.name(),
            [true, false] => "base INVALID",
            [false, true] => "candidate INVALID",
            [true, true] => "both INVALID",
        };
        let (shift, interval) = (shift_text(one.decision.shift), interval_text(one.decision.interval));
        let _ = writeln!(
            text,
            "| {} | {verdict} | {:.4} | {:.4} | {shift} | {interval} |",
            one.name(),
            one.base_ms,
            one.candidate_ms
        );
    }
    for one in comparison.compared.iter().filter(|one| one.decision.verdict.is_change()) {
        if let Some(attribution) = &one.attribution {
            let _ = writeln!(text, "\n### {}: {:+.4} ms\n", one.name(), attribution.change_ms);
            text.push_str(&parts(attribution));
        }
    }
    for (side, names) in [("base", &comparison.only_base), ("candidate", &comparison.only_candidate)] {
        if !names.is_empty() {
            let _ = writeln!(text, "\nOnly in the {side}: {}", names.join("; "));
        }
    }
    text
}

fn parts(attribution: &Attribution) -> String {
    let mut text =
        "| part | base (ms) | candidate (ms) | change (ms) | of the change |\n|---|--:|--:|--:|--:|\n".to_string();
    for part in attribution.shares.iter().take(MOST_PARTS) {
        let error = part.error_ms.map_or(String::new(), |error| format!(" ± {error:.4}"));
        let share = part.share.map_or(String::new(), |share| format!("{:.0} %", 100.0 * share));
        let _ = writeln!(
            text,
            "| {} | {:.4} | {:.4} | {:+.4}{error} | {share} |",
            part.name, part.base_ms, part.candidate_ms, part.change_ms
        );
    }
    let left: f64 = attribution.shares.iter().skip(MOST_PARTS).map(|part| part.change_ms).sum();
    if attribution.shares.len() > MOST_PARTS {
        let _ = writeln!(text, "| {} others | | | {left:+.4} | |", attribution.shares.len() - MOST_PARTS);
    }
    let _ = writeln!(text, "| not explained | | | {:+.4} | |", attribution.rest_ms);
    text
}

//! A TTFT run for a step summary or a comment on a pull request.

use std::fmt::Write;

use crate::ttft::SummaryRow;

use super::super::html::{percent, significant};
use super::TtftRun;
use super::page::{headline, is_good};

/// Headline, the times of every mode, length and batch, and where the numbers come from.
pub fn render_markdown(run: &TtftRun) -> String {
    let record = &run.record;
    let mark = if is_good(run) { "" } else { "**Not to be trusted.** " };
    let mut text = format!("### {mark}{}\n\n", headline(run));
    if run.summaries.is_empty() {
        text.push_str("Nothing was measured.\n");
    } else {
        text.push_str("| mode | prompt | batch | requests | TTFT p50 (ms) | p95 (ms) | of FLOP floor | second token (ms) | step (ms) | tokens/s | unattributed |\n");
        text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        for row in &run.summaries {
            text.push_str(&line(row));
        }
    }
    for note in run.told() {
        let _ = writeln!(text, "\n{note}");
    }
    let _ = writeln!(
        text,
        "\n{} on {}, {}, {} path, matrix products by {}; hipgauge {} ({})",
        record.model.identity,
        record.engine.device,
        record.engine.compute,
        record.engine.path,
        record.engine.matrix_library,
        record.build.version,
        if record.build.commit.is_empty() { "no commit" } else { &record.build.commit },
    );
    text
}

fn line(row: &SummaryRow) -> String {
    let or_none = |value: Option<f64>| value.map_or(String::new(), significant);
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        row.mode,
        row.prompt_tokens,
        row.batch,
        row.requests,
        significant(row.ttft_p50_ms),
        significant(row.ttft_p95_ms),
        row.flop_floor_share.map_or(String::new(), percent),
        or_none(row.second_token_ms),
        or_none(row.decode_step_p50_ms),
        or_none(row.decode_tokens_per_second),
        percent(row.unattributed_share),
    )
}

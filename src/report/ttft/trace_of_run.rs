//! A TTFT run as a trace.

use serde_json::json;

use crate::ttft::{OperationRow, Phase, Stage, TtftRow};

use super::super::trace::Trace;
use super::TtftRun;

/// Every request with its stages, then every profiled pass with its layers and operations. Requests follow one another
/// as they ran; the time between them is not kept.
pub fn trace_of(run: &TtftRun) -> Trace {
    let mut trace = Trace::default();
    if !run.requests.is_empty() {
        requests(&mut trace, &run.requests);
    }
    let mut passes: Vec<(Phase, u32, u32)> =
        run.operations.iter().map(|row| (row.phase, row.prompt_tokens, row.batch)).collect();
    passes.dedup();
    for (phase, tokens, batch) in passes {
        let rows = run.operations.iter();
        let rows = rows.filter(|row| (row.phase, row.prompt_tokens, row.batch) == (phase, tokens, batch));
        pass(&mut trace, (phase, tokens, batch), &rows.collect::<Vec<_>>());
    }
    trace
}

/// Stages are durations, not places: they are laid end to end, and what no stage accounts for comes last, wherever it
/// was.
fn requests(trace: &mut Trace, rows: &[TtftRow]) {
    trace.group("requests, as timed");
    let (whole, parts) = (trace.track("requests"), trace.track("stages, end to end"));
    let mut start_s = 0.0;
    for row in rows {
        let name = format!("{}, {} tokens, batch {}, no. {}", row.mode, row.prompt_tokens, row.batch, row.repetition);
        let facts = [("ttft_ms", json!(row.ttft_ms)), ("validity", json!(row.validity))];
        trace.span(whole, &name, start_s, row.total_ms / 1e3, &facts);
        let mut stage_s = start_s;
        for stage in Stage::ALL {
            let seconds = row.stage_ms(stage).unwrap_or(0.0) / 1e3;
            trace.span(parts, stage.name(), stage_s, seconds, &[]);
            stage_s += seconds;
        }
        let note = [("note", json!("no stage accounts for this time; where it lay is not known"))];
        trace.span(parts, "unattributed", stage_s, row.unattributed_ms / 1e3, &note);
        // A hundredth between requests keeps them apart.
        start_s += row.total_ms / 1e3 * 1.01;
    }
}

fn pass(trace: &mut Trace, (phase, tokens, batch): (Phase, u32, u32), rows: &[&OperationRow]) {
    let name = match phase {
        Phase::Prefill => "prefill",
        Phase::Decode => "decode step after",
    };
    trace.group(&format!("profiled {name} {tokens} tokens, batch {batch} (slower than a timed request)"));
    let (layers, operations) = (trace.track("layers"), trace.track("operations"));
    let mut place = 0;
    while place < rows.len() {
        let layer = rows[place].layer;
        let end = place + rows[place..].iter().take_while(|row| row.layer == layer).count();
        if let Some(layer) = layer {
            let (first, last) = (rows[place], rows[end - 1]);
            let start_ms = first.start_ms;
            let ms = last.start_ms + last.duration_ms - start_ms;
            trace.span(layers, &format!("layer {layer}"), start_ms / 1e3, ms / 1e3, &[]);
        }
        place = end;
    }
    for row in rows {
        let facts = [("layer", json!(row.layer)), ("share", json!(row.share))];
        trace.span(operations, &row.operation, row.start_ms / 1e3, row.duration_ms / 1e3, &facts);
    }
}

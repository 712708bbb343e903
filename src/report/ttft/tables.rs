//! Tables of a TTFT run's page.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::ttft::{OperationRow, Phase, Stage, SummaryRow, TtftRow, WARNED_UNATTRIBUTED};

use super::super::html::{
    Cell, Column, large_table, number, numbers, percent, shares, significant, small_table, word, words,
};
use super::TtftRun;

fn kind_columns() -> Vec<Column> {
    vec![words("Mode"), numbers("Prompt", "tokens"), numbers("Batch", "")]
}

fn count(value: u32) -> Cell {
    number(Some(f64::from(value)), |value| value.to_string())
}

fn kind_cells(row: &SummaryRow) -> Vec<Cell> {
    vec![word(row.mode.name()), count(row.prompt_tokens), count(row.batch)]
}

/// Percentiles of the time to first token, and how near it is to what the device allows.
pub fn first_token(rows: &[SummaryRow]) -> Option<Markup> {
    let mut columns = kind_columns();
    columns.extend([
        numbers("Requests", ""),
        words("Tokens"),
        numbers("p50", "ms"),
        numbers("p90", "ms"),
        numbers("p95", "ms"),
        numbers("p99", "ms"),
        numbers("Prefill", "tokens/s"),
        numbers("FLOP floor", "ms"),
        shares("of FLOP floor", ""),
        numbers("Weight floor", "ms"),
        shares("of weight floor", ""),
    ]);
    let cells = |row: &SummaryRow| {
        let mut cells = kind_cells(row);
        cells.extend([
            count(row.requests),
            word(row.validity.name()),
            number(Some(row.ttft_p50_ms), significant),
            number(Some(row.ttft_p90_ms), significant),
            number(Some(row.ttft_p95_ms), significant),
            number(row.ttft_p99_ms, significant),
            number(Some(row.prefill_tokens_per_second), significant),
            number(row.flop_floor_ms, significant),
            number(row.flop_floor_share, percent),
            number(row.weight_read_floor_ms, significant),
            number(row.weight_read_floor_share, percent),
        ]);
        cells
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    (!rows.is_empty()).then(|| small_table("first-token", "Time to first token", &columns, &rows))
}

/// Medians of the stages that some request has, and what no stage accounts for.
pub fn stages(rows: &[SummaryRow]) -> Option<Markup> {
    let present: Vec<Stage> =
        Stage::ALL.into_iter().filter(|stage| rows.iter().any(|row| row.stage_ms(*stage).is_some())).collect();
    let mut columns = kind_columns();
    columns.extend(present.iter().map(|stage| numbers(stage.title(), "ms")));
    columns.extend([numbers("Unattributed", "ms"), numbers("of the total", "%"), words("")]);
    let cells = |row: &SummaryRow| {
        let mut cells = kind_cells(row);
        cells.extend(present.iter().map(|stage| number(row.stage_ms(*stage), significant)));
        let share = row.unattributed_share;
        let warning = if share.abs() > WARNED_UNATTRIBUTED { "stages miss something" } else { "" };
        cells.extend([
            number(Some(row.unattributed_ms), significant),
            number(Some(share * 100.0), |share| format!("{share:.2}")),
            word(warning),
        ]);
        cells
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    (!rows.is_empty()).then(|| small_table("stages", "Stages", &columns, &rows))
}

/// Tokens after the first.
pub fn decode(rows: &[SummaryRow]) -> Option<Markup> {
    let rows: Vec<&SummaryRow> = rows.iter().filter(|row| row.second_token_ms.is_some()).collect();
    let mut columns = kind_columns();
    columns.extend([
        numbers("Second token", "ms"),
        numbers("Step, p50", "ms"),
        numbers("Step, p95", "ms"),
        numbers("Rate", "tokens/s"),
        shares("of weight floor", ""),
    ]);
    let cells = |row: &&SummaryRow| {
        let mut cells = kind_cells(row);
        cells.extend([
            number(row.second_token_ms, significant),
            number(row.decode_step_p50_ms, significant),
            number(row.decode_step_p95_ms, significant),
            number(row.decode_tokens_per_second, significant),
            number(row.decode_floor_share, percent),
        ]);
        cells
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    (!rows.is_empty()).then(|| small_table("decode", "Tokens after the first", &columns, &rows))
}

/// All calls of an operation in a pass.
#[derive(Default)]
struct Calls {
    count: u32,
    ms: f64,
    share: f64,
}

/// One row per pass and operation: how often, how long.
pub fn operations(rows: &[OperationRow]) -> Option<Markup> {
    // Prefill before decode, then by length, batch and name.
    type Key<'a> = (bool, u32, u32, &'a str);
    let mut totals: BTreeMap<Key<'_>, Calls> = BTreeMap::new();
    for row in rows {
        let key = (row.phase == Phase::Decode, row.prompt_tokens, row.batch, row.operation.as_str());
        let calls = totals.entry(key).or_default();
        calls.count += 1;
        calls.ms += row.duration_ms;
        calls.share += row.share;
    }
    let columns = [
        words("Pass"),
        numbers("Prompt", "tokens"),
        numbers("Batch", ""),
        words("Operation"),
        numbers("Calls", ""),
        numbers("Together", "ms"),
        shares("of the pass", ""),
    ];
    let cells = |(&(decode, tokens, batch, operation), calls): (&Key<'_>, &Calls)| {
        vec![
            word(if decode { "decode" } else { "prefill" }),
            count(tokens),
            count(batch),
            word(operation),
            count(calls.count),
            number(Some(calls.ms), significant),
            number(Some(calls.share), percent),
        ]
    };
    let rows: Vec<Vec<Cell>> = totals.iter().map(cells).collect();
    (!rows.is_empty()).then(|| {
        html! {
            p.hint {
                "From passes in which every operation was timed by itself. Such a pass is slower than a timed request: "
                "read the shares. " code { "ttft_operations.csv" } " has every layer."
            }
            (large_table("operations", "Operations", &columns, &rows, false))
        }
    })
}

/// Every request.
pub fn requests(rows: &[TtftRow]) -> Option<Markup> {
    let columns = [
        words("Request"),
        numbers("TTFT", "ms"),
        numbers("Prefill", "ms"),
        numbers("Unattributed", "ms"),
        numbers("Second token", "ms"),
        numbers("Step", "ms"),
        words("Tokens"),
        words("First tokens"),
    ];
    let cells = |row: &TtftRow| {
        let name = format!("{} {} x {} no. {}", row.mode, row.prompt_tokens, row.batch, row.repetition);
        vec![
            word(&name),
            number(Some(row.ttft_ms), significant),
            number(row.prefill_ms, significant),
            number(Some(row.unattributed_ms), significant),
            number(row.second_token_ms, significant),
            number(row.decode_step_median_ms, significant),
            word(row.validity.name()),
            word(&row.first_tokens),
        ]
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    (!rows.is_empty()).then(|| large_table("requests", "Requests", &columns, &rows, false))
}

/// TTFT as a function of the prompt's length.
pub fn fits(run: &TtftRun) -> Option<Markup> {
    let columns = [
        words("Mode"),
        numbers("Batch", ""),
        numbers("Lengths", ""),
        numbers("Fixed", "ms"),
        numbers("Per token", "µs"),
        numbers("Per token squared", "ns"),
        numbers("Residual", "%"),
    ];
    let cells = |fit: &crate::ttft::FitRow| {
        vec![
            word(fit.mode.name()),
            count(fit.batch),
            count(fit.lengths),
            number(Some(fit.fixed_ms), significant),
            number(Some(fit.per_token_ms * 1e3), significant),
            number(Some(fit.per_token_squared_ms * 1e6), significant),
            number(Some(fit.relative_residual * 100.0), |residual| format!("{residual:.1}")),
        ]
    };
    let rows: Vec<Vec<Cell>> = run.fits.iter().map(cells).collect();
    (!rows.is_empty()).then(|| {
        html! {
            h3 { "TTFT = fixed + per token x n + per token squared x n²" }
            (small_table("fits", "Fits", &columns, &rows))
        }
    })
}

//! A comparison of TTFT runs as CSV: one row per part of each change.

use serde::Serialize;

use super::FirstTokenComparison;

#[derive(Serialize)]
struct Row<'a> {
    mode: &'static str,
    prompt_tokens: u32,
    batch: u32,
    verdict: &'static str,
    shift: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    base_ttft_ms: f64,
    candidate_ttft_ms: f64,
    part: &'a str,
    base_ms: Option<f64>,
    candidate_ms: Option<f64>,
    change_ms: f64,
    error_ms: Option<f64>,
    share: Option<f64>,
}

const COLUMNS: &str = "mode,prompt_tokens,batch,verdict,shift,ci_low,ci_high,base_ttft_ms,candidate_ttft_ms,part,base_ms,\
    candidate_ms,change_ms,error_ms,share\n";

/// RFC 4180 with a header. Each comparison has a row for the whole (part `ttft`), one for each part, and one for the
/// rest.
pub fn first_token_csv(comparison: &FirstTokenComparison) -> String {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(COLUMNS.as_bytes().to_vec());
    for one in &comparison.compared {
        let whole = Row {
            mode: one.mode.name(),
            prompt_tokens: one.prompt_tokens,
            batch: one.batch,
            verdict: one.decision.verdict.name(),
            shift: one.decision.shift,
            ci_low: one.decision.interval.map(|interval| interval.low),
            ci_high: one.decision.interval.map(|interval| interval.high),
            base_ttft_ms: one.base_ms,
            candidate_ttft_ms: one.candidate_ms,
            part: "ttft",
            base_ms: Some(one.base_ms),
            candidate_ms: Some(one.candidate_ms),
            change_ms: one.candidate_ms - one.base_ms,
            error_ms: None,
            share: None,
        };
        let mut rows = vec![];
        if let Some(attribution) = &one.attribution {
            rows.extend(attribution.shares.iter().map(|part| Row {
                part: &part.name,
                base_ms: Some(part.base_ms),
                candidate_ms: Some(part.candidate_ms),
                change_ms: part.change_ms,
                error_ms: part.error_ms,
                share: part.share,
                ..whole
            }));
            let share = (attribution.change_ms != 0.0).then(|| attribution.rest_ms / attribution.change_ms);
            let (base_ms, candidate_ms, change_ms) = (None, None, attribution.rest_ms);
            rows.push(Row { part: "rest", base_ms, candidate_ms, change_ms, error_ms: None, share, ..whole });
        }
        for row in std::iter::once(whole).chain(rows) {
            writer.serialize(row).expect("a row of plain fields, written to memory");
        }
    }
    let bytes = writer.into_inner().expect("memory takes all");
    String::from_utf8(bytes).expect("CSV of UTF-8 fields is UTF-8")
}

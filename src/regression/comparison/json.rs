//! A comparison as JSON.

use serde_json::{Value, json};

use crate::regression::decision::{Reason, Verdict};

use super::whole::Comparison;

/// The layout of this document.
const FORMAT: u32 = 1;

/// The whole comparison, with counts, the conclusion, and a sentence for every reason code in it.
pub fn comparison_json(comparison: &Comparison, strict: bool) -> Value {
    let counts: serde_json::Map<String, Value> =
        Verdict::ALL.iter().map(|verdict| (verdict.name().to_string(), comparison.count(*verdict).into())).collect();
    let used = |reason: &&Reason| comparison.cases.iter().any(|case| case.decision.reasons.contains(reason));
    let reasons: serde_json::Map<String, Value> =
        Reason::ALL.iter().filter(used).map(|reason| (reason.code().to_string(), reason.sentence().into())).collect();
    let mut document = json!({
        "format": FORMAT,
        "headline": comparison.headline(),
        "conclusion": comparison.conclusion(strict),
        "counts": counts,
        "reasons": reasons,
    });
    let whole = serde_json::to_value(comparison).expect("a comparison has string keys only");
    if let (Value::Object(document), Value::Object(whole)) = (&mut document, whole) {
        document.extend(whole);
    }
    document
}

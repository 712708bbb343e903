//! A comparison as CSV: one row per case and mode.

use serde::Serialize;

use crate::regression::StaticProperty;

use super::case::{ComparedCase, Unit};
use super::whole::Comparison;

#[derive(Serialize)]
struct Row<'a> {
    case: &'a str,
    operation: &'a str,
    mode: &'static str,
    verdict: &'static str,
    shift: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    threshold: f64,
    least_detectable: Option<f64>,
    p_value: Option<f64>,
    unit: Unit,
    base_median: Option<f64>,
    candidate_median: Option<f64>,
    base_n: u64,
    candidate_n: u64,
    base_clock_mhz: Option<f64>,
    candidate_clock_mhz: Option<f64>,
    reasons: String,
    statics: String,
    base_registers: Option<u32>,
    candidate_registers: Option<u32>,
    base_shared_bytes: Option<u32>,
    candidate_shared_bytes: Option<u32>,
    base_spills: Option<f64>,
    candidate_spills: Option<f64>,
    base_code_bytes: Option<u64>,
    candidate_code_bytes: Option<u64>,
    base_occupancy: Option<f64>,
    candidate_occupancy: Option<f64>,
    confirmation: &'static str,
    forced: String,
}

impl<'a> Row<'a> {
    fn new(case: &'a ComparedCase, forced: &str) -> Self {
        let decision = &case.decision;
        let (base, candidate) = (&case.base.attributes, &case.candidate.attributes);
        Self {
            case: &case.case,
            operation: &case.operation,
            mode: case.mode.name(),
            verdict: decision.verdict.name(),
            shift: decision.shift,
            ci_low: decision.interval.map(|interval| interval.low),
            ci_high: decision.interval.map(|interval| interval.high),
            threshold: decision.threshold,
            least_detectable: decision.least_detectable,
            p_value: decision.p_value,
            unit: case.unit,
            base_median: case.base.median,
            candidate_median: case.candidate.median,
            base_n: case.base.n,
            candidate_n: case.candidate.n,
            base_clock_mhz: case.base.clock_mhz,
            candidate_clock_mhz: case.candidate.clock_mhz,
            reasons: case.reason_codes(),
            statics: case.static_text(),
            base_registers: base.registers,
            candidate_registers: candidate.registers,
            base_shared_bytes: base.shared_bytes,
            candidate_shared_bytes: candidate.shared_bytes,
            base_spills: StaticProperty::Spills.of(base),
            candidate_spills: StaticProperty::Spills.of(candidate),
            base_code_bytes: base.code_bytes,
            candidate_code_bytes: candidate.code_bytes,
            base_occupancy: base.occupancy,
            candidate_occupancy: candidate.occupancy,
            confirmation: case.confirmation.as_ref().map_or("", |decision| decision.verdict.name()),
            forced: forced.to_string(),
        }
    }
}

const COLUMNS: &str = "case,operation,mode,verdict,shift,ci_low,ci_high,threshold,least_detectable,p_value,unit,\
    base_median,candidate_median,base_n,candidate_n,base_clock_mhz,candidate_clock_mhz,reasons,static,\
    base_registers,candidate_registers,base_shared_bytes,candidate_shared_bytes,base_spills,candidate_spills,\
    base_code_bytes,candidate_code_bytes,base_occupancy,candidate_occupancy,confirmation,forced\n";

/// RFC 4180 with a header. Changes are relative; `forced` names the conditions that differ.
pub fn comparison_csv(comparison: &Comparison) -> String {
    let forced = comparison.forced.iter().map(|difference| difference.key.as_str()).collect::<Vec<_>>().join(" ");
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(COLUMNS.as_bytes().to_vec());
    for case in &comparison.cases {
        writer.serialize(Row::new(case, &forced)).expect("a row of plain fields, written to memory");
    }
    let bytes = writer.into_inner().expect("memory takes all");
    String::from_utf8(bytes).expect("CSV of UTF-8 fields is UTF-8")
}

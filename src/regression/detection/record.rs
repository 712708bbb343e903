//! One row per duel.

use serde::Serialize;

use crate::profiling::statistics::{median, sorted};
use crate::regression::interleave::Duel;

/// A duel of the study.
#[derive(Clone, Debug, PartialEq)]
pub struct DuelRecord {
    /// The relative change that was wanted; 0 for a comparison of the case with itself.
    pub nominal: f64,
    /// The relative change that the candidate has, measured once; 0 for a comparison of the case with itself.
    pub change: f64,
    /// Which set of fresh processes, from 0.
    pub processes: usize,
    pub duel: Duel,
}

#[derive(Serialize)]
struct Row<'a> {
    case: &'a str,
    mode: &'static str,
    nominal: f64,
    change: f64,
    processes: usize,
    verdict: &'static str,
    shift: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    threshold: f64,
    p_value: Option<f64>,
    unit: &'static str,
    base_median: Option<f64>,
    candidate_median: Option<f64>,
    base_clock_mhz: Option<f64>,
    candidate_clock_mhz: Option<f64>,
    discarded: u32,
    throttle: String,
    seconds: f64,
    pairs: usize,
    values: String,
    reasons: String,
}

const COLUMNS: &str = "case,mode,nominal,change,processes,verdict,shift,ci_low,ci_high,threshold,p_value,unit,base_median,\
    candidate_median,base_clock_mhz,candidate_clock_mhz,discarded,throttle,seconds,pairs,values,reasons\n";

impl<'a> Row<'a> {
    fn new(record: &'a DuelRecord) -> Self {
        let DuelRecord { nominal, change, processes, duel } = record;
        let decision = &duel.decision;
        let measured = duel.measured.as_ref();
        let middle = |values: Vec<f64>| median(&sorted(&values));
        let pairs = measured.map_or(&[][..], |measured| &measured.pairs);
        let values: Vec<[f64; 2]> = pairs.iter().map(|pair| [pair.base, pair.candidate]).collect();
        Self {
            case: &duel.case,
            mode: duel.mode.name(),
            nominal: *nominal,
            change: *change,
            processes: *processes,
            verdict: decision.verdict.name(),
            shift: decision.shift,
            ci_low: decision.interval.map(|interval| interval.low),
            ci_high: decision.interval.map(|interval| interval.high),
            threshold: decision.threshold,
            p_value: decision.p_value,
            unit: measured.map_or("", |measured| measured.unit.name()),
            base_median: middle(pairs.iter().map(|pair| pair.base).collect()),
            candidate_median: middle(pairs.iter().map(|pair| pair.candidate).collect()),
            base_clock_mhz: measured.and_then(|measured| measured.base.core_clock_mhz()),
            candidate_clock_mhz: measured.and_then(|measured| measured.candidate.core_clock_mhz()),
            discarded: measured.map_or(0, |measured| measured.discarded),
            throttle: measured.and_then(|measured| measured.throttle).map_or(String::new(), |why| why.to_string()),
            seconds: duel.seconds,
            pairs: pairs.len(),
            values: serde_json::to_string(&values).expect("plain numbers"),
            reasons: decision.reasons.iter().map(|reason| reason.code()).collect::<Vec<_>>().join(" "),
        }
    }
}

/// RFC 4180 with a header; docs/methodology.md names the columns and their units.
pub fn duels_csv(records: &[DuelRecord]) -> String {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(COLUMNS.as_bytes().to_vec());
    for record in records {
        writer.serialize(Row::new(record)).expect("a row of plain fields, written to memory");
    }
    let bytes = writer.into_inner().expect("memory takes all");
    String::from_utf8(bytes).expect("CSV of UTF-8 fields is UTF-8")
}

//! From what was measured in turns to the comparison that every output is made of.

use crate::operation::Case;
use crate::profiling::Mode;
use crate::profiling::statistics::{median, sorted};
use crate::regression::comparison::{
    Agreement, ComparedCase, Comparison, Method, Outcome, OutcomeKind, SideInfo, SideValue, Unit, outcome_kind,
};
use crate::regression::decision::{FALSE_DISCOVERY_RATE, Pair, correct_for_many};
use crate::regression::interleave::{Duel, SideRecord};
use crate::regression::static_differences;
use crate::regression::worker::{self, Hello};

use super::contestant::Contestant;
use super::field::MeasuredCase;
use super::standing::Standing;

/// A case to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCase {
    pub id: String,
    pub operation: String,
    pub modes: Vec<Mode>,
}

impl LiveCase {
    pub fn new(case: &Case, modes: &[Mode]) -> Self {
        Self { id: case.id(), operation: case.operation.name().to_string(), modes: modes.to_vec() }
    }
}

/// Base and candidate, with what their workers said of themselves.
pub(super) struct Sides<'a> {
    pub contestants: [&'a Contestant; 2],
    pub hellos: &'a [Hello; 2],
    /// UTC.
    pub started: &'a str,
}

/// The comparison of all cases. Alarms are corrected for their number.
pub(super) fn to_comparison(sides: &Sides<'_>, measured: Vec<MeasuredCase>, warnings: Vec<String>) -> Comparison {
    let ran = |standing: &Standing| !matches!(standing, Standing::Unmeasurable(_));
    let judged_in_both =
        measured.iter().filter(|case| case.verified || ran(&case.base) && ran(&case.candidate)).count();
    let mut outcomes: Vec<Outcome> = measured.iter().filter_map(|case| outcome(case, sides.contestants[1])).collect();
    outcomes.sort_by_key(|outcome| outcome.kind);
    let mut cases: Vec<ComparedCase> = measured.iter().flat_map(compared).collect();
    correct_for_many(cases.iter_mut().map(|case| &mut case.decision), FALSE_DISCOVERY_RATE);
    let [base, candidate] = [0, 1].map(|place| info(sides.contestants[place], &sides.hellos[place], sides.started));
    Comparison {
        method: Method::Interleaved,
        base,
        candidate,
        forced: Vec::new(),
        cases,
        outcomes,
        judged_in_both,
        only_base: Vec::new(),
        only_candidate: Vec::new(),
        agreement: Agreement::default(),
        warnings,
    }
}

fn info(contestant: &Contestant, hello: &Hello, started: &str) -> SideInfo {
    let Hello { build, device, .. } = hello;
    // What a program says of the commit that it was built from is its own; the kernels may be another one's.
    let commit = contestant.commit.as_ref().map(|commit| commit.id.clone());
    let of_program = || if contestant.target.kernels.is_none() { build.commit.clone() } else { String::new() };
    let named_folder = contestant.commit.is_none();
    SideInfo {
        name: contestant.name.clone(),
        started: started.to_string(),
        dirty: commit.is_none() && contestant.target.kernels.is_none() && build.dirty,
        commit: commit.unwrap_or_else(of_program),
        kernels_sha256: build.kernels_sha256.clone(),
        kernels_folder: build.kernels_folder.clone().filter(|_| named_folder),
        device: device.id.clone(),
        device_name: device.name.clone(),
        architecture: device.architecture.clone(),
        partial: false,
    }
}

/// How a case's correctness differs, if it is worth a line.
fn outcome(case: &MeasuredCase, candidate: &Contestant) -> Option<Outcome> {
    let kind = match (&case.base, &case.candidate) {
        // Both were right, and one could not be measured all the same.
        (_, Standing::Unmeasurable(_)) | (Standing::Unmeasurable(_), Standing::Right) if case.verified => {
            OutcomeKind::NoLongerMeasured
        }
        (base, candidate) => outcome_kind(Some(base.status()), candidate.status())?,
    };
    let reason = match &case.candidate {
        Standing::Right => format!("the base: {}", case.base.reason()),
        standing => standing.reason().to_string(),
    };
    let (id, reproduce) = (case.case.id.clone(), candidate.reproduce(&case.case.id));
    Some(Outcome { case: id, kind, reason, reproduce })
}

/// One case in the modes that were measured. A side that turned out wrong meanwhile has no times.
fn compared(case: &MeasuredCase) -> Vec<ComparedCase> {
    if case.base != Standing::Right || case.candidate != Standing::Right {
        return Vec::new();
    }
    case.duels.iter().map(|duel| compared_mode(case, duel)).collect()
}

fn compared_mode(case: &MeasuredCase, duel: &Duel) -> ComparedCase {
    let observed = duel.measured.as_ref();
    let (unit, scale) = match observed.map(|observed| observed.unit) {
        Some(worker::Unit::Steps) => (Unit::Steps, 1.0),
        Some(worker::Unit::Seconds) | None => (Unit::Microseconds, 1e6),
    };
    let in_unit = |pair: &Pair| Pair { base: pair.base * scale, candidate: pair.candidate * scale };
    let pairs: Vec<Pair> = observed.map_or(Vec::new(), |observed| observed.pairs.iter().map(in_unit).collect());
    let side = |value: fn(&Pair) -> f64, record: Option<&SideRecord>, place: usize| SideValue {
        median: median(&sorted(&pairs.iter().map(value).collect::<Vec<_>>())),
        interval: None,
        n: pairs.len() as u64,
        clock_mhz: record.and_then(SideRecord::core_clock_mhz),
        chain_steps_per_us: record.and_then(SideRecord::chain_steps_per_us),
        attributes: case.attributes[place],
    };
    ComparedCase {
        case: case.case.id.clone(),
        operation: case.case.operation.clone(),
        mode: duel.mode,
        unit,
        base: side(|pair| pair.base, observed.map(|observed| &observed.base), 0),
        candidate: side(|pair| pair.candidate, observed.map(|observed| &observed.candidate), 1),
        decision: duel.decision.clone(),
        statics: static_differences(&case.attributes[0], &case.attributes[1]),
        confirmation: None,
        distributions: None,
        pairs,
    }
}

//! What became of a case's correctness from one side to the other.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::report::RunData;
use crate::verify::{Status, Verdict};

/// How correctness changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeKind {
    /// Right before, or not there before, and wrong now.
    NowWrong,
    /// Ran before and does not run now.
    NoLongerRuns,
    /// Measured before, and right now, but without an acceptable measurement.
    NoLongerMeasured,
    WrongInBoth,
    /// Without a result on both sides: it does not build, or does not fit.
    RunsInNeither,
    /// Wrong or not running before, right now.
    NowRight,
}

impl OutcomeKind {
    pub const ALL: [OutcomeKind; 6] = [
        OutcomeKind::NowWrong,
        OutcomeKind::NoLongerRuns,
        OutcomeKind::NoLongerMeasured,
        OutcomeKind::WrongInBoth,
        OutcomeKind::RunsInNeither,
        OutcomeKind::NowRight,
    ];

    pub const fn title(self) -> &'static str {
        match self {
            OutcomeKind::NowWrong => "wrong now",
            OutcomeKind::NoLongerRuns => "no longer runs",
            OutcomeKind::NoLongerMeasured => "no longer measured",
            OutcomeKind::WrongInBoth => "wrong in both",
            OutcomeKind::RunsInNeither => "runs in neither",
            OutcomeKind::NowRight => "right now",
        }
    }
}

/// A case whose correctness is worth a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub case: String,
    pub kind: OutcomeKind,
    /// Of the side that is not right; of the base where the candidate is.
    pub reason: String,
    /// The line that runs the case again on the candidate; empty where no verdict gave one.
    pub reproduce: String,
}

/// Outcomes of all cases of two runs, the worst kind first, else in the candidate's order. A case that only the base has
/// is none: whoever selects fewer cases has not broken one. `both` counts cases that both runs have judged.
pub fn outcomes(base: &RunData, candidate: &RunData) -> (Vec<Outcome>, usize) {
    let before: HashMap<&str, &Verdict> =
        base.verdicts.iter().map(|verdict| (verdict.case.as_str(), verdict)).collect();
    let mut both = 0;
    let mut found = Vec::new();
    for now in &candidate.verdicts {
        let then = before.get(now.case.as_str()).copied();
        both += usize::from(then.is_some_and(|then| ran(then.status) && ran(now.status)));
        let Some(kind) = kind(then.map(|then| then.status), now.status) else { continue };
        let told = if kind == OutcomeKind::NowRight { then.unwrap_or(now) } else { now };
        let (reason, reproduce) = (told.reason.clone(), now.reproduce.clone());
        found.push(Outcome { case: now.case.clone(), kind, reason, reproduce });
    }
    found.extend(lost_measurements(base, candidate, &found));
    found.sort_by_key(|outcome| outcome.kind);
    (found, both)
}

fn ran(status: Status) -> bool {
    matches!(status, Status::Passed | Status::Failed)
}

/// How correctness changed, where that is worth a line.
pub(in crate::regression) fn kind(then: Option<Status>, now: Status) -> Option<OutcomeKind> {
    match (then, now) {
        (Some(Status::Failed), Status::Failed) => Some(OutcomeKind::WrongInBoth),
        (_, Status::Failed) => Some(OutcomeKind::NowWrong),
        (Some(Status::Passed | Status::Failed), Status::Errored) => Some(OutcomeKind::NoLongerRuns),
        (Some(Status::Errored), Status::Errored) => Some(OutcomeKind::RunsInNeither),
        (Some(Status::Failed | Status::Errored), Status::Passed) => Some(OutcomeKind::NowRight),
        _ => None,
    }
}

/// Cases that the base measured and the candidate could not: the timed launches were wrong, no sample was acceptable,
/// memory ran out.
fn lost_measurements(base: &RunData, candidate: &RunData, known: &[Outcome]) -> Vec<Outcome> {
    let measured: HashSet<&str> = base.measurements.iter().map(|measurement| measurement.case.as_str()).collect();
    let known: HashSet<&str> = known.iter().map(|outcome| outcome.case.as_str()).collect();
    let fatal = candidate.problems.iter().filter(|problem| problem.fatal);
    fatal
        .filter(|problem| measured.contains(problem.case.as_str()) && !known.contains(problem.case.as_str()))
        .map(|problem| Outcome {
            case: problem.case.clone(),
            kind: OutcomeKind::NoLongerMeasured,
            reason: problem.reason.clone(),
            reproduce: String::new(),
        })
        .collect()
}

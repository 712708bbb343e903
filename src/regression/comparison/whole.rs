//! A whole comparison, and what it comes to.

use serde::Serialize;

use crate::profiling::Difference;
use crate::regression::StaticDifference;
use crate::regression::decision::{Reason, Verdict};

use super::agreement::Agreement;
use super::case::ComparedCase;
use super::outcome::{Outcome, OutcomeKind};
use super::side::SideInfo;

/// How the sides were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Each by itself, at times of their own.
    Runs,
    /// In turns on one device.
    Interleaved,
}

/// Two sides over all their common cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub method: Method,
    pub base: SideInfo,
    pub candidate: SideInfo,
    /// Conditions that differ although the sides were compared; empty unless it was forced.
    pub forced: Vec<Difference>,
    /// In the candidate's order.
    pub cases: Vec<ComparedCase>,
    /// Cases whose correctness changed or is bad, the worst first.
    pub outcomes: Vec<Outcome>,
    /// Cases that ran, right or wrong, on both sides.
    pub judged_in_both: usize,
    /// Measured on one side only: case and mode.
    pub only_base: Vec<String>,
    pub only_candidate: Vec<String>,
    pub agreement: Agreement,
    /// What is odd about the sides' own files.
    pub warnings: Vec<String>,
}

/// What a comparison comes to, the worst thing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// A result is wrong that was right.
    Wrong,
    /// A case is slower.
    Slower,
    /// The sides have no case in common.
    NothingComparable,
    /// A case that ran before gives nothing now; or no case gave something on both sides; or, where that is asked for, a
    /// case without a verdict.
    Undecided,
    Good,
}

impl Comparison {
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.decision.verdict == verdict).count()
    }

    pub fn outcomes_of(&self, kind: OutcomeKind) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |outcome| outcome.kind == kind)
    }

    /// Cases with one of these verdicts, the largest shift first.
    pub fn sorted_cases(&self, verdicts: &[Verdict]) -> Vec<&ComparedCase> {
        let mut cases: Vec<&ComparedCase> =
            self.cases.iter().filter(|case| verdicts.contains(&case.decision.verdict)).collect();
        let size = |case: &&ComparedCase| case.decision.shift.map_or(0.0, f64::abs);
        let rank = |case: &&ComparedCase| Verdict::ALL.iter().position(|verdict| *verdict == case.decision.verdict);
        cases.sort_by(|left, right| rank(left).cmp(&rank(right)).then(size(right).total_cmp(&size(left))));
        cases
    }

    /// `strict`: whether AMBIGUOUS and UNDERPOWERED cases leave the whole undecided.
    pub fn conclusion(&self, strict: bool) -> Conclusion {
        let any = |kind| self.outcomes_of(kind).next().is_some();
        let nothing = self.cases.is_empty() && self.judged_in_both == 0;
        let lost = any(OutcomeKind::NoLongerRuns) || any(OutcomeKind::NoLongerMeasured);
        let open = strict && self.cases.iter().any(|case| !case.decision.verdict.is_decided());
        if any(OutcomeKind::NowWrong) {
            Conclusion::Wrong
        } else if self.count(Verdict::Slower) > 0 {
            Conclusion::Slower
        } else if lost || open || (nothing && !self.outcomes.is_empty()) {
            Conclusion::Undecided
        } else if nothing {
            Conclusion::NothingComparable
        } else {
            Conclusion::Good
        }
    }

    /// One sentence, the worst first.
    pub fn headline(&self) -> String {
        let mut parts = Vec::new();
        let told = [
            OutcomeKind::NowWrong,
            OutcomeKind::NoLongerRuns,
            OutcomeKind::NoLongerMeasured,
            OutcomeKind::RunsInNeither,
        ];
        for kind in told {
            match self.outcomes_of(kind).count() {
                0 => {}
                count => parts.push(format!("{count} {}", kind.title())),
            }
        }
        for verdict in Verdict::ALL {
            match self.count(verdict) {
                0 => {}
                count => parts.push(format!("{count} {}", verdict.name().to_lowercase())),
            }
        }
        match (parts.is_empty(), self.judged_in_both) {
            (true, 0) => "the two sides have no case in common".to_string(),
            (true, judged) => format!("{judged} cases judged on both sides, none newly wrong; no times to compare"),
            (false, _) => parts.join(", "),
        }
    }

    /// Cases whose compiled kernels changed, whatever their verdict.
    pub fn with_static_changes(&self) -> impl Iterator<Item = &ComparedCase> {
        self.cases.iter().filter(|case| !case.statics.is_empty())
    }

    /// How many cases' kernels changed as compiled, and how many of them for the worse in some respect.
    pub fn static_note(&self) -> Option<String> {
        let changed = self.with_static_changes().count();
        let worse = |case: &&ComparedCase| case.statics.iter().any(StaticDifference::is_worse);
        let worse = self.with_static_changes().filter(worse).count();
        (changed > 0)
            .then(|| format!("compiled kernels changed in {changed} cases, in {worse} of them something for the worse"))
    }

    /// How sure a reader may be of small changes: where the noise came from, once for all cases.
    pub fn noise_note(&self) -> Option<String> {
        let assumed: Vec<f64> = self
            .cases
            .iter()
            .filter(|case| case.decision.reasons.contains(&Reason::NoiseAssumed))
            .map(|case| case.decision.threshold)
            .collect();
        let largest = assumed.iter().copied().reduce(f64::max)?;
        let between = match self.method {
            Method::Runs => "noise between runs was never calibrated",
            Method::Interleaved => "noise between processes was not calibrated here (`hipgauge calibrate`)",
        };
        Some(format!(
            "{} of {} cases: {between}, so changes of up to {:.1} % are not called changes",
            assumed.len(),
            self.cases.len(),
            100.0 * largest
        ))
    }
}

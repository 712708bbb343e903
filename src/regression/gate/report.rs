//! The gate's rules: an alarm counts if a second measurement raises it, too, and nobody has allowed it.

use serde::Serialize;

use crate::profiling::Mode;
use crate::regression::comparison::{ComparedCase, Comparison, Conclusion};
use crate::regression::decision::{Decision, Reason, Verdict};

use super::allowance::AllowList;
use super::contest::Contest;
use super::date::CalendarDate;

/// A slow-down that was allowed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AllowedCase {
    pub case: String,
    pub mode: Mode,
    pub shift: Option<f64>,
    pub reason: String,
    pub until: CalendarDate,
}

/// What a gate found.
#[derive(Clone, Debug, Serialize)]
pub struct GateReport {
    /// Alarms that were not confirmed are AMBIGUOUS here. Allowed ones are SLOWER.
    pub comparison: Comparison,
    pub allowed: Vec<AllowedCase>,
    /// Alarms that a second measurement was asked about.
    pub questioned: usize,
    pub warnings: Vec<String>,
}

/// Measures, questions the alarms, and applies the allowances.
pub fn run_gate<C: Contest>(contest: &mut C, allow: &AllowList) -> Result<GateReport, C::Error> {
    let mut comparison = contest.compare()?;
    let is_slower = |case: &&ComparedCase| case.decision.verdict == Verdict::Slower;
    let alarms: Vec<(String, Mode)> = comparison
        .cases
        .iter()
        .filter(is_slower)
        .filter(|case| allow.find(&case.case).is_none() && !is_exact(&case.decision))
        .map(|case| (case.case.clone(), case.mode))
        .collect();
    if !alarms.is_empty() {
        let again = contest.compare_again(&alarms)?;
        for case in &mut comparison.cases {
            if alarms.iter().any(|(id, mode)| *id == case.case && *mode == case.mode) {
                question(case, &again);
            }
        }
        merge_outcomes(&mut comparison, again);
    }
    let allowed: Vec<AllowedCase> = comparison
        .cases
        .iter()
        .filter(is_slower)
        .filter_map(|case| {
            let allowance = allow.find(&case.case)?;
            let (reason, until) = (allowance.reason.clone(), allowance.until);
            Some(AllowedCase { case: case.case.clone(), mode: case.mode, shift: case.decision.shift, reason, until })
        })
        .collect();
    let used: Vec<&str> = allowed.iter().map(|allowed| allowed.case.as_str()).collect();
    let warnings = allow
        .unused(&used)
        .into_iter()
        .map(|allowance| {
            let (pattern, source) = (&allowance.pattern, &allowance.source);
            format!("the allowance for `{pattern}` from {source} allowed nothing; remove it if its case is mended")
        })
        .collect();
    Ok(GateReport { comparison, allowed, questioned: alarms.len(), warnings })
}

/// Counts repeat exactly: measuring them again says nothing new.
fn is_exact(decision: &Decision) -> bool {
    decision.reasons.contains(&Reason::ExactCounts)
}

/// Holds an alarm against a second measurement. One that could not be measured again does not stand.
fn question(case: &mut ComparedCase, again: &Comparison) {
    let second = again.cases.iter().find(|other| other.case == case.case && other.mode == case.mode);
    case.confirmation = second.map(|second| second.decision.clone());
    if second.is_none_or(|second| second.decision.verdict != Verdict::Slower) {
        case.decision.reasons.retain(|reason| *reason != Reason::ClearChange);
        let decision =
            std::mem::replace(&mut case.decision, Decision::unmeasured(Verdict::Ambiguous, Reason::NotConfirmed));
        case.decision = decision.revised(Verdict::Ambiguous, Reason::NotConfirmed);
    }
}

/// A result that was wrong only the second time is wrong all the same.
fn merge_outcomes(comparison: &mut Comparison, again: Comparison) {
    for outcome in again.outcomes {
        if comparison.outcomes.iter().all(|known| known.case != outcome.case) {
            comparison.outcomes.push(outcome);
        }
    }
    comparison.outcomes.sort_by_key(|outcome| outcome.kind);
}

impl GateReport {
    pub fn is_allowed(&self, case: &ComparedCase) -> bool {
        self.allowed.iter().any(|allowed| allowed.case == case.case && allowed.mode == case.mode)
    }

    /// As the comparison's, but for slow-downs that are allowed.
    pub fn conclusion(&self, strict: bool) -> Conclusion {
        let mut rest = self.comparison.clone();
        for case in &mut rest.cases {
            if self.is_allowed(case) {
                case.decision.verdict = Verdict::Same;
            }
        }
        rest.conclusion(strict)
    }

    /// One sentence.
    pub fn headline(&self) -> String {
        let allowed = match self.allowed.len() {
            0 => String::new(),
            count => format!(" ({count} slower ones allowed)"),
        };
        format!("{}{allowed}", self.comparison.headline())
    }
}

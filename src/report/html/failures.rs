//! What went wrong, with everything needed to look into it.

use maud::{Markup, html};

use crate::operation::OutputJudgement;
use crate::verify::{Status, Verdict};

use super::super::run_data::RunData;
use super::numbers::{grouped, ulp};
use super::table::{case_link, tag};

/// Failures shown in full; the others are listed, and the page shows each as one case.
const MOST_IN_FULL: usize = 8;

/// `None` when nothing failed. Cases that no time was left for are no failures, see `not_reached`.
pub fn failures(run: &RunData) -> Option<Markup> {
    let verdicts: Vec<&Verdict> =
        run.verdicts.iter().filter(|verdict| matches!(verdict.status, Status::Failed | Status::Errored)).collect();
    let refused: Vec<_> = run.problems.iter().filter(|problem| problem.fatal && !problem.is_not_reached()).collect();
    if verdicts.is_empty() && refused.is_empty() {
        return None;
    }
    let (in_full, listed) = verdicts.split_at(verdicts.len().min(MOST_IN_FULL));
    let (refused_in_full, refused_listed) = refused.split_at(refused.len().min(MOST_IN_FULL));
    let listed = listed.iter().map(|verdict| (&verdict.case, &verdict.reason));
    let listed: Vec<_> = listed.chain(refused_listed.iter().map(|problem| (&problem.case, &problem.reason))).collect();
    Some(html! {
        @for verdict in in_full { (failure(verdict)) }
        @for problem in refused_in_full {
            article.failure {
                h3 { (case_link(&problem.case)) span.tag.failed { "not measured" } }
                pre { (problem.reason) }
            }
        }
        @if !listed.is_empty() {
            details {
                summary { b { (grouped(listed.len() as u64)) } " more" }
                ul.listed { @for (case, reason) in listed {
                    li { (case_link(case)) ": " (reason.lines().next().unwrap_or_default()) }
                } }
            }
        }
    })
}

/// Cases that no time was left for, by why. `None` when all were reached.
pub fn not_reached(run: &RunData) -> Option<Markup> {
    let missed = run.problems.iter().filter(|problem| problem.is_not_reached());
    by_reason(missed.map(|problem| (problem.reason.as_str(), problem.case.as_str())))
}

/// Cases under the reasons that they share. `None` for no cases.
pub fn by_reason<'a>(cases: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Markup> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (reason, case) in cases {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, cases)) => cases.push(case),
            None => reasons.push((reason, vec![case])),
        }
    }
    (!reasons.is_empty()).then(|| {
        html! {
            @for (reason, cases) in reasons {
                details {
                    summary { b { (grouped(cases.len() as u64)) } " " (reason) }
                    ul.cases { @for case in cases { li { (case_link(case)) } } }
                }
            }
        }
    })
}

fn failure(verdict: &Verdict) -> Markup {
    html! {
        article.failure {
            h3 {
                (case_link(&verdict.case))
                (tag(verdict.status.name()))
            }
            pre { (verdict.reason) }
            @for judgement in verdict.judgements.iter().filter(|judgement| !judgement.passed()) { (worst(judgement)) }
            p.reproduce { span { "Again:" } code { (verdict.reproduce) } }
        }
    }
}

fn worst(judgement: &OutputJudgement) -> Markup {
    html! {
        p.worst {
            b { (judgement.output) } ": " (grouped(judgement.failed_elements)) " of " (grouped(judgement.elements))
            " elements outside their gate"
            @if let Some(worst) = &judgement.worst {
                "; worst at [" (worst.row) ", " (worst.column) "]: expected " code { (worst.expected) }
                ", got " code { (worst.actual) }
                @if worst.ulp != u64::MAX { ", " (ulp(Some(worst.ulp))) " ULP off" }
            }
        }
    }
}

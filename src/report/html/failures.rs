//! What went wrong, with everything needed to look into it.

use maud::{Markup, html};

use crate::operation::OutputJudgement;
use crate::verify::{Status, Verdict};

use super::super::run_data::RunData;
use super::numbers::{grouped, ulp};
use super::table::{case_link, tag};

/// Failures shown in full; the others are listed, and the page shows each as one case.
const MOST_IN_FULL: usize = 8;

/// `None` when nothing failed.
pub fn failures(run: &RunData) -> Option<Markup> {
    let verdicts: Vec<&Verdict> =
        run.verdicts.iter().filter(|verdict| matches!(verdict.status, Status::Failed | Status::Errored)).collect();
    let refused: Vec<_> = run.problems.iter().filter(|problem| problem.fatal).collect();
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

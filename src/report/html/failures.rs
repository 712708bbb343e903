//! What went wrong, with everything needed to look into it.

use maud::{Markup, html};

use crate::operation::OutputJudgement;
use crate::verify::{Status, Verdict};

use super::super::run_data::RunData;
use super::numbers::{grouped, ulp};

/// `None` when nothing failed.
pub fn failures(run: &RunData) -> Option<Markup> {
    let verdicts: Vec<&Verdict> =
        run.verdicts.iter().filter(|verdict| matches!(verdict.status, Status::Failed | Status::Errored)).collect();
    let refused: Vec<_> = run.problems.iter().filter(|problem| problem.fatal).collect();
    if verdicts.is_empty() && refused.is_empty() {
        return None;
    }
    Some(html! {
        @for verdict in verdicts { (failure(verdict)) }
        @for problem in refused {
            article.failure {
                h3 { a href={ "#" (problem.case) } { (problem.case) } span.tag.failed { "not measured" } }
                pre { (problem.reason) }
            }
        }
    })
}

fn failure(verdict: &Verdict) -> Markup {
    html! {
        article.failure {
            h3 {
                a href={ "#" (verdict.case) } { (verdict.case) }
                span class={ "tag " (verdict.status.name()) } { (verdict.status.name()) }
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

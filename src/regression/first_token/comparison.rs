//! What changed between two TTFT runs.

use serde::Serialize;

use crate::regression::comparison::Conclusion;
use crate::regression::decision::{Decision, Reason, Thresholds, Verdict, decide_samples};
use crate::report::ttft::{TtftRecord, TtftRun};
use crate::ttft::{SummaryRow, TtftMode, TtftRow, Validity};

use super::{Attribution, FirstTokenError};

/// What counts as a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstTokenOptions {
    /// Relative change of the time to first token that matters.
    pub least_effect: f64,
    /// Relative change that runs of one program stay below; none where it is not known.
    pub noise: Option<f64>,
    /// Compare although conditions differ.
    pub force: bool,
}

/// One mode, prompt length and batch that both runs measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub mode: TtftMode,
    pub prompt_tokens: u32,
    pub batch: u32,
    /// Medians of the time to first token.
    pub base_ms: f64,
    pub candidate_ms: f64,
    /// Of the requests' times to first token.
    pub decision: Decision,
    /// Whether the tokens of a side are wrong: then its times are no times of this model.
    pub wrong: [bool; 2],
    /// None where a run has no profile of this length and batch.
    pub attribution: Option<Attribution>,
}

impl Compared {
    /// `steady, 512 tokens`, with the batch where it is not one.
    pub fn name(&self) -> String {
        let batch = if self.batch == 1 { String::new() } else { format!(" x {}", self.batch) };
        format!("{}, {} tokens{batch}", self.mode, self.prompt_tokens)
    }
}

/// Two TTFT runs beside each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FirstTokenComparison {
    /// Model, device and commit of each side.
    pub base: String,
    pub candidate: String,
    /// Conditions that differ, where the comparison was forced.
    pub forced: Vec<String>,
    pub compared: Vec<Compared>,
    /// What only one of the runs measured.
    pub only_base: Vec<String>,
    pub only_candidate: Vec<String>,
}

impl FirstTokenComparison {
    pub fn count(&self, verdict: Verdict) -> usize {
        self.compared.iter().filter(|one| one.decision.verdict == verdict).count()
    }

    /// What the comparison as a whole says. `strict`: what has no verdict is no good end.
    pub fn conclusion(&self, strict: bool) -> Conclusion {
        let undecided = self.compared.iter().any(|one| !one.decision.verdict.is_decided());
        match () {
            () if self.compared.is_empty() => Conclusion::NothingComparable,
            () if self.compared.iter().any(|one| one.wrong[1]) => Conclusion::Wrong,
            () if self.count(Verdict::Slower) > 0 => Conclusion::Slower,
            () if strict && undecided => Conclusion::Undecided,
            () => Conclusion::Good,
        }
    }

    /// `time to first token: 1 slower, 2 the same`.
    pub fn headline(&self) -> String {
        if self.compared.is_empty() {
            return "time to first token: nothing that both runs measured".to_string();
        }
        let wrong = self.compared.iter().filter(|one| one.wrong[1]).count();
        let words = [
            (wrong, "with wrong tokens"),
            (self.count(Verdict::Slower), "slower"),
            (self.count(Verdict::Faster), "faster"),
            (self.count(Verdict::Ambiguous) + self.count(Verdict::Underpowered), "without a verdict"),
            (self.count(Verdict::Same), "the same"),
        ];
        let told = words.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        format!("time to first token: {}", told.collect::<Vec<_>>().join(", "))
    }
}

/// Compares what both runs measured. Fails where their conditions differ, unless forced.
pub fn compare_first_tokens(
    base: &TtftRun,
    candidate: &TtftRun,
    options: &FirstTokenOptions,
) -> Result<FirstTokenComparison, FirstTokenError> {
    let differences = differences(&base.record, &candidate.record);
    if !differences.is_empty() && !options.force {
        return Err(FirstTokenError::NotComparable { differences });
    }
    let thresholds = Thresholds::new(options.least_effect, options.noise);
    let mut comparison = FirstTokenComparison {
        base: side(&base.record),
        candidate: side(&candidate.record),
        forced: differences,
        compared: Vec::new(),
        only_base: unmatched(base, candidate),
        only_candidate: unmatched(candidate, base),
    };
    for before in &base.summaries {
        if let Some(after) = candidate.summaries.iter().find(|after| kind(after) == kind(before)) {
            comparison.compared.push(compared([base, candidate], [before, after], &thresholds));
        }
    }
    Ok(comparison)
}

fn kind(row: &SummaryRow) -> (TtftMode, u32, u32) {
    (row.mode, row.batch, row.prompt_tokens)
}

fn unmatched(run: &TtftRun, other: &TtftRun) -> Vec<String> {
    let rows = run.summaries.iter().filter(|row| other.summaries.iter().all(|there| kind(there) != kind(row)));
    rows.map(|row| format!("{}, {} tokens x {}", row.mode, row.prompt_tokens, row.batch)).collect()
}

fn side(record: &TtftRecord) -> String {
    let commit = match record.build.commit.as_str() {
        "" => "no commit".to_string(),
        commit => format!("{}{}", &commit[..commit.len().min(12)], if record.build.dirty { ", changed" } else { "" }),
    };
    format!(
        "{} on {}, {} ({commit}), {}",
        record.model.name, record.engine.device, record.engine.compute, record.started
    )
}

/// One line for each condition that differs.
fn differences(base: &TtftRecord, candidate: &TtftRecord) -> Vec<String> {
    let (ours, theirs) = (&base.comparability, &candidate.comparability);
    let mut keys: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let value = |side: Option<&String>| side.map_or("not known".to_string(), Clone::clone);
    let differing = keys.into_iter().filter(|key| ours.get(*key) != theirs.get(*key));
    differing.map(|key| format!("{key}: {} against {}", value(ours.get(key)), value(theirs.get(key)))).collect()
}

fn compared(runs: [&TtftRun; 2], rows: [&SummaryRow; 2], thresholds: &Thresholds) -> Compared {
    let requests = |side: usize| -> Vec<&TtftRow> {
        let all = runs[side].requests.iter();
        all.filter(|one| (one.mode, one.batch, one.prompt_tokens) == kind(rows[side])).collect()
    };
    let sides = [requests(0), requests(1)];
    let wrong = [0, 1].map(|side| sides[side].iter().any(|one| one.validity == Validity::Invalid));
    let seconds = |side: usize| sides[side].iter().map(|one| one.ttft_ms / 1e3).collect::<Vec<f64>>();
    let decision = match wrong {
        [false, false] => decide_samples(&seconds(0), &seconds(1), thresholds),
        _ => Decision::unmeasured(Verdict::Ambiguous, Reason::InvalidValue),
    };
    Compared {
        mode: rows[0].mode,
        prompt_tokens: rows[0].prompt_tokens,
        batch: rows[0].batch,
        base_ms: rows[0].ttft_p50_ms,
        candidate_ms: rows[1].ttft_p50_ms,
        decision,
        wrong,
        attribution: Attribution::of(rows, [&runs[0].operations, &runs[1].operations]),
    }
}

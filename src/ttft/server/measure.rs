//! The requests of a plan, asked of a server.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ttft::{
    DecodeRow, Ending, Limits, Plan, PlannedRequest, RequestFacts, Stage, StageTimes, TtftError, TtftMode, TtftRow,
    TtftSink, Validity, unmeasured_number,
};

use super::{Answer, PromptForm, Server, server_prompt};

/// A row of `ttft_server.csv`: what a server said of a request beside its text. Empty where it did not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerRow {
    pub mode: TtftMode,
    pub prompt_tokens: u32,
    pub batch: u32,
    pub repetition: u32,
    /// Tokens of the prompt and of the answer by the server's count, its template included.
    pub counted_prompt_tokens: Option<u64>,
    pub counted_answer_tokens: Option<u64>,
    /// Tokens of the prompt that it had computed before.
    pub cached_tokens: Option<u64>,
    /// Pieces of text that were not empty; each may hold several tokens.
    pub pieces: u32,
    pub finish_reason: Option<String>,
    /// SHA-256 of the text, first 16 digits.
    pub text_sha256: String,
}

/// Asks the server for every steady request of the plan, one at a time, after unmeasured ones of every length. `rows` gets
/// what the server said of each request that was kept, also where a later one fails.
pub fn measure_server(
    server: &Server,
    form: PromptForm,
    plan: &Plan,
    limits: Limits<'_>,
    sink: &mut dyn TtftSink,
    rows: &mut Vec<ServerRow>,
) -> Result<Ending, TtftError> {
    for repetition in 0..plan.warm_up {
        for &length in &plan.lengths {
            if let Some(ending) = limits.reached() {
                return Ok(ending);
            }
            let number = unmeasured_number(length, 1, repetition);
            server.ask(&server_prompt(form, length, plan.seed, number), 1 + plan.decode.min(2))?;
        }
    }
    for planned in plan.requests(TtftMode::Steady, usize::MAX) {
        if let Some(ending) = limits.reached() {
            return Ok(ending);
        }
        sink.begin(&planned);
        let prompt = server_prompt(form, planned.length, plan.seed, planned.number());
        let answer = server.ask(&prompt, 1 + planned.decode)?;
        let (row, steps) = timed(&planned, &prompt.to_json(), &answer);
        sink.request(&row, &steps)?;
        rows.push(said(&planned, &answer));
    }
    Ok(Ending::Complete)
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn timed(planned: &PlannedRequest, prompt: &str, answer: &Answer) -> (TtftRow, Vec<DecodeRow>) {
    let (mode, batch, prompt_tokens) = (planned.mode, planned.batch as u32, planned.length as u32);
    let repetition = planned.repetition as u32;
    let (validity, prompt_sha256, first_tokens) = (Validity::Unchecked, digest(prompt), Vec::new());
    let facts = RequestFacts { mode, prompt_tokens, batch, repetition, validity, prompt_sha256, first_tokens };
    let first = answer.pieces_s[0];
    let mut stages = StageTimes::default();
    stages.set_seconds(Stage::Server, first);
    let steps = answer.steps_s();
    let row = TtftRow::new(&facts, first, first, &stages, &steps);
    let step = |(place, seconds): (usize, &f64)| {
        let (token, step_ms) = (place as u32 + 2, seconds * 1e3);
        DecodeRow { mode, prompt_tokens, batch, repetition, token, step_ms }
    };
    (row, steps.iter().enumerate().map(step).collect())
}

fn said(planned: &PlannedRequest, answer: &Answer) -> ServerRow {
    ServerRow {
        mode: planned.mode,
        prompt_tokens: planned.length as u32,
        batch: planned.batch as u32,
        repetition: planned.repetition as u32,
        counted_prompt_tokens: answer.prompt_tokens,
        counted_answer_tokens: answer.answer_tokens,
        cached_tokens: answer.cached_tokens,
        pieces: answer.pieces_s.len() as u32,
        finish_reason: answer.finish_reason.clone(),
        text_sha256: digest(&answer.text),
    }
}

/// What a reader of the times must know: prompts that were longer or shorter than asked for, that the server had seen
/// before, and pieces of several tokens.
pub fn server_notes(rows: &[ServerRow]) -> Vec<String> {
    let mut notes = Vec::new();
    let cached: u64 = rows.iter().filter_map(|row| row.cached_tokens).sum();
    if cached > 0 {
        notes.push(format!(
            "the server had computed {cached} of the prompts' tokens before, although every prompt is new: its cache of \
             prefixes answered in part, and these times are too short"
        ));
    }
    if rows.iter().any(|row| row.counted_prompt_tokens.is_none()) {
        notes.push("the server does not say how long prompts were; lengths are as asked for".to_string());
    }
    let off =
        rows.iter().filter_map(|row| Some(row.counted_prompt_tokens? as f64 / f64::from(row.prompt_tokens) - 1.0));
    if let Some(most) = off.max_by(|one, other| one.abs().total_cmp(&other.abs())).filter(|most| *most != 0.0) {
        notes.push(format!(
            "by the server's count prompts were up to {:+.1} % longer than asked for: ttft_server.csv has each",
            100.0 * most
        ));
    }
    if rows.iter().any(|row| row.counted_answer_tokens.is_some_and(|tokens| tokens > u64::from(row.pieces))) {
        notes.push(
            "the server sent several tokens in one piece: steps are times between pieces, not between tokens"
                .to_string(),
        );
    }
    notes
}

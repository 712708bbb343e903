//! Requests one after the other, each kept as soon as it is done.

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::TtftError;
use super::mode::{TtftMode, Validity};
use super::plan::{Plan, PlannedRequest, unmeasured_number};
use super::process::observe;
use super::request::{Request, Response};
use super::rows::{DecodeRow, OperationRow, Phase, RequestFacts, TtftRow};
use super::stages::StageTimes;
use crate::engine::tokenizer::Tokenizer;
use crate::engine::{Engine, OperationSpan, Profile};

/// Where requests go when they are done.
pub trait TtftSink {
    /// A request begins.
    fn begin(&mut self, request: &PlannedRequest);

    /// It is done; a failure to keep it ends the run.
    fn request(&mut self, row: &TtftRow, steps: &[DecodeRow]) -> io::Result<()>;
}

/// When a run ends early.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Becomes true at Ctrl-C.
    pub stop: &'a AtomicBool,
    /// No request begins after this.
    pub deadline: Option<Instant>,
    /// A request that has a process of its own may take so long, from the start of the process to its last step.
    pub request: Duration,
}

impl Limits<'_> {
    /// Whether it is time to end, and how.
    pub(super) fn reached(&self) -> Option<Ending> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(Ending::Interrupted);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(Ending::OutOfTime)
    }
}

/// How a series of requests came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Complete,
    Interrupted,
    OutOfTime,
}

/// Warms every shape of the plan, then makes its steady requests on the engine.
pub fn measure_steady(
    engine: &mut dyn Engine,
    tokenizer: Option<&Tokenizer>,
    plan: &Plan,
    validity: Validity,
    limits: Limits<'_>,
    sink: &mut dyn TtftSink,
) -> Result<Ending, TtftError> {
    let context_length = engine.config().context_length;
    for repetition in 0..plan.warm_up {
        for &batch in &plan.batches {
            for &length in &plan.lengths {
                if let Some(ending) = limits.reached() {
                    return Ok(ending);
                }
                // Two steps: what happens only once after a prompt happens in the first.
                let decode = plan.decode_after(length, context_length).min(2);
                let number = unmeasured_number(length, batch, repetition);
                Request::new(engine, tokenizer, (batch, length), decode, plan.seed, number)?.run(
                    engine,
                    tokenizer,
                    &mut |_| {},
                )?;
            }
        }
    }
    for planned in plan.requests(TtftMode::Steady, context_length) {
        if let Some(ending) = limits.reached() {
            return Ok(ending);
        }
        sink.begin(&planned);
        let shape = (planned.batch, planned.length);
        let request = Request::new(engine, tokenizer, shape, planned.decode, plan.seed, planned.number())?;
        let response = request.run(engine, tokenizer, &mut |_| {})?;
        let times = (response.ttft_seconds, response.total_seconds);
        keep(&planned, validity, times, &response.stages, &response, sink)?;
    }
    Ok(Ending::Complete)
}

/// Makes the plan's requests of `mode`, cold or warm, each by the process of the command that `serve` gives.
pub fn measure_processes(
    mode: TtftMode,
    plan: &Plan,
    context_length: usize,
    validity: Validity,
    limits: Limits<'_>,
    serve: &dyn Fn(&PlannedRequest) -> Command,
    sink: &mut dyn TtftSink,
) -> Result<Ending, TtftError> {
    for planned in plan.requests(mode, context_length) {
        if let Some(ending) = limits.reached() {
            return Ok(ending);
        }
        sink.begin(&planned);
        let Some(observed) = observe(serve(&planned), &planned.name(), limits.stop, limits.request)? else {
            return Ok(Ending::Interrupted);
        };
        let response = &observed.report.response;
        let (times, stages) = match mode {
            TtftMode::Cold => {
                ((observed.first_token.as_secs_f64(), observed.text.as_secs_f64()), observed.cold_stages())
            }
            TtftMode::Warm | TtftMode::Steady => ((response.ttft_seconds, response.total_seconds), response.stages),
        };
        keep(&planned, validity, times, &stages, response, sink)?;
    }
    Ok(Ending::Complete)
}

fn keep(
    planned: &PlannedRequest,
    validity: Validity,
    (ttft_seconds, total_seconds): (f64, f64),
    stages: &StageTimes,
    response: &Response,
    sink: &mut dyn TtftSink,
) -> Result<(), TtftError> {
    let (mode, batch, prompt_tokens) = (planned.mode, planned.batch as u32, planned.length as u32);
    let repetition = planned.repetition as u32;
    let (prompt_sha256, first_tokens) = (response.prompt_sha256.clone(), response.first_tokens.clone());
    let facts = RequestFacts { mode, prompt_tokens, batch, repetition, validity, prompt_sha256, first_tokens };
    let row = TtftRow::new(&facts, ttft_seconds, total_seconds, stages, &response.step_seconds);
    let step = |(place, seconds): (usize, &f64)| DecodeRow {
        mode,
        prompt_tokens,
        batch,
        repetition,
        token: place as u32 + 2,
        step_ms: seconds * 1e3,
    };
    let steps: Vec<DecodeRow> = response.step_seconds.iter().enumerate().map(step).collect();
    Ok(sink.request(&row, &steps)?)
}

/// The operations of one prefill and, where there is room for it, one decode step of a shape, and how many of them were
/// rejected.
pub fn profile(
    engine: &mut dyn Engine,
    plan: &Plan,
    (batch, length): (usize, usize),
) -> Result<(Vec<OperationRow>, usize), TtftError> {
    let number = unmeasured_number(length, batch, plan.warm_up);
    let request = Request::new(engine, None, (batch, length), 0, plan.seed, number)?;
    let prompts: Vec<&[u32]> = request.prompts.iter().map(Vec::as_slice).collect();
    let Profile { spans, mut rejected } = engine.profile_prefill(&prompts)?;
    let mut rows = operation_rows(Phase::Prefill, batch, length, &spans);
    if plan.decode_after(length, engine.config().context_length) > 0 {
        let step = engine.profile_decode()?;
        rows.extend(operation_rows(Phase::Decode, batch, length, &step.spans));
        rejected += step.rejected;
    }
    Ok((rows, rejected))
}

fn operation_rows(phase: Phase, batch: usize, length: usize, spans: &[OperationSpan]) -> Vec<OperationRow> {
    let all: f64 = spans.iter().map(|span| span.duration.as_secs_f64()).sum();
    let row = |span: &OperationSpan| OperationRow {
        phase,
        prompt_tokens: length as u32,
        batch: batch as u32,
        layer: span.layer.map(|layer| layer as u32),
        operation: span.operation.to_string(),
        start_ms: span.start.as_secs_f64() * 1e3,
        duration_ms: span.duration.as_secs_f64() * 1e3,
        share: span.duration.as_secs_f64() / all,
    };
    spans.iter().map(row).collect()
}

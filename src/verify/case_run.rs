//! One case from inputs to verdict.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::backend::{BackendError, Device};
use crate::operation::{BindError, Case, ContractError, OutputJudgement};

use super::execution::execute;
use super::explanation::explain;
use super::teeth::toothless;
use super::{Status, Verdict};

/// Rows of a statistical repetition, as a multiple of the case's own.
const MORE_DRAWS: usize = 4;

/// What kept a case from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The device has no room for it.
    Memory,
    /// A time-out, a lost device.
    Device,
    /// The kernel did not compile.
    Build,
    /// A panic: a defect in hipgauge.
    Harness,
}

/// A verdict, and for an errored case the kind of trouble.
#[derive(Clone, Debug)]
pub struct CaseOutcome {
    pub verdict: Verdict,
    pub trouble: Option<Trouble>,
}

/// Runs and judges one case. `turn` is held while the case is on the device: a GPU runs one case at a time
/// while others make inputs or judge; `None` lets cases overlap there too. `command` is what the line that
/// reproduces the case starts with: `hipgauge verify --device host`.
pub fn run_case(device: &Arc<dyn Device>, case: &Case, turn: Option<&Mutex<()>>, command: &str) -> CaseOutcome {
    let start = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| examine(device, case, turn)));
    let (findings, trouble) = match outcome {
        Ok(Ok(findings)) => (findings, None),
        Ok(Err(error)) => from_error(error),
        Err(panic) => {
            let reason = format!("hipgauge itself failed, please report it: {}", panic_text(panic.as_ref()));
            (Findings { status: Status::Errored, reason, judgements: Vec::new(), faulty: true }, Some(Trouble::Harness))
        }
    };
    let mut verdict = blank_verdict(device, case, command);
    verdict.status = findings.status;
    verdict.reason = findings.reason;
    verdict.judgements = findings.judgements;
    verdict.seconds = start.elapsed().as_secs_f64();
    CaseOutcome { verdict, trouble }
}

/// The verdict on a case that does not run, and why.
pub(super) fn skip_case(device: &Arc<dyn Device>, case: &Case, reason: &str, command: &str) -> CaseOutcome {
    let mut verdict = blank_verdict(device, case, command);
    verdict.reason = reason.to_string();
    CaseOutcome { verdict, trouble: None }
}

fn blank_verdict(device: &Arc<dyn Device>, case: &Case, command: &str) -> Verdict {
    let info = device.info();
    let id = case.id();
    Verdict {
        operation: case.operation.name().to_string(),
        dtype: case.problem.dtype.to_string(),
        rows: case.problem.rows as u64,
        columns: case.problem.columns as u64,
        class: case.class.to_string(),
        seed: case.seed,
        device: info.id.clone(),
        architecture: info.architecture.clone(),
        wave_size: info.wave_size,
        status: Status::Skipped,
        reason: String::new(),
        seconds: 0.0,
        reproduce: format!("{command} --case '{id}'"),
        judgements: Vec::new(),
        case: id,
    }
}

struct Findings {
    status: Status,
    reason: String,
    judgements: Vec<OutputJudgement>,
    /// Whether something other than an output's values was wrong: that no repetition can excuse.
    faulty: bool,
}

/// A kernel that did something undefined is wrong; everything else kept the case from running.
fn from_error(error: BindError) -> (Findings, Option<Trouble>) {
    let reason = error.to_string();
    let (status, trouble) = match &error {
        BindError::Backend(BackendError::KernelFault { .. }) => (Status::Failed, None),
        BindError::Backend(BackendError::Compile { .. } | BackendError::UnknownKernel { .. }) => {
            (Status::Errored, Some(Trouble::Build))
        }
        BindError::Backend(BackendError::InvalidUse { .. }) => (Status::Errored, Some(Trouble::Harness)),
        BindError::Backend(BackendError::OutOfMemory { .. }) => (Status::Errored, Some(Trouble::Memory)),
        // Something that this device does not have, as others do.
        BindError::Contract(ContractError::Device { .. }) => (Status::Skipped, None),
        BindError::Backend(_) | BindError::Contract(_) => (Status::Errored, Some(Trouble::Device)),
    };
    (Findings { status, reason, judgements: Vec::new(), faulty: true }, trouble)
}

fn examine(device: &Arc<dyn Device>, case: &Case, turn: Option<&Mutex<()>>) -> Result<Findings, BindError> {
    let first = examine_once(device, case, turn)?;
    if !first.only_statistical() {
        return Ok(first);
    }
    // A test at a stated false-alarm rate fails a right sampler now and then, but not twice.
    let mut repetition = case.clone();
    repetition.seed = case.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    repetition.problem.rows *= MORE_DRAWS;
    let mut second = examine_once(device, &repetition, turn)?;
    let note = format!("statistical gate repeated once as {}", repetition.id());
    for judgement in &mut second.judgements {
        judgement.notes.push(note.clone());
    }
    if second.status == Status::Failed {
        second.reason = format!("{}\n{note}, and again: {}", first.reason, second.reason);
    }
    Ok(second)
}

impl Findings {
    fn only_statistical(&self) -> bool {
        let mut failing = self.judgements.iter().filter(|judgement| !judgement.passed()).peekable();
        !self.faulty && failing.peek().is_some() && failing.all(|judgement| judgement.only_statistical)
    }
}

fn examine_once(device: &Arc<dyn Device>, case: &Case, turn: Option<&Mutex<()>>) -> Result<Findings, BindError> {
    case.operation.check(&case.problem)?;
    let inputs = case.operation.generate(&case.problem, case.class, case.seed);
    let reference = case.operation.reference(&case.problem, &inputs);
    let execution = {
        // A panic on the device's turn poisons nothing that the next case reads.
        let _turn = turn.map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        execute(device, case, &inputs)?
    };
    let judgements = reference.judge(&execution.outputs);
    drop(execution.outputs);
    let faulty = !execution.faults.is_empty();
    let mut problems = execution.faults;
    problems.extend(explain(case, &inputs, &judgements));
    if problems.is_empty() {
        problems.extend(toothless(reference.as_ref()));
    }
    let status = if problems.is_empty() { Status::Passed } else { Status::Failed };
    Ok(Findings { status, reason: problems.join("\n"), judgements, faulty })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

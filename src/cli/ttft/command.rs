//! From arguments to a run directory.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use hipgauge::engine::device_model::ProductChoice;
use hipgauge::engine::host_model::HostModel;
use hipgauge::engine::{Capacity, Engine, ModelSource};
use hipgauge::report::ttft::{CheckRecord, ModelRecord, TtftDirectory, TtftRecord, draw_ttft_report};
use hipgauge::report::{Build, RunDirectory, RunStatus};
use hipgauge::ttft::{
    CheckOutcome, Ending, Limits, OperationRow, Plan, PlannedRequest, Request, StageTimes, TtftError, TtftMode,
    Validity, check_continuation, fits, measure_processes, measure_steady, profile, rejected_intervals, summarise,
    unmeasured_number,
};

use crate::cli::engine_arguments::{OpenedModel, Place, open_engine};
use crate::cli::engine_failure::engine_failure;
use crate::cli::exit_code::Exit;
use crate::cli::failure::{CommandResult, Failure, OrExit};
use crate::cli::{interrupt, report};

use super::arguments::Arguments;
use super::printer::{Outcome, Printer};
use super::{floors, server, worker};

/// Where runs go that are not told where.
const REPORTS: &str = "reports";

/// Warm-ups have the numbers before this as repetitions.
const CHECK_REPETITION: usize = Plan::MOST_REPEATS;

pub fn run(arguments: &Arguments) -> CommandResult {
    if let Some(url) = &arguments.server.url {
        return server::run(arguments, url);
    }
    let stop = interrupt::watch()?;
    let started = Instant::now();
    let limits = Limits {
        stop,
        deadline: arguments.time_limit.map(|limit| started + limit),
        request: arguments.request_timeout,
    };
    let mut loading = StageTimes::default();
    let place = arguments.place.open(&mut loading)?;
    let opened = arguments.model.open(arguments.seed)?;
    let plan = arguments.plan(&place, opened.source.config().context_length)?;
    let compute = arguments.model.compute_type(&place)?;
    let rows = plan.lengths.iter().copied().max().unwrap_or(1);
    let measured = floors::measure(&place, &opened.source, compute, rows)?;

    // Steady requests meet shapes that were warmed: what a choice by time costs is paid before.
    let products = match plan.modes.contains(&TtftMode::Steady) {
        true => ProductChoice::Timed,
        false => ProductChoice::Ranked,
    };
    let capacity = capacity(arguments, &plan, &opened);
    let mut engine = open_engine(&place, &opened.source, compute, capacity, products, &mut loading)?;
    let description = engine.describe();
    let mut record = begin(arguments, &place, &opened, &plan, engine.as_ref())?;
    record.floors = measured.floors;
    record.floors.weight_bytes = description.weight_bytes;
    record.roofs = measured.roofs;
    if let Some(conditions) = measured.conditions {
        record.set_conditions(conditions);
    }
    let path = arguments.out.clone().unwrap_or_else(|| {
        let name = format!("ttft-{}", if matches!(place, Place::Native) { "host" } else { &arguments.place.device });
        RunDirectory::fresh_path(Path::new(REPORTS), &name)
    });
    let directory = TtftDirectory::create(&path, record).map_err(report::failure)?;
    let mut printer = Printer::new(directory, opened.source.config().context_length).or_exit(Exit::HarnessFault)?;

    let mut operations = Operations::default();
    let in_process = in_process(arguments, &plan, &opened, engine.as_mut(), limits, &mut printer, &mut operations);
    // The device's memory is for the processes now.
    let context_length = opened.source.config().context_length;
    drop(engine);
    drop(opened);
    let ended = in_process.and_then(|(ending, validity)| match ending {
        Ending::Complete => in_processes(arguments, &plan, context_length, validity, limits, &mut printer),
        ending => Ok(ending),
    });
    finish(printer, &path, ended, operations)
}

/// The check and the steady requests: how they ended, and what the check says of all times.
fn in_process(
    arguments: &Arguments,
    plan: &Plan,
    opened: &OpenedModel,
    engine: &mut dyn Engine,
    limits: Limits<'_>,
    printer: &mut Printer,
    operations: &mut Operations,
) -> Result<(Ending, Validity), Failure> {
    let mut validity = Validity::Unchecked;
    if arguments.check {
        match check(arguments, plan, opened, engine, limits.stop, printer)? {
            Some(passed) => validity = if passed { Validity::Valid } else { Validity::Invalid },
            None => return Ok((Ending::Interrupted, validity)),
        }
    }
    if !plan.modes.contains(&TtftMode::Steady) {
        return Ok((Ending::Complete, validity));
    }
    let tokenizer = opened.tokenizer.as_ref();
    let ending = measure_steady(engine, tokenizer, plan, validity, limits, printer).map_err(ttft_failure)?;
    if ending == Ending::Complete {
        *operations = profiles(engine, plan, limits.stop)?;
    }
    Ok((ending, validity))
}

/// The warm and the cold requests.
fn in_processes(
    arguments: &Arguments,
    plan: &Plan,
    context_length: usize,
    validity: Validity,
    limits: Limits<'_>,
    printer: &mut Printer,
) -> Result<Ending, Failure> {
    let program = std::env::current_exe().or_exit(Exit::HarnessFault)?;
    let serve = |request: &PlannedRequest| worker::command(&program, &arguments.model, &arguments.place, plan, request);
    for mode in [TtftMode::Warm, TtftMode::Cold].into_iter().filter(|mode| plan.modes.contains(mode)) {
        let ending = measure_processes(mode, plan, context_length, validity, limits, &serve, printer);
        match ending.map_err(ttft_failure)? {
            Ending::Complete => {}
            ending => return Ok(ending),
        }
    }
    Ok(Ending::Complete)
}

/// Room for every request, and for the check's.
fn capacity(arguments: &Arguments, plan: &Plan, opened: &OpenedModel) -> Capacity {
    let context_length = opened.source.config().context_length;
    let longest = plan.lengths.iter().copied().max().unwrap_or(1);
    let mut positions = plan.positions(context_length);
    if arguments.check {
        positions = positions.max((longest + arguments.check_tokens - 1).min(context_length));
    }
    // Profiles look at one step.
    positions = positions.max((longest + 1).min(context_length));
    Capacity { sequences: plan.batches.iter().copied().max().unwrap_or(1), positions }
}

fn begin(
    arguments: &Arguments,
    place: &Place,
    opened: &OpenedModel,
    plan: &Plan,
    engine: &dyn Engine,
) -> Result<TtftRecord, Failure> {
    let config = opened.source.config();
    let weights = opened.source.weights().or_exit(Exit::Usage)?;
    let model = ModelRecord {
        name: arguments.model.name(),
        identity: opened.source.identity().or_exit(Exit::Usage)?,
        architecture: config.architecture.to_string(),
        parameters: weights.parameters(),
        context_length: config.context_length as u64,
        tokenizer: opened.tokenizer.is_some(),
    };
    let library = arguments.place.library()?;
    let dirty = env!("HIPGAUGE_DIRTY") == "true";
    let build = Build::new(env!("CARGO_PKG_VERSION"), env!("HIPGAUGE_COMMIT"), dirty, &library);
    // The program's own path would say where its user keeps things.
    let command = std::iter::once("hipgauge".to_string())
        .chain(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()))
        .collect();
    let device = match place {
        Place::Native => None,
        Place::Device(device) => Some(device.info().clone()),
    };
    let mut record = TtftRecord::begin(command, build, device, model, engine.describe().into(), plan.clone());
    if let Some(reason) = &opened.no_tokenizer {
        record.notes.push(format!("no tokenizer, so its stages are empty: {reason}"));
    }
    if matches!(opened.source, ModelSource::File(_)) && plan.modes.contains(&TtftMode::Cold) {
        record
            .notes
            .push("the files were read just before for their hash, so cold requests find them in memory".to_string());
    }
    let short: Vec<String> = plan
        .lengths
        .iter()
        .filter(|length| plan.decode_after(**length, config.context_length) < plan.decode)
        .map(usize::to_string)
        .collect();
    if !short.is_empty() {
        record.notes.push(format!(
            "the model has no positions for {} tokens after prompts of {}: fewer were decoded",
            plan.decode,
            short.join(", ")
        ));
    }
    Ok(record)
}

/// Holds every length and batch against the reference. `None` if Ctrl-C came first, else whether all tokens are right.
fn check(
    arguments: &Arguments,
    plan: &Plan,
    opened: &OpenedModel,
    engine: &mut dyn Engine,
    stop: &AtomicBool,
    printer: &mut Printer,
) -> Result<Option<bool>, Failure> {
    let config = opened.source.config();
    let mut outcome = CheckOutcome::default();
    for &length in &plan.lengths {
        let count = arguments.check_tokens.min(config.context_length - length + 1);
        let weights = opened.source.weights().or_exit(Exit::Usage)?;
        let capacity = Capacity::one((length + count - 1).max(1));
        let reference = HostModel::new(config, weights, capacity);
        let mut reference = reference.map_err(|error| engine_failure(error.into()))?;
        for &batch in &plan.batches {
            if stop.load(std::sync::atomic::Ordering::Relaxed) {
                return Ok(None);
            }
            printer.show(&format!("checking {length} tokens x {batch}"));
            let number = unmeasured_number(length, batch, CHECK_REPETITION);
            let tokenizer = opened.tokenizer.as_ref();
            let request = Request::new(engine, tokenizer, (batch, length), 0, plan.seed, number);
            let request = request.map_err(ttft_failure)?;
            let prompts: Vec<&[u32]> = request.prompts.iter().map(Vec::as_slice).collect();
            let found = check_continuation(engine, &mut reference, &prompts, count).map_err(engine_failure)?;
            outcome.add(found);
        }
    }
    let passed = outcome.passed();
    let record = CheckRecord { tokens_per_sequence: arguments.check_tokens as u32, passed, outcome };
    printer.checked(record).map_err(report::failure)?;
    Ok(Some(passed))
}

/// What profiled passes gave.
#[derive(Default)]
pub struct Operations {
    rows: Vec<OperationRow>,
    /// Operations whose times could not be.
    rejected: usize,
}

fn profiles(engine: &mut dyn Engine, plan: &Plan, stop: &AtomicBool) -> Result<Operations, Failure> {
    let mut operations = Operations::default();
    for &batch in &plan.batches {
        for &length in &plan.lengths {
            if stop.load(std::sync::atomic::Ordering::Relaxed) {
                return Ok(operations);
            }
            let (rows, rejected) = profile(engine, plan, (batch, length)).map_err(ttft_failure)?;
            operations.rows.extend(rows);
            operations.rejected += rejected;
        }
    }
    Ok(operations)
}

/// Writes and prints what the requests amount to, whatever ended them; a failure is given on.
pub fn finish(
    mut printer: Printer,
    path: &Path,
    ended: Result<Ending, Failure>,
    operations: Operations,
) -> CommandResult {
    let failure = match ended {
        Ok(ending) => return conclude(printer, path, Some(ending), operations),
        Err(failure) => failure,
    };
    printer.failed(format!("{:#}", failure.error));
    match conclude(printer, path, None, operations) {
        Ok(Exit::WrongResult) => Err(Failure { exit: Exit::WrongResult, ..failure }),
        Ok(_) => Err(failure),
        Err(Failure { error, .. }) => {
            let context = format!("what was measured before this failure could not be written ({error:#})");
            Err(Failure { error: failure.error.context(context), ..failure })
        }
    }
}

/// `ending` is `None` where a failure ended the run.
fn conclude(mut printer: Printer, path: &Path, ending: Option<Ending>, operations: Operations) -> CommandResult {
    let Operations { rows: operations, rejected } = operations;
    printer.note(rejected_intervals(printer.requests(), rejected));
    let summaries = summarise(printer.requests(), printer.steps(), &printer.record().floors);
    let fitted = fits(&summaries);
    let (record, mut stdout) = printer.finish(ending, &summaries, &fitted, &operations).map_err(report::failure)?;
    let outcome = Outcome { record: &record, summaries: &summaries, fits: &fitted, ending, operations: &operations };
    outcome.print(&mut stdout).or_exit(Exit::HarnessFault)?;
    if let Some(report) = draw_ttft_report(path).map_err(report::failure)? {
        report::print_ttft(&report, &mut stdout)?;
    }
    Ok(outcome.exit())
}

/// How a run of that ending is marked.
pub fn status(ending: Option<Ending>) -> RunStatus {
    if ending == Some(Ending::Complete) { RunStatus::Complete } else { RunStatus::Partial }
}

/// An error of a measurement with its exit code.
pub fn ttft_failure(error: TtftError) -> Failure {
    match error {
        TtftError::Engine(error) => engine_failure(error),
        TtftError::Server(error) => Failure::new(server::exit_of(&error), error),
        TtftError::Tokenizer(_) | TtftError::Sink(_) => Failure::new(Exit::Usage, error),
        TtftError::NotStarted { .. } | TtftError::Ended { .. } | TtftError::Hung { .. } => {
            Failure::new(Exit::NotReproducible, error)
        }
    }
}

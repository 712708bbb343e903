//! What `run` and `sweep` share: verify, sweep what passed, report, all in one run directory.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use hipgauge::backend::{self, Device, DeviceChoice};
use hipgauge::operation::Case;
use hipgauge::report::{Build, PartRecord, RunDirectory, RunRecord, RunStatus, Selection};
use hipgauge::suite::SelectedCase;
use hipgauge::sweep::{Planning, Sweep, SweepError, SweepSummary};
use hipgauge::verify::{Status, Summary, Verdict, VerdictSink, VerifyOptions, verify};

use super::arguments::{
    DeviceArguments, LimitArguments, MeasurementArguments, OutputArguments, OutputFormat, SelectionArguments, Switch,
};
use super::budget_report::BudgetReport;
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit, exit_of_backend};
use super::output::Stdout;
use super::sweep_printer::SweepPrinter;
use super::verdict_json::VerdictJson;
use super::verdict_junit::VerdictJunit;
use super::verdict_printer::VerdictPrinter;
use super::{interrupt, report};

#[derive(Args, Clone, Debug)]
pub struct MeasuredRun {
    #[command(flatten)]
    pub selection: SelectionArguments,

    #[command(flatten)]
    pub device: DeviceArguments,

    #[command(flatten)]
    pub limits: LimitArguments,

    #[command(flatten)]
    pub measurement: MeasurementArguments,

    #[command(flatten)]
    pub output: OutputArguments,
}

/// Does the whole job. `tell_verdicts`: whether verifying is shown as `verify` shows it.
pub fn measured_run(arguments: &MeasuredRun, tell_verdicts: bool) -> CommandResult {
    let budget = arguments.measurement.budget();
    let cases = arguments.selection.resolve()?;
    let backend::Selection { device, choice } = arguments.device.open(Switch::On)?;
    let part = cases.part.clone();
    let cases = cases.on_device(device.info());
    let jobs = arguments.limits.jobs(device.info(), &cases);
    device.set_deadline(arguments.limits.timeout);
    let stop = interrupt::watch()?;
    let path = arguments.measurement.directory(device.info());
    let mut directory = begin_run(&path, &arguments.selection, cases.len(), part, &arguments.device, &device, &choice)?;

    let options = VerifyOptions {
        jobs,
        fail_fast: arguments.limits.fail_fast,
        command: format!("hipgauge verify {}", arguments.device.reproduce(device.as_ref())),
        deadline: budget.map(|budget| budget.deadline),
    };
    let mut verdicts = Verdicts::new(arguments, &cases, &device, tell_verdicts, &mut directory)?;
    let summary = verify(&device, &cases, &options, stop, &mut verdicts).or_exit(Exit::Usage)?;
    let verified = verdicts.finish(&summary)?;

    let mut budget = budget.map(|budget| BudgetReport::new(budget, Duration::from_secs_f64(summary.seconds)));
    if let Some(budget) = budget.as_mut().filter(|_| summary.out_of_time) {
        budget.list_unverified(&cases, &verified.seconds, &mut directory)?;
    }
    let given_up = options.fail_fast && summary.failed + summary.errored > 0;
    let passed: Vec<Case> = if given_up { Vec::new() } else { passed_cases(cases, &verified.passed) };
    let planning = Planning { verified_seconds: verified.seconds, budget: budget.as_ref().map(|report| report.budget) };
    let swept = measure(arguments, &device, &passed, planning, budget.as_mut(), stop, &mut directory);
    if let (Some(budget), Ok(swept)) = (&mut budget, &swept) {
        budget.add_unreached(swept.unreached);
        budget.store(&mut directory)?;
    }
    let unreached = budget.as_ref().map_or(0, BudgetReport::unreached);
    let whole = !summary.interrupted && !given_up && unreached == 0;
    let complete = whole && swept.as_ref().is_ok_and(|swept| !swept.interrupted);
    directory.finish(if complete { RunStatus::Complete } else { RunStatus::Partial }).map_err(report::failure)?;

    // The report is drawn before a failed sweep is: what was measured can be looked at.
    let drawn = report::draw(&path)?;
    let swept = swept?;
    let exit = exit_of(&summary, &swept);
    match verified.json {
        Some(mut json) => {
            let report = serde_json::json!({ "report": drawn.page });
            Stdout::new().line(report).or_exit(Exit::HarnessFault)?;
            json.finish(&summary, device.info(), &choice, exit).or_exit(Exit::HarnessFault)?;
        }
        None => {
            let mut stdout = Stdout::new();
            budget.map_or(Ok(()), |budget| budget.print(&mut stdout))?;
            report::print(&drawn, &mut stdout)?;
        }
    }
    Ok(exit)
}

/// Makes the run directory of `cases` cases, before the first of them. `verify --out` uses it too.
pub fn begin_run(
    path: &Path,
    selected: &SelectionArguments,
    cases: usize,
    part: Option<PartRecord>,
    wanted: &DeviceArguments,
    device: &Arc<dyn Device>,
    choice: &DeviceChoice,
) -> Result<RunDirectory, Failure> {
    let record = record(selected, cases, part, wanted, device, choice)?;
    RunDirectory::create(path, record).map_err(report::failure)
}

fn record(
    selected: &SelectionArguments,
    cases: usize,
    part: Option<PartRecord>,
    wanted: &DeviceArguments,
    device: &Arc<dyn Device>,
    choice: &DeviceChoice,
) -> Result<RunRecord, Failure> {
    let selection = Selection {
        suites: selected.suite_names().into_iter().map(str::to_string).collect(),
        seed: Some(selected.seed),
        cases,
        partition: part,
    };
    let dirty = env!("HIPGAUGE_DIRTY") == "true";
    let library = wanted.library()?;
    let build = Build::new(env!("CARGO_PKG_VERSION"), env!("HIPGAUGE_COMMIT"), dirty, &library);
    // The program's own path would say where its user keeps things.
    let command = std::iter::once("hipgauge".to_string())
        .chain(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()))
        .collect();
    let mut record = RunRecord::begin(command, selection, build, device.info().clone());
    record.device_choice = Some(choice.clone());
    Ok(record)
}

fn passed_cases(cases: Vec<SelectedCase>, passed: &HashSet<String>) -> Vec<Case> {
    cases.into_iter().map(|selected| selected.case).filter(|case| passed.contains(&case.id())).collect()
}

fn measure(
    arguments: &MeasuredRun,
    device: &Arc<dyn Device>,
    cases: &[Case],
    planning: Planning,
    budget: Option<&mut BudgetReport>,
    stop: &AtomicBool,
    directory: &mut RunDirectory,
) -> Result<SweepSummary, Failure> {
    if cases.is_empty() {
        return Ok(SweepSummary::default());
    }
    let library = arguments.device.library()?;
    let options = arguments.measurement.options(device.info(), arguments.selection.seed, library);
    let sweep = Sweep::new(device, options).map_err(|error| Failure::new(exit_of_backend(&error), error))?;
    let mut sweep = sweep.planned(planning);
    if let Some(budget) = budget {
        budget.announce(&sweep.forecast(cases), cases.len());
        budget.store(directory)?;
    }
    directory.set_conditions(sweep.roofs().copied(), sweep.conditions()).map_err(report::failure)?;
    let mut printer = SweepPrinter::new(directory, arguments.output.format, cases.len());
    let swept = sweep.run(cases, stop, &mut printer);
    printer.finish();
    // Readings during the sweep may have found more that this machine does not say.
    directory.set_conditions(sweep.roofs().copied(), sweep.conditions()).map_err(report::failure)?;
    swept.map_err(|error| {
        let exit = match &error {
            SweepError::Backend(error) => exit_of_backend(error),
            SweepError::Sink(_) => Exit::Usage,
        };
        Failure::new(exit, error)
    })
}

/// A wrong result outweighs everything else that happened.
fn exit_of(summary: &Summary, swept: &SweepSummary) -> Exit {
    match Exit::of_summary(summary) {
        Exit::Good | Exit::Interrupted if swept.refused > 0 => Exit::WrongResult,
        Exit::Good if swept.errored + swept.unreached > 0 => Exit::NotReproducible,
        Exit::Good if swept.interrupted => Exit::Interrupted,
        exit => exit,
    }
}

/// What is left when verifying is over.
struct Verified {
    passed: HashSet<String>,
    /// What each case with a verdict took.
    seconds: HashMap<String, f64>,
    /// Prints the summary as the very last line.
    json: Option<VerdictJson>,
}

/// Everything that wants to see verdicts. The run directory comes first.
struct Verdicts<'a> {
    directory: &'a mut RunDirectory,
    human: Option<VerdictPrinter>,
    json: Option<VerdictJson>,
    junit: Option<VerdictJunit>,
    tell: bool,
    passed: HashSet<String>,
    seconds: HashMap<String, f64>,
}

impl<'a> Verdicts<'a> {
    fn new(
        arguments: &MeasuredRun,
        cases: &[SelectedCase],
        device: &Arc<dyn Device>,
        tell: bool,
        directory: &'a mut RunDirectory,
    ) -> Result<Self, Failure> {
        let output = &arguments.output;
        let junit = output.junit.as_deref().map(VerdictJunit::create).transpose()?;
        let (human, json) = match output.format {
            OutputFormat::Human => {
                let title = arguments.selection.title();
                (Some(VerdictPrinter::new(&title, cases, device.info()).or_exit(Exit::HarnessFault)?), None)
            }
            OutputFormat::Json => (None, Some(VerdictJson::new())),
        };
        Ok(Self { directory, human, json, junit, tell, passed: HashSet::new(), seconds: HashMap::new() })
    }

    fn finish(self, summary: &Summary) -> Result<Verified, Failure> {
        if let Some(printer) = &self.human {
            printer.clear();
        }
        if let Some(mut printer) = self.human.filter(|_| self.tell || summary.failed + summary.errored > 0) {
            printer.finish(summary).or_exit(Exit::HarnessFault)?;
        }
        self.junit.map_or(Ok(()), VerdictJunit::finish)?;
        Ok(Verified { passed: self.passed, seconds: self.seconds, json: self.json })
    }
}

impl VerdictSink for Verdicts<'_> {
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        self.directory.verdict(verdict)?;
        self.seconds.insert(verdict.case.clone(), verdict.seconds);
        if verdict.status == Status::Passed {
            self.passed.insert(verdict.case.clone());
        }
        if let Some(junit) = &mut self.junit {
            junit.verdict(verdict)?;
        }
        if let Some(printer) = &mut self.human {
            printer.verdict(verdict)?;
        }
        self.json.as_mut().map_or(Ok(()), |json| json.verdict(verdict))
    }

    fn begin(&mut self, case: &str) {
        if let Some(printer) = &mut self.human {
            printer.begin(case);
        }
    }
}

//! `hipgauge verify`: are the kernels right?

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use hipgauge::backend::{Device, DeviceChoice, Selection};
use hipgauge::registry::OPERATIONS;
use hipgauge::report::{Report, RunDirectory, RunStatus};
use hipgauge::suite::{SelectedCase, parse_case_id};
use hipgauge::verify::{Status, Summary, Verdict, VerdictSink, VerifyOptions, minimise, run_case, verify};
use serde_json::json;

use super::arguments::{DeviceArguments, LimitArguments, OutputArguments, OutputFormat, SelectionArguments, Switch};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::measured_run::begin_run;
use super::output::Stdout;
use super::verdict_json::VerdictJson;
use super::verdict_junit::VerdictJunit;
use super::verdict_printer::VerdictPrinter;
use super::{interrupt, report};

const EXAMPLES: &str = "\
Examples:
  hipgauge verify                                        the quick suite on the best device there is
  hipgauge verify --suite ci --device host --wave 64     no GPU needed
  hipgauge verify --suite full --device hip:0 --junit verdicts.xml
  hipgauge verify --suite full --out reports/full        a report of the verdicts, without times
  hipgauge verify --op rms_norm --dtype bf16 --filter '*4096*' --filter '!*nan*'
  hipgauge verify --case rms_norm/bf16/19x4097/normal --minimise";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    selection: SelectionArguments,

    /// Shrink the first failing case of each operation to the fewest rows and columns that still fail
    #[arg(long)]
    minimise: bool,

    /// Also keep the verdicts as a run with its report in this folder, which must be missing or empty
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,

    #[command(flatten)]
    device: DeviceArguments,

    #[command(flatten)]
    limits: LimitArguments,

    #[command(flatten)]
    output: OutputArguments,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let cases = arguments.selection.resolve()?;
    let Selection { device, choice } = arguments.device.open(Switch::On)?;
    let part = cases.part.clone();
    let cases = cases.on_device(device.info());
    device.set_deadline(arguments.limits.timeout);
    let options = VerifyOptions {
        jobs: arguments.limits.jobs(device.info(), &cases),
        fail_fast: arguments.limits.fail_fast,
        command: format!("hipgauge verify {}", arguments.device.reproduce(device.as_ref())),
        deadline: None,
    };
    let stop = interrupt::watch()?;
    let begin = |path: &PathBuf| {
        begin_run(path, &arguments.selection, cases.len(), part.clone(), &arguments.device, &device, &choice)
    };
    let directory = arguments.out.as_ref().map(begin).transpose()?;
    let title = arguments.selection.title();
    let mut sinks = Sinks::new(&arguments.output, &title, &cases, &device, directory)?;
    let summary = verify(&device, &cases, &options, stop, &mut sinks).or_exit(Exit::Usage)?;
    if arguments.minimise {
        sinks.print_minimised(&device, &options.command)?;
    }
    sinks.finish(&summary, &device, &choice)?;
    Ok(Exit::of_summary(&summary))
}

enum Printer {
    Human(Box<VerdictPrinter>),
    Json(VerdictJson),
}

/// Ends the run and draws its report.
fn draw(directory: RunDirectory, whole: bool) -> Result<Report, Failure> {
    let path = directory.path().to_path_buf();
    directory.finish(if whole { RunStatus::Complete } else { RunStatus::Partial }).map_err(report::failure)?;
    report::draw(&path)
}

/// Everything that wants to see verdicts. The run directory comes first.
struct Sinks {
    printer: Printer,
    junit: Option<VerdictJunit>,
    directory: Option<RunDirectory>,
    /// The first failing verdict of each operation.
    first_failures: Vec<Verdict>,
}

impl Sinks {
    fn new(
        output: &OutputArguments,
        title: &str,
        cases: &[SelectedCase],
        device: &Arc<dyn Device>,
        directory: Option<RunDirectory>,
    ) -> Result<Self, Failure> {
        let junit = output.junit.as_deref().map(VerdictJunit::create).transpose()?;
        let printer = match output.format {
            OutputFormat::Human => {
                Printer::Human(Box::new(VerdictPrinter::new(title, cases, device.info()).or_exit(Exit::HarnessFault)?))
            }
            OutputFormat::Json => Printer::Json(VerdictJson::new()),
        };
        Ok(Self { printer, junit, directory, first_failures: Vec::new() })
    }

    fn finish(self, summary: &Summary, device: &Arc<dyn Device>, choice: &DeviceChoice) -> Result<(), Failure> {
        self.junit.map_or(Ok(()), VerdictJunit::finish)?;
        let whole = summary.done() == summary.cases;
        let drawn = self.directory.map(|directory| draw(directory, whole)).transpose()?;
        match self.printer {
            Printer::Human(mut printer) => {
                printer.finish(summary).or_exit(Exit::HarnessFault)?;
                drawn.map_or(Ok(()), |drawn| report::print(&drawn, &mut Stdout::new()))
            }
            Printer::Json(mut printer) => {
                if let Some(drawn) = drawn {
                    Stdout::new().line(json!({ "report": drawn.page })).or_exit(Exit::HarnessFault)?;
                }
                printer.finish(summary, device.info(), choice, Exit::of_summary(summary)).or_exit(Exit::HarnessFault)
            }
        }
    }

    /// Shrinks each operation's first failure; the smaller case gets a verdict of its own, printed like others.
    fn print_minimised(&mut self, device: &Arc<dyn Device>, command: &str) -> Result<(), Failure> {
        for verdict in std::mem::take(&mut self.first_failures) {
            let case = parse_case_id(&verdict.case, OPERATIONS).or_exit(Exit::HarnessFault)?;
            let run = |case: &_| run_case(device, case, None, command).verdict;
            let smallest = run(&minimise(&case, |case| run(case).status == Status::Failed));
            match &mut self.printer {
                Printer::Human(printer) => {
                    let heading = format!("smallest case that still fails, from {}:", verdict.case);
                    printer.line(heading).and_then(|()| printer.verdict(&smallest))
                }
                Printer::Json(printer) => printer.verdict(&smallest),
            }
            .or_exit(Exit::HarnessFault)?;
        }
        Ok(())
    }
}

impl VerdictSink for Sinks {
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        let first = |known: &Verdict| known.operation != verdict.operation;
        if verdict.status == Status::Failed && self.first_failures.iter().all(first) {
            self.first_failures.push(verdict.clone());
        }
        if let Some(directory) = &mut self.directory {
            directory.verdict(verdict)?;
        }
        if let Some(junit) = &mut self.junit {
            junit.verdict(verdict)?;
        }
        match &mut self.printer {
            Printer::Human(printer) => printer.verdict(verdict),
            Printer::Json(printer) => printer.verdict(verdict),
        }
    }

    fn begin(&mut self, case: &str) {
        if let Printer::Human(printer) = &mut self.printer {
            printer.begin(case);
        }
    }
}

//! `hipgauge verify`: are the kernels right?

use std::io;
use std::sync::Arc;

use clap::Args;
use hipgauge::backend::{Device, DeviceChoice, Selection};
use hipgauge::registry::OPERATIONS;
use hipgauge::suite::parse_case_id;
use hipgauge::verify::{Status, Summary, Verdict, VerdictSink, VerifyOptions, minimise, run_case, verify};

use super::arguments::{DeviceArguments, LimitArguments, OutputArguments, OutputFormat, SelectionArguments, Switch};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::interrupt;
use super::verdict_json::VerdictJson;
use super::verdict_junit::VerdictJunit;
use super::verdict_printer::VerdictPrinter;

const EXAMPLES: &str = "\
Examples:
  hipgauge verify                                        the quick suite on the best device there is
  hipgauge verify --suite ci --device host --wave 64     no GPU needed
  hipgauge verify --suite full --device hip:0 --junit verdicts.xml
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
    let cases = cases.on_device(device.info());
    device.set_deadline(arguments.limits.timeout);
    let options = VerifyOptions {
        jobs: arguments.limits.jobs(device.info()),
        fail_fast: arguments.limits.fail_fast,
        command: format!("hipgauge verify {}", arguments.device.reproduce(device.as_ref())),
    };
    let stop = interrupt::watch()?;
    let mut sinks = Sinks::new(&arguments.output, &arguments.selection.title(), cases.len(), &device)?;
    let summary = verify(&device, &cases, &options, stop, &mut sinks).or_exit(Exit::HarnessFault)?;
    if arguments.minimise {
        sinks.print_minimised(&device, &options.command)?;
    }
    sinks.finish(&summary, &device, &choice)?;
    Ok(Exit::of_summary(&summary))
}

enum Printer {
    Human(VerdictPrinter),
    Json(VerdictJson),
}

/// Everything that wants to see verdicts.
struct Sinks {
    printer: Printer,
    junit: Option<VerdictJunit>,
    /// The first failing verdict of each operation.
    first_failures: Vec<Verdict>,
}

impl Sinks {
    fn new(output: &OutputArguments, title: &str, cases: usize, device: &Arc<dyn Device>) -> Result<Self, Failure> {
        let junit = output.junit.as_deref().map(VerdictJunit::create).transpose()?;
        let printer = match output.format {
            OutputFormat::Human => {
                Printer::Human(VerdictPrinter::new(title, cases, device.info()).or_exit(Exit::HarnessFault)?)
            }
            OutputFormat::Json => Printer::Json(VerdictJson::new()),
        };
        Ok(Self { printer, junit, first_failures: Vec::new() })
    }

    fn finish(self, summary: &Summary, device: &Arc<dyn Device>, choice: &DeviceChoice) -> Result<(), Failure> {
        match self.printer {
            Printer::Human(mut printer) => printer.finish(summary),
            Printer::Json(mut printer) => printer.finish(summary, device.info(), choice),
        }
        .or_exit(Exit::HarnessFault)?;
        self.junit.map_or(Ok(()), VerdictJunit::finish)
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
        if let Some(junit) = &mut self.junit {
            junit.verdict(verdict)?;
        }
        match &mut self.printer {
            Printer::Human(printer) => printer.verdict(verdict),
            Printer::Json(printer) => printer.verdict(verdict),
        }
    }
}

//! From arguments to an exit code; the only place that prints an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::exit_code::Exit;
use super::failure::{CommandResult, Failure};
use super::output::{BAD, styled};
use super::{
    annotate, bisect, calibrate, compare, devices, exec, gate, generate, inspect, list, logits, merge, report, run,
    sweep, tokenize, trend, ttft, verify, worker,
};

const EXAMPLES: &str = "\
Examples:
  hipgauge run                                   right, how fast, and a report (no GPU needed)
  hipgauge verify                                are the kernels right?
  hipgauge verify --suite ci --device hip:0      every operation, dtype and input class, on an AMD GPU
  hipgauge list --operations                     what is computed, with formulas and parameters
  hipgauge exec rms_norm --in x.safetensors --out y.safetensors --check
  hipgauge compare reports/before reports/after  what became slower, faster or wrong
  hipgauge compare main HEAD --suite quick       the same of two commits, measured in turns
  hipgauge devices                               what can run kernels here
";

/// Gauges GPU kernels: are they right, how fast are they, and which commit made them worse
#[derive(Parser)]
#[command(version, max_term_width = 110, arg_required_else_help = true, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Verify, measure what passed, and write a report: the main job
    Run(run::Arguments),
    /// Run cases and judge every output against its f64 reference
    Verify(verify::Arguments),
    /// Measure the cases that pass, with a word only on those that do not
    Sweep(sweep::Arguments),
    /// Find the commit that made a case slower or wrong
    Bisect(bisect::Arguments),
    /// Draw a run's report again, from its files alone
    Report(report::Arguments),
    /// Compare two runs, commits, folders of kernels or programs: what is slower, faster, the same or wrong now
    Compare(compare::Arguments),
    /// Hold the kernels against a baseline: right and not slower, in one exit code for CI
    Gate(gate::Arguments),
    /// Find where times changed over many runs, in the order of commits or days
    Trend(trend::Arguments),
    /// Say that a change that `trend` finds was meant to be
    Annotate(annotate::Arguments),
    /// Put the runs of --partition 1/N to N/N together into one run
    Merge(merge::Arguments),
    /// Learn the noise of this machine, and how small a slow-down is found
    Calibrate(calibrate::Arguments),
    /// List the cases of a suite, or the operations
    List(list::Arguments),
    /// Run one operation on your own tensors
    Exec(exec::Arguments),
    /// Write what a model says at every position, to hold against another engine
    Logits(logits::Arguments),
    /// Turn text into token ids and back, by a model's own tokenizer
    Tokenize(tokenize::Arguments),
    /// Answer a prompt with a model's own words
    Generate(generate::Arguments),
    /// Measure the time to first token of a model, stage by stage
    Ttft(ttft::Arguments),
    /// Show registers, shared memory, spills, code size and occupancy of compiled kernels
    Inspect(inspect::Arguments),
    /// List devices, and where each missing backend was looked for
    Devices(devices::Arguments),
    /// Measure for another hipgauge process
    #[command(hide = true)]
    Worker(worker::Arguments),
    /// Serve one request for `ttft`
    #[command(hide = true)]
    TtftWorker(ttft::WorkerArguments),
}

impl Command {
    fn run(&self) -> CommandResult {
        match self {
            Command::Run(arguments) => run::run(arguments),
            Command::Sweep(arguments) => sweep::run(arguments),
            Command::Bisect(arguments) => bisect::run(arguments),
            Command::Report(arguments) => report::run(arguments),
            Command::Compare(arguments) => compare::run(arguments),
            Command::Gate(arguments) => gate::run(arguments),
            Command::Trend(arguments) => trend::run(arguments),
            Command::Annotate(arguments) => annotate::run(arguments),
            Command::Merge(arguments) => merge::run(arguments),
            Command::Verify(arguments) => verify::run(arguments),
            Command::Calibrate(arguments) => calibrate::run(arguments),
            Command::List(arguments) => list::run(arguments),
            Command::Exec(arguments) => exec::run(arguments),
            Command::Logits(arguments) => logits::run(arguments),
            Command::Tokenize(arguments) => tokenize::run(arguments),
            Command::Generate(arguments) => generate::run(arguments),
            Command::Ttft(arguments) => ttft::run(arguments),
            Command::TtftWorker(arguments) => ttft::run_worker(arguments),
            Command::Inspect(arguments) => inspect::run(arguments),
            Command::Devices(arguments) => devices::run(arguments),
            Command::Worker(arguments) => worker::run(arguments),
        }
    }
}

/// Runs the process's command line. Nothing escapes: an error and a panic both end in a documented code.
pub fn start() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        anstream::eprintln!("{} {panic}", styled(BAD, "fault in hipgauge:"));
    }));
    let exit = match catch_unwind(AssertUnwindSafe(parse_and_run)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(Failure { exit, error })) => {
            anstream::eprintln!("{} {error:#}", styled(BAD, "error:"));
            exit
        }
        Err(_) => Exit::HarnessFault,
    };
    exit.into()
}

fn parse_and_run() -> CommandResult {
    let command = CommandLine::command().after_help(format!("{EXAMPLES}\n{}", Exit::help()));
    let parsed = command.try_get_matches().and_then(|matches| CommandLine::from_arg_matches(&matches));
    match parsed {
        Ok(line) => line.command.run(),
        Err(error) => {
            // A reader that went away (`--help | head`) is no error.
            let _ = error.print();
            Ok(match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Good,
                _ => Exit::Usage,
            })
        }
    }
}

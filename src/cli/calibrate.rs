//! `hipgauge calibrate`: what comparisons of a program with itself show here, and how small a slow-down is found.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use hipgauge::operation::Case;
use hipgauge::profiling::{ComparabilityKeys, Mode};
use hipgauge::progress::parse_span;
use hipgauge::regression::calibration::{Calibration, LearnError, LearnPlan, learn};
use hipgauge::regression::detection::{StudyError, StudyPlan, study};
use hipgauge::regression::worker::{ChildEnd, Hello, Refusal, Target, Worker, WorkerError, WorkerLimits};

use super::arguments::{CALIBRATIONS, DeviceArguments, ModeName, OutputFormat, SelectionArguments, share};
use super::calibration_printer::{CalibrationPrinter, StudyPrinter};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::interrupt;

const EXAMPLES: &str = "\
Two workers with the same kernels are compared with each other. What they differ by is noise, and so is what one pair
of workers and the next differ by: later verdicts of `bisect`, `compare` and `gate` on this machine must exceed it.

With --detect, copies of the kernels are made slower on purpose by known sizes, and the table says how many of them
were found, and how often a difference was found where there is none.

Examples:
  hipgauge calibrate --suite quick --device hip:0
  hipgauge calibrate --case rms_norm/bf16/2048x4096/normal --mode cold --comparisons 50
  hipgauge calibrate --case rms_norm/bf16/2048x4096/normal --detect 1,2,3,5,10 --comparisons 200 --time-budget 8m";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    selection: SelectionArguments,

    #[command(flatten)]
    device: DeviceArguments,

    /// Measure in this mode only; may be repeated [default: both; with --detect and on host: cold]
    #[arg(long = "mode", value_name = "MODE")]
    modes: Vec<ModeName>,

    /// Comparisons: of each case and mode; with --detect, of each size over all cases together
    /// [default: 10; with --detect: 200]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    comparisons: Option<u32>,

    /// Pairs of blocks in each comparison
    #[arg(long, value_name = "COUNT", default_value_t = 12, conflicts_with = "detect",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pairs: u32,

    /// Sets of fresh processes that the comparisons are spread over [default: 5; with --detect: 4]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    processes: Option<u32>,

    /// Relative change that matters: 1% or 0.01
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = share)]
    least_effect: f64,

    /// Find out how many slow-downs of these sizes are found, per cent: 1,2,3,5,10
    #[arg(long, value_name = "PER CENT", value_delimiter = ',', value_parser = per_cent)]
    detect: Vec<f64>,

    /// With --detect: stop after this time with what there is: 90s, 8m
    #[arg(long, value_name = "SPAN", value_parser = parse_span, requires = "detect")]
    time_budget: Option<Duration>,

    /// File to keep the calibration in; with --detect, folder for its files [default: below reports/calibration]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,

    /// Form of the results on stdout
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: OutputFormat,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let resolved = arguments.selection.resolve()?;
    // Before workers exist: a folder of kernels that cannot be read is the user's mistake.
    let library = arguments.device.library()?;
    let stop = interrupt::watch()?;
    let kernels = arguments.device.kernels.clone();
    let target = Target::this_program("this program", kernels, arguments.device.for_worker())
        .or_exit_with(Exit::HarnessFault, || "cannot find this program's own file".to_string())?;
    let limits = WorkerLimits::default();
    let hello = Worker::start(&target, &limits).map_err(worker_failure)?.hello().clone();
    let selected = resolved.on_device(&hello.device);
    let cases: Vec<Case> =
        selected.into_iter().filter(|selected| selected.skip.is_none()).map(|selected| selected.case).collect();
    if cases.is_empty() {
        let error = anyhow::anyhow!("every case was skipped on {}; choose others with --case", hello.device.id);
        return Err(Failure::new(Exit::NothingRan, error));
    }
    if arguments.detect.is_empty() {
        return calibrate(arguments, &target, &limits, &hello, &cases, stop);
    }
    let folder = arguments.out.clone().unwrap_or_else(|| default_path(&hello.keys).with_extension("detection"));
    let plan = StudyPlan {
        cases,
        mode: modes(arguments, &hello)[0],
        sizes: arguments.detect.clone(),
        comparisons: arguments.comparisons.unwrap_or(200) as usize,
        processes: arguments.processes.unwrap_or(4) as usize,
        least_effect: arguments.least_effect,
        folder: folder.join("kernels"),
        deadline: arguments.time_budget.and_then(|span| Instant::now().checked_add(span)),
    };
    let mut printer = StudyPrinter::new(arguments.format == OutputFormat::Json);
    let studied = study(&target, &library, &limits, &plan, stop, &mut printer);
    let found = studied.map_err(study_failure)?;
    printer.finish(&found, &folder)?;
    Ok(match (found.records.is_empty(), stop.load(std::sync::atomic::Ordering::Relaxed)) {
        (true, false) => Exit::NothingRan,
        (_, true) => Exit::Interrupted,
        (false, false) => Exit::Good,
    })
}

fn calibrate(
    arguments: &Arguments,
    target: &Target,
    limits: &WorkerLimits,
    hello: &Hello,
    cases: &[Case],
    stop: &std::sync::atomic::AtomicBool,
) -> CommandResult {
    let plan = LearnPlan {
        cases: cases.iter().map(Case::id).collect(),
        modes: modes(arguments, hello),
        comparisons: arguments.comparisons.unwrap_or(10) as usize,
        pairs: arguments.pairs as usize,
        processes: arguments.processes.unwrap_or(5) as usize,
        least_effect: arguments.least_effect,
    };
    let path = arguments.out.clone().unwrap_or_else(|| default_path(&hello.keys));
    let json = arguments.format == OutputFormat::Json;
    let mut printer = CalibrationPrinter::new(&path, plan.total(), json);
    let learned = learn(target, limits, &plan, stop, &mut printer).map_err(learn_failure)?;
    printer.finish(&learned)?;
    Ok(match (learned.cases.is_empty(), learned.partial) {
        (true, false) => Exit::NothingRan,
        (_, true) => Exit::Interrupted,
        (false, false) => Exit::Good,
    })
}

/// Steps are the same in both modes, and studies of hot samples would take hours: both are measured cold by default.
fn modes(arguments: &Arguments, hello: &Hello) -> Vec<Mode> {
    let cold_only = hello.device.emulated || !arguments.detect.is_empty();
    if arguments.modes.is_empty() && cold_only { vec![Mode::Cold] } else { ModeName::modes(&arguments.modes) }
}

fn default_path(keys: &ComparabilityKeys) -> PathBuf {
    Calibration::path_in(Path::new(CALIBRATIONS), keys)
}

/// A positive number of per cent, as a share.
fn per_cent(text: &str) -> Result<f64, String> {
    let advice = || "use per cent above 0 and up to 1000, such as 1,2,3,5,10".to_string();
    let number: f64 = text.trim().parse().map_err(|_| advice())?;
    if number > 0.0 && number <= 1000.0 { Ok(number / 100.0) } else { Err(advice()) }
}

fn learn_failure(error: LearnError) -> Failure {
    match error {
        LearnError::Worker(error) => worker_failure(error),
        LearnError::Keep(error) => Failure::new(Exit::Usage, error),
    }
}

fn study_failure(error: StudyError) -> Failure {
    match error {
        StudyError::Worker(error) => worker_failure(error),
        StudyError::Noise(error) => learn_failure(error),
        StudyError::Kernels(error) => Failure::new(Exit::Usage, error),
        StudyError::Duel(error) => Failure::new(Exit::NotReproducible, error),
    }
}

/// The exit code of a worker that ended.
pub fn worker_failure(error: WorkerError) -> Failure {
    let exit = match error.end() {
        Some(ChildEnd::Refused { why: Refusal::WrongResult, .. }) => Exit::WrongResult,
        Some(ChildEnd::Refused { why: Refusal::Unbuildable, .. }) => Exit::Undecided,
        // What a worker that never began says is in its exit code: a device that is not there, bad arguments.
        Some(ChildEnd::Exited { code: 64 }) => Exit::Usage,
        Some(ChildEnd::Fault { .. } | ChildEnd::Garbled { .. }) => Exit::HarnessFault,
        _ => Exit::NotReproducible,
    };
    Failure::new(exit, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_per_cent_above_zero() {
        assert_eq!((per_cent("3"), per_cent("0.5")), (Ok(0.03), Ok(0.005)));
        for bad in ["", "0", "-1", "nan", "inf", "2000", "3%"] {
            assert!(per_cent(bad).is_err(), "{bad}");
        }
    }
}

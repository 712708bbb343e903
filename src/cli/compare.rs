//! `hipgauge compare`: a verdict on every case of two runs, or of two commits, folders or programs measured in turns.

use std::path::{Path, PathBuf};

use clap::Args;
use hipgauge::regression::calibration::NoiseBetweenRuns;
use hipgauge::regression::comparison::{
    Comparison, ComparisonError, ComparisonOptions, NoiseSource, compare_runs, comparison_csv, comparison_json,
    comparison_markdown, write_comparison,
};
use hipgauge::regression::live::{LiveRecord, Place};
use hipgauge::report::RunData;

use super::arguments::{
    CommitArguments, ComparisonFormat, DeviceArguments, ModeName, SelectionArguments, ThresholdArguments,
};
use super::compare_first_token;
use super::comparison_printer::{print_agreement, print_comparison};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::live::{LiveRequest, LiveStage, exit_of_live, live_failure, tell_end};
use super::output::Stdout;
use super::report;

const EXAMPLES: &str = "\
A side is a run directory (it has a run.json), a commit, branch or tag of the repository (--repository), a folder of
kernels (.hip files in it or one folder down), or a hipgauge program. A name that means two of them is refused; run:,
commit:, kernels: or program: in front of it says which. Two runs are compared by their files. Other sides are measured
now, in turns on one device (A B B A ...), each in a process of its own: the cases of --suite or --case, right first,
then how fast. Of a commit its kernels are measured by this program, from a private copy; with --build its own program.
Nothing in the checkout is touched. Code that is identical on both sides is SAME without being measured.
Two runs of `hipgauge ttft` get a verdict on each time to first token, and a table of which operation's change explains
which part of it.

Verdicts: SLOWER and FASTER are clear of noise and larger than what matters; SAME is within it; AMBIGUOUS lies
between; UNDERPOWERED could not have told. docs/methodology.md explains the rules, and --format json every code.

Ends with 2 if a result is wrong that was right, 1 if a case is slower, 125 if one that ran before gives nothing
now or a commit does not build, 3 if the device gives up, 4 if there is no case in common, 130 if stopped, else 0;
--strict makes cases without a verdict 125.

Examples:
  hipgauge compare reports/before reports/after
  hipgauge compare reports/before reports/after --all --out comparison
  hipgauge compare reports/before reports/after --format markdown >> \"$GITHUB_STEP_SUMMARY\"
  hipgauge compare reports/one reports/two --agreement     do two runs of one program agree?
  hipgauge compare reports/ttft-before reports/ttft-after  which kernel made the first token slower?
  hipgauge compare main HEAD --suite quick --device hip:0
  hipgauge compare v1.2 kernels:kernels --op rms_norm      a tag against the kernels as they lie here
  hipgauge compare v1.2 HEAD --build 'cargo build --release' --program target/release/hipgauge";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(mut_arg("kernels", |kernels| kernels.help("The folder of kernels inside of each commit [default: kernels]")))]
pub struct Arguments {
    /// What to compare with: a run directory, a commit, a folder of kernels or a program
    #[arg(value_name = "BASE")]
    base: String,

    /// What to judge: the same
    #[arg(value_name = "CANDIDATE")]
    candidate: String,

    /// Show every case, not only those that changed or have no verdict
    #[arg(long)]
    all: bool,

    /// Show only how well medians and intervals agree, and end with 0 whatever changed
    #[arg(long, conflicts_with_all = ["all", "format", "strict"])]
    agreement: bool,

    /// Form of the result on stdout
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: ComparisonFormat,

    /// Also write comparison.csv, .json, .md and .html into this folder; of TTFT runs first_token.csv, .json and .md
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    #[command(flatten)]
    thresholds: ThresholdArguments,

    /// Measure in this mode only; may be repeated [default: both; on host cold]
    #[arg(long = "mode", value_name = "MODE", help_heading = "Measurement")]
    modes: Vec<ModeName>,

    #[command(flatten)]
    selection: SelectionArguments,

    #[command(flatten)]
    device: DeviceArguments,

    #[command(flatten)]
    commits: CommitArguments,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let read = |text: &str| Place::read(text, &arguments.commits.repository).or_exit(Exit::Usage);
    let sides = [read(&arguments.base)?, read(&arguments.candidate)?];
    if let [Place::Run(base), Place::Run(candidate)] = &sides {
        arguments.refuse_measuring()?;
        if let Some(runs) = compare_first_token::load_both(base, candidate)? {
            if arguments.agreement {
                return Err(Failure::usage("--agreement is of runs that time kernels; leave it out"));
            }
            return compare_first_token::run(&runs, &arguments.thresholds, arguments.format, arguments.out.as_deref());
        }
        let comparison = compare(&load(base)?, &load(candidate)?, &arguments.thresholds)?;
        return show(arguments, &comparison, Exit::of_comparison(comparison.conclusion(arguments.thresholds.strict)));
    }
    measure(arguments, [&sides[0], &sides[1]])
}

/// Measures both sides in turns.
fn measure(arguments: &Arguments, sides: [&Place; 2]) -> CommandResult {
    if arguments.agreement {
        return Err(Failure::usage("--agreement is of two run directories; leave it out"));
    }
    let named = [(sides[0], &*arguments.base), (sides[1], &*arguments.candidate)];
    for (place, name) in named {
        if let Place::Run(_) = place {
            return Err(Failure::usage(format!(
                "{name} is a run directory and the other side is not; compare two runs, or measure against one with \
                 `hipgauge gate --baseline {name}`"
            )));
        }
    }
    let stage = LiveStage::prepare(LiveRequest {
        selection: &arguments.selection,
        device: &arguments.device,
        commits: &arguments.commits,
        thresholds: &arguments.thresholds,
        modes: &arguments.modes,
        programs_read: arguments.format != ComparisonFormat::Human,
    })?;
    let mut field = stage.field(stage.contestants(named)?);
    let LiveRecord { comparison, end } =
        stage.measure(&mut field, &stage.cases()).map_err(|error| live_failure(error, sides))?;
    tell_end(&end, &comparison);
    show(arguments, &comparison, exit_of_live(comparison.conclusion(arguments.thresholds.strict), &end))
}

/// Writes and prints a comparison.
fn show(arguments: &Arguments, comparison: &Comparison, exit: Exit) -> CommandResult {
    let strict = arguments.thresholds.strict;
    if let Some(folder) = &arguments.out {
        write_comparison(comparison, strict, folder).map_err(report::failure)?;
    }
    let mut stdout = Stdout::new();
    if arguments.agreement {
        print_agreement(comparison, &mut stdout).or_exit(Exit::HarnessFault)?;
        return Ok(if comparison.agreement.is_empty() { Exit::NothingRan } else { Exit::Good });
    }
    match arguments.format {
        ComparisonFormat::Human => print_comparison(comparison, arguments.all, &mut stdout),
        ComparisonFormat::Json => stdout.line(comparison_json(comparison, strict)),
        ComparisonFormat::Csv => stdout.line(comparison_csv(comparison).trim_end()),
        ComparisonFormat::Markdown => stdout.line(comparison_markdown(comparison)),
    }
    .or_exit(Exit::HarnessFault)?;
    if let (ComparisonFormat::Human, Some(folder)) = (arguments.format, &arguments.out) {
        let page = folder.join("comparison.html");
        stdout.line(format!("comparison: {}", page.display())).or_exit(Exit::HarnessFault)?;
    }
    Ok(exit)
}

impl Arguments {
    /// Two runs were measured before: what chooses cases or a device would do nothing.
    fn refuse_measuring(&self) -> Result<(), Failure> {
        let given = [
            ("--mode", !self.modes.is_empty()),
            ("--device", self.device.device != "auto"),
            ("--kernels", self.device.kernels.is_some()),
            ("--build", self.commits.build.is_some()),
        ];
        let chosen = self.selection.first_given();
        match given.iter().find(|(_, given)| *given).map(|(name, _)| *name).or(chosen) {
            Some(name) => Err(Failure::usage(format!(
                "{name} says how to measure, and two run directories were measured before; leave it out"
            ))),
            None => Ok(()),
        }
    }
}

/// Reads a run directory.
pub fn load(path: &Path) -> Result<RunData, Failure> {
    RunData::load(path).map_err(report::failure)
}

/// Compares two runs by what the command line asks for.
pub fn compare(base: &RunData, candidate: &RunData, thresholds: &ThresholdArguments) -> Result<Comparison, Failure> {
    let ThresholdArguments { least_effect, noise, force, .. } = *thresholds;
    let learned = match &candidate.record.conditions {
        Some(conditions) if noise.is_none() => thresholds.calibrations.find(&conditions.comparability)?,
        _ => None,
    };
    let learned = learned.map(NoiseBetweenRuns);
    let noise: &dyn NoiseSource = learned.as_ref().map_or(&noise, |learned| learned);
    let options = ComparisonOptions { least_effect, noise, force };
    compare_runs(base, candidate, &options).map_err(|error| match error {
        ComparisonError::Report(error) => report::failure(error),
        refused @ (ComparisonError::NotComparable { .. } | ComparisonError::EmulatedAgainstReal { .. }) => {
            Failure::new(Exit::Usage, refused)
        }
    })
}

//! `hipgauge compare`: a verdict on every case of two runs.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hipgauge::regression::comparison::{
    Comparison, ComparisonError, ComparisonOptions, Conclusion, compare_runs, comparison_csv, comparison_json,
    comparison_markdown, write_comparison,
};
use hipgauge::report::RunData;

use super::arguments::ThresholdArguments;
use super::comparison_printer::{print_agreement, print_comparison};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::Stdout;
use super::report;

const EXAMPLES: &str = "\
Verdicts: SLOWER and FASTER are clear of noise and larger than what matters; SAME is within it; AMBIGUOUS lies
between; UNDERPOWERED could not have told. docs/methodology.md explains the rules, and --format json every code.

Ends with 2 if a result is wrong that was right, 1 if a case is slower, 125 if one that ran before gives nothing
now, 4 if the runs have no case in common, else 0; --strict makes cases without a verdict 125.

Examples:
  hipgauge compare reports/before reports/after
  hipgauge compare reports/before reports/after --all --out comparison
  hipgauge compare reports/before reports/after --format markdown >> \"$GITHUB_STEP_SUMMARY\"
  hipgauge compare reports/one reports/two --agreement     do two runs of one program agree?";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people
    Human,
    /// One object with everything
    Json,
    /// One row per case and mode
    Csv,
    /// For a comment on a pull request
    Markdown,
}

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Run directory to compare with
    #[arg(value_name = "BASE")]
    base: PathBuf,

    /// Run directory to judge
    #[arg(value_name = "CANDIDATE")]
    candidate: PathBuf,

    #[command(flatten)]
    thresholds: ThresholdArguments,

    /// Show every case, not only those that changed or have no verdict
    #[arg(long)]
    all: bool,

    /// Show only how well medians and intervals agree, and end with 0 whatever changed
    #[arg(long, conflicts_with_all = ["all", "format", "strict"])]
    agreement: bool,

    /// Form of the result on stdout
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,

    /// Also write comparison.csv, .json, .md and .html into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let (base, candidate) = (load(&arguments.base)?, load(&arguments.candidate)?);
    let comparison = compare(&base, &candidate, &arguments.thresholds)?;
    let strict = arguments.thresholds.strict;
    if let Some(folder) = &arguments.out {
        write_comparison(&comparison, strict, folder).map_err(report::failure)?;
    }
    let mut stdout = Stdout::new();
    if arguments.agreement {
        print_agreement(&comparison, &mut stdout).or_exit(Exit::HarnessFault)?;
        return Ok(if comparison.agreement.is_empty() { Exit::NothingRan } else { Exit::Good });
    }
    match arguments.format {
        Format::Human => print_comparison(&comparison, arguments.all, &mut stdout),
        Format::Json => stdout.line(comparison_json(&comparison, strict)),
        Format::Csv => stdout.line(comparison_csv(&comparison).trim_end()),
        Format::Markdown => stdout.line(comparison_markdown(&comparison)),
    }
    .or_exit(Exit::HarnessFault)?;
    if let (Format::Human, Some(folder)) = (arguments.format, &arguments.out) {
        let page = folder.join("comparison.html");
        stdout.line(format!("comparison: {}", page.display())).or_exit(Exit::HarnessFault)?;
    }
    Ok(exit_of(comparison.conclusion(strict)))
}

/// Reads a run directory.
pub fn load(path: &Path) -> Result<RunData, Failure> {
    RunData::load(path).map_err(report::failure)
}

/// Compares two runs by what the command line asks for.
pub fn compare(base: &RunData, candidate: &RunData, thresholds: &ThresholdArguments) -> Result<Comparison, Failure> {
    let ThresholdArguments { least_effect, noise, force, .. } = *thresholds;
    let options = ComparisonOptions { least_effect, noise: &noise, force };
    compare_runs(base, candidate, &options).map_err(|error| match error {
        ComparisonError::Report(error) => report::failure(error),
        refused @ (ComparisonError::NotComparable { .. } | ComparisonError::EmulatedAgainstReal { .. }) => {
            Failure::new(Exit::Usage, refused)
        }
    })
}

/// The exit code of a whole comparison.
pub const fn exit_of(conclusion: Conclusion) -> Exit {
    match conclusion {
        Conclusion::Wrong => Exit::WrongResult,
        Conclusion::Slower => Exit::Slower,
        Conclusion::NothingComparable => Exit::NothingRan,
        Conclusion::Undecided => Exit::Undecided,
        Conclusion::Good => Exit::Good,
    }
}

//! `hipgauge gate`: correctness and speed against a baseline, in one exit code for CI.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use hipgauge::regression::comparison::{comparison_json, write_comparison};
use hipgauge::regression::gate::{AllowList, CalendarDate, GateReport, gate_markdown};
use hipgauge::regression::live::Place;
use serde_json::json;

use super::arguments::{CommitArguments, OutputFormat, ThresholdArguments};
use super::comparison_printer::print_comparison;
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::gate_junit::write_junit;
use super::gate_live::gate_in_turns;
use super::gate_run::gate_of_run;
use super::measured_run::MeasuredRun;
use super::output::{BAD, GOOD, NOTE, Stdout, styled};
use super::report;

const EXAMPLES: &str = "\
Against a run: runs the baseline's suites (or the cases asked for) with the kernels of this program, as `hipgauge run`
does, and compares. Against a commit, branch or tag: measures the kernels of the working tree (or --candidate) and those
of the commit in turns, as `hipgauge compare` does, which tells smaller changes and needs no run from before. A case that
comes out slower is measured a second time, and counts only if it is slower again.

Ends with 2 if a result is wrong that was right, 1 if a case is slower and not allowed, 125 if a case that ran before
gives nothing now or a side cannot be built (with --strict also for cases without a verdict), 3 if the device gives up,
4 if there was nothing to compare, 130 if stopped, else 0. git bisect takes 0 for good, 1 to 4 for bad, 125 for skip,
and stops at 130; README.md has a wrapper that stops at 3 and 4, too. An allowance accepts a slow-down until a day, never a wrong result. One that has ended is an error.

Examples:
  hipgauge gate --baseline origin/main --device hip:0 --junit gate.xml --markdown \"$GITHUB_STEP_SUMMARY\"
  hipgauge gate --baseline v1.2 --candidate HEAD --suite ci --allow 'top_k/*=exact ties cost a pass until 2026-12-31'
  hipgauge run --suite quick --out baseline
  hipgauge gate --baseline baseline --junit gate.xml
  git bisect run hipgauge gate --baseline v1.2 --case rms_norm/bf16/2048x4096/normal --device hip:0";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// What to hold the candidate against: a run directory, a commit, branch or tag, a folder of kernels or a program
    #[arg(long, value_name = "RUN|COMMIT")]
    pub baseline: String,

    /// What to judge, where the baseline is no run [default: the kernels of the working tree, as they lie there]
    #[arg(long, value_name = "COMMIT")]
    pub candidate: Option<String>,

    /// Accept that cases are slower: 'case-glob=reason until 2026-12-31'; may be repeated
    #[arg(long, value_name = "TEXT")]
    allow: Vec<String>,

    /// TOML file of such allowances: [[allow]] with case, reason, until
    #[arg(long, value_name = "FILE")]
    allow_file: Option<PathBuf>,

    /// Also append the summary to this file in Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    #[command(flatten)]
    pub thresholds: ThresholdArguments,

    #[command(flatten)]
    pub run: MeasuredRun,

    #[command(flatten)]
    pub commits: CommitArguments,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let today = CalendarDate::today();
    let allow = AllowList::read(&arguments.allow, arguments.allow_file.as_deref(), today).or_exit(Exit::Usage)?;
    let baseline = Place::read(&arguments.baseline, &arguments.commits.repository).or_exit(Exit::Usage)?;
    let folder = arguments.run.measurement.folder("gate");
    let (report, exit) = match &baseline {
        Place::Run(path) => {
            arguments.refuse_commits()?;
            match gate_of_run(path, &arguments.run, &folder, &arguments.thresholds, &allow) {
                Ok(ended) => ended,
                Err(ended) => return ended,
            }
        }
        _ => {
            arguments.refuse_sampling()?;
            gate_in_turns(arguments, &baseline, &allow)?
        }
    };
    finish(arguments, &report, exit, &folder)
}

impl Arguments {
    /// The kernels of a run's gate are those of this program or of --kernels.
    fn refuse_commits(&self) -> Result<(), Failure> {
        let given = [("--candidate", self.candidate.is_some()), ("--build", self.commits.build.is_some())];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Failure::usage(format!(
                "{name} is for a baseline that is a commit, and {} is a run; take other kernels with --kernels",
                self.baseline
            ))),
            None => Ok(()),
        }
    }

    /// Sides that are measured in turns stop when they can tell.
    fn refuse_sampling(&self) -> Result<(), Failure> {
        match self.run.measurement.first_limit().or(self.run.limits.first_given()) {
            Some(name) => Err(Failure::usage(format!(
                "{name} is for a baseline that is a run; sides measured in turns stop when they can tell: leave it out"
            ))),
            None => Ok(()),
        }
    }
}

/// Writes and prints what the gate found.
fn finish(arguments: &Arguments, report: &GateReport, exit: Exit, folder: &Path) -> CommandResult {
    let strict = arguments.thresholds.strict;
    write_comparison(&report.comparison, strict, folder).map_err(report::failure)?;
    if let Some(file) = &arguments.run.output.junit {
        write_junit(report, file)?;
    }
    if let Some(file) = &arguments.markdown {
        append(file, &gate_markdown(report, strict))?;
    }
    match arguments.run.output.format {
        OutputFormat::Human => print(report, exit, folder)?,
        OutputFormat::Json => {
            let mut document = comparison_json(&report.comparison, strict);
            document["conclusion"] = json!(report.conclusion(strict));
            document["allowed"] = json!(report.allowed);
            document["questioned"] = json!(report.questioned);
            document["warnings"] = json!([report.warnings.clone(), report.comparison.warnings.clone()].concat());
            document["exit_code"] = json!(exit.code());
            Stdout::new().line(json!({ "gate": document })).or_exit(Exit::HarnessFault)?;
        }
    }
    Ok(exit)
}

fn append(file: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        use std::io::Write as _;
        fs::OpenOptions::new().create(true).append(true).open(file)?.write_all(text.as_bytes())
    };
    write().or_exit_with(Exit::Usage, || {
        format!("cannot write --markdown {}; name a file in a folder that exists", file.display())
    })
}

fn print(report: &GateReport, exit: Exit, folder: &Path) -> Result<(), Failure> {
    let mut stdout = Stdout::new();
    let mut told = || -> std::io::Result<()> {
        print_comparison(&report.comparison, false, &mut stdout)?;
        for allowed in &report.allowed {
            let (case, mode, until, reason) = (&allowed.case, allowed.mode, allowed.until, &allowed.reason);
            stdout.line(format!("{} {case} {mode}, until {until}: {reason}", styled(NOTE, "allowed:")))?;
        }
        for warning in &report.warnings {
            stdout.line(format!("{} {warning}", styled(NOTE, "warning:")))?;
        }
        stdout.line(format!("comparison: {}", folder.join("comparison.html").display()))?;
        let passed = exit == Exit::Good;
        let word = if passed { "gate passed" } else { "gate not passed" };
        stdout.line(styled(if passed { GOOD } else { BAD }, format!("{word}: {}", report.headline())))
    };
    told().or_exit(Exit::HarnessFault)
}

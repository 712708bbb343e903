//! `hipgauge gate`: correctness and speed against a baseline, in one exit code for CI.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use hipgauge::profiling::Mode;
use hipgauge::regression::comparison::{Comparison, Conclusion, OutcomeKind, comparison_json, write_comparison};
use hipgauge::regression::gate::{AllowList, CalendarDate, Contest, GateReport, gate_markdown, run_gate};
use hipgauge::report::{RunData, RunRecord};
use serde_json::json;

use super::arguments::{OutputFormat, ThresholdArguments};
use super::compare::{compare, exit_of, load};
use super::comparison_printer::print_comparison;
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::gate_junit::write_junit;
use super::measured_run::{MeasuredRun, measured_run};
use super::output::{BAD, GOOD, NOTE, Stdout, styled};
use super::report;

const EXAMPLES: &str = "\
Runs the baseline's suites (or the cases asked for) with the kernels of this program, as `hipgauge run` does, and
compares. A case that comes out slower is measured a second time, and counts only if it is slower again.

Ends with 2 if a result is wrong that was right, 1 if a case is slower and not allowed, 125 if a case that ran before
gives nothing now (with --strict also for cases without a verdict), 4 if there was nothing to compare, else 0.
An allowance accepts a slow-down until a day, never a wrong result. One that has ended is an error.

Examples:
  hipgauge run --suite quick --out baseline
  hipgauge gate --baseline baseline --junit gate.xml --markdown \"$GITHUB_STEP_SUMMARY\"
  hipgauge gate --baseline baseline --allow 'top_k/*=exact ties cost a pass until 2026-12-31'
  git bisect run sh -c 'cargo build --release || exit 125; target/release/hipgauge gate --baseline /tmp/base --strict'";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Run directory to hold the kernels of this program against
    #[arg(long, value_name = "RUN")]
    baseline: PathBuf,

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
    thresholds: ThresholdArguments,

    #[command(flatten)]
    run: MeasuredRun,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let baseline = load(&arguments.baseline)?;
    let today = CalendarDate::today();
    let allow = AllowList::read(&arguments.allow, arguments.allow_file.as_deref(), today).or_exit(Exit::Usage)?;
    let mut run = arguments.run.clone();
    let junit = run.output.junit.take();
    let folder = run.measurement.folder("gate");
    run.measurement.keep_in(&folder);
    select_as(&mut run, &baseline);
    let mut contest = RunContest {
        baseline: &baseline,
        run,
        folder: &folder,
        thresholds: &arguments.thresholds,
        measured: Exit::Good,
    };
    let report = match run_gate(&mut contest, &allow) {
        Ok(report) => report,
        Err(Stop::Ended(exit)) => return Ok(exit),
        Err(Stop::Failed(failure)) => return Err(failure),
    };
    let strict = arguments.thresholds.strict;
    let exit = exit_of_gate(&report, contest.measured, strict);
    write_comparison(&report.comparison, strict, &folder).map_err(report::failure)?;
    if let Some(file) = &junit {
        write_junit(&report, file)?;
    }
    if let Some(file) = &arguments.markdown {
        append(file, &gate_markdown(&report, strict))?;
    }
    match arguments.run.output.format {
        OutputFormat::Human => print(&report, exit, &folder)?,
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

/// The cases of the baseline, where the command line names none: its suites as they are now, with its seed; else,
/// where it had been given single cases, those.
fn select_as(run: &mut MeasuredRun, baseline: &RunData) {
    let selection = &mut run.selection;
    if !selection.suites.is_empty() || !selection.cases.is_empty() {
        return;
    }
    let RunRecord { selection: then, .. } = &baseline.record;
    if then.suites.is_empty() {
        // These ids have the seed in them.
        selection.cases = baseline.verdicts.iter().map(|verdict| verdict.case.clone()).collect();
    } else {
        selection.suites.clone_from(&then.suites);
        if selection.seed == 0 {
            selection.seed = then.seed.unwrap_or(0);
        }
    }
}

/// What ends a gate before it has a conclusion.
enum Stop {
    /// Ctrl-C, or nothing that could be run; the run has said why.
    Ended(Exit),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

/// The kernels of this program against a run directory.
struct RunContest<'a> {
    baseline: &'a RunData,
    run: MeasuredRun,
    folder: &'a Path,
    thresholds: &'a ThresholdArguments,
    /// How the first run ended.
    measured: Exit,
}

impl RunContest<'_> {
    fn measure(&self, run: &MeasuredRun, folder: &Path, tell: bool) -> Result<(Comparison, Exit), Stop> {
        let exit = measured_run(run, tell)?;
        if matches!(exit, Exit::Interrupted | Exit::HarnessFault | Exit::NothingRan) {
            return Err(Stop::Ended(exit));
        }
        Ok((compare(self.baseline, &load(folder)?, self.thresholds)?, exit))
    }
}

impl Contest for RunContest<'_> {
    type Error = Stop;

    fn compare(&mut self) -> Result<Comparison, Stop> {
        let (comparison, exit) = self.measure(&self.run, self.folder, true)?;
        self.measured = exit;
        Ok(comparison)
    }

    fn compare_again(&mut self, cases: &[(String, Mode)]) -> Result<Comparison, Stop> {
        let mut again = self.run.clone();
        let folder = self.folder.join("again");
        again.measurement.keep_in(&folder);
        again.selection.suites.clear();
        again.selection.seed = 0;
        again.selection.cases = cases.iter().map(|(case, _)| case.clone()).collect();
        again.selection.cases.dedup();
        Ok(self.measure(&again, &folder, false)?.0)
    }
}

/// The worst of what was compared and what could not be measured. A case whose timed launches were wrong has no
/// measurement, so the run's own end tells it apart from one that was only not measured.
fn exit_of_gate(report: &GateReport, measured: Exit, strict: bool) -> Exit {
    let lost = report.comparison.outcomes_of(OutcomeKind::NoLongerMeasured).next().is_some();
    match (report.conclusion(strict), measured) {
        (Conclusion::Wrong, _) => Exit::WrongResult,
        (_, Exit::WrongResult) if lost => Exit::WrongResult,
        (Conclusion::Slower, _) => Exit::Slower,
        (_, Exit::Undecided | Exit::NotReproducible) => Exit::Undecided,
        (conclusion, _) => exit_of(conclusion),
    }
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

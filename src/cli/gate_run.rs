//! The gate of a run: the baseline's cases are measured as `hipgauge run` does, and the two runs compared.

use std::path::Path;

use hipgauge::profiling::Mode;
use hipgauge::regression::comparison::{Comparison, Conclusion, OutcomeKind};
use hipgauge::regression::gate::{AllowList, Contest, GateReport, run_gate};
use hipgauge::report::{RunData, RunRecord};

use super::arguments::ThresholdArguments;
use super::compare::{compare, load};
use super::exit_code::Exit;
use super::failure::Failure;
use super::measured_run::{MeasuredRun, measured_run};

/// Measures into `folder` and compares. `Err(Ok(exit))` if the run ended before there was anything to compare; it has said why.
pub fn gate_of_run(
    baseline: &Path,
    run: &MeasuredRun,
    folder: &Path,
    thresholds: &ThresholdArguments,
    allow: &AllowList,
) -> Result<(GateReport, Exit), Result<Exit, Failure>> {
    let baseline = load(baseline).map_err(Err)?;
    let mut run = run.clone();
    run.output.junit = None;
    run.measurement.keep_in(folder);
    select_as(&mut run, &baseline);
    let mut contest = RunContest { baseline: &baseline, run, folder, thresholds, measured: Exit::Good };
    let report = run_gate(&mut contest, allow).map_err(|stop| match stop {
        Stop::Ended(exit) => Ok(exit),
        Stop::Failed(failure) => Err(failure),
    })?;
    let exit = exit_of_gate(&report, contest.measured, thresholds.strict);
    Ok((report, exit))
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
        (conclusion, _) => Exit::of_comparison(conclusion),
    }
}

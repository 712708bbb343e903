//! The gate of a commit: both sides are measured in turns, alarms once more in fresh processes.

use std::path::PathBuf;

use hipgauge::profiling::Mode;
use hipgauge::regression::comparison::{Comparison, Conclusion};
use hipgauge::regression::gate::{AllowList, Contest, GateReport, run_gate};
use hipgauge::regression::live::{End, Field, LiveCase, LiveError, LiveRecord, Place};
use hipgauge::regression::repository::Git;
use hipgauge::regression::worker::ChildEnd;

use super::arguments::OutputFormat;
use super::exit_code::Exit;
use super::failure::{Failure, OrExit};
use super::gate::Arguments;
use super::live::{LiveRequest, LiveStage, live_failure, tell_end};

/// What a side is called that is no commit.
const WORKING_TREE: &str = "working tree";

/// Measures and judges. What was measured before Ctrl-C, or before the device gave up, is in the report.
pub fn gate_in_turns(
    arguments: &Arguments,
    baseline: &Place,
    allow: &AllowList,
) -> Result<(GateReport, Exit), Failure> {
    let (candidate, name) = match &arguments.candidate {
        Some(name) => (Place::read(name, &arguments.commits.repository).or_exit(Exit::Usage)?, name.as_str()),
        None => (Place::Kernels(working_tree(arguments)?), WORKING_TREE),
    };
    let stage = LiveStage::prepare(LiveRequest {
        selection: &arguments.run.selection,
        device: &arguments.run.device,
        commits: &arguments.commits,
        thresholds: &arguments.thresholds,
        modes: arguments.run.measurement.modes(),
        programs_read: arguments.run.output.format == OutputFormat::Json,
    })?;
    let sides = stage.contestants([(baseline, &*arguments.baseline), (&candidate, name)])?;
    let mut contest = LiveContest { stage: &stage, field: stage.field(sides), first: None };
    match run_gate(&mut contest, allow) {
        Ok(report) => {
            let exit = Exit::of_comparison(report.conclusion(arguments.thresholds.strict));
            Ok((report, exit))
        }
        Err(Stop::Early(record)) => {
            let LiveRecord { comparison, end } = *record;
            tell_end(&end, &comparison);
            let report = GateReport { comparison, allowed: Vec::new(), questioned: 0, warnings: Vec::new() };
            let exit = match (report.conclusion(false), end) {
                (Conclusion::Wrong, _) => Exit::WrongResult,
                (_, End::DeviceSilent(_)) => Exit::NotReproducible,
                _ => Exit::Interrupted,
            };
            Ok((report, exit))
        }
        Err(Stop::Failed(error)) => Err(unbuildable(error, [baseline, &candidate])),
    }
}

/// The folder of kernels in the checkout.
fn working_tree(arguments: &Arguments) -> Result<PathBuf, Failure> {
    if arguments.commits.build.is_some() {
        return Err(Failure::usage(
            "a working tree is not built for you: build it and give --candidate program:FILE, or give --candidate HEAD",
        ));
    }
    let top = Git::open(&arguments.commits.repository).and_then(|git| git.top()).or_exit(Exit::Usage)?;
    let kernels = top.join(arguments.commits.kernels(&arguments.run.device)?);
    if kernels.is_dir() {
        return Ok(kernels);
    }
    let error = anyhow::anyhow!("the working tree has no folder {}; name another with --kernels", kernels.display());
    Err(Failure::new(Exit::Undecided, error))
}

/// Kernels that cannot even be read are a commit that does not build, for `git bisect run`.
fn unbuildable(error: LiveError, sides: [&Place; 2]) -> Failure {
    match &error {
        LiveError::Start { source, .. } if source.end().is_some_and(ChildEnd::is_foreign) => {
            Failure::new(Exit::Undecided, error)
        }
        _ => live_failure(error, sides),
    }
}

/// What ends a gate before it has a conclusion.
enum Stop {
    /// Ctrl-C, or a device that gave up: with what was measured.
    Early(Box<LiveRecord>),
    Failed(LiveError),
}

/// Two sides in turns.
struct LiveContest<'a> {
    stage: &'a LiveStage<'a>,
    field: Field<'a>,
    first: Option<Comparison>,
}

impl LiveContest<'_> {
    fn measure(&mut self, cases: &[LiveCase]) -> Result<Comparison, Stop> {
        let record = self.stage.measure(&mut self.field, cases).map_err(Stop::Failed)?;
        match (&record.end, self.first.take()) {
            (End::Complete, _) => Ok(record.comparison),
            (_, None) => Err(Stop::Early(Box::new(record))),
            (_, Some(mut comparison)) => {
                let warning = "stopped while alarms were measured a second time: what is SLOWER here is not confirmed";
                comparison.warnings.push(warning.to_string());
                Err(Stop::Early(Box::new(LiveRecord { comparison, end: record.end })))
            }
        }
    }
}

impl Contest for LiveContest<'_> {
    type Error = Stop;

    fn compare(&mut self) -> Result<Comparison, Stop> {
        let cases = self.stage.cases();
        let comparison = self.measure(&cases)?;
        self.first = Some(comparison.clone());
        Ok(comparison)
    }

    fn compare_again(&mut self, cases: &[(String, Mode)]) -> Result<Comparison, Stop> {
        let mut again = self.stage.cases();
        for case in &mut again {
            case.modes.retain(|mode| cases.iter().any(|(id, wanted)| *id == case.id && wanted == mode));
        }
        again.retain(|case| !case.modes.is_empty());
        self.measure(&again)
    }
}

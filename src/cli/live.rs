//! What `compare` and `gate` share where sides are measured in turns.

use std::sync::atomic::AtomicBool;

use hipgauge::profiling::Mode;
use hipgauge::regression::comparison::{Comparison, Conclusion, NoiseSource};
use hipgauge::regression::interleave::Role;
use hipgauge::regression::live::{
    Contestant, End, Field, LiveCase, LiveError, LivePlan, LiveRecord, MakeError, Maker, Place,
};
use hipgauge::regression::worker::{ChildEnd, Hello, Target, Worker, WorkerError, WorkerLimits};
use hipgauge::suite::SelectedCase;

use super::arguments::{CommitArguments, DeviceArguments, ModeName, SelectionArguments, ThresholdArguments};
use super::calibrate::worker_failure;
use super::exit_code::Exit;
use super::failure::{Failure, OrExit};
use super::interrupt;
use super::live_printer::LivePrinter;
use super::output::{BAD, FAINT, styled};

/// What is asked for.
#[derive(Clone, Copy)]
pub struct LiveRequest<'a> {
    pub selection: &'a SelectionArguments,
    pub device: &'a DeviceArguments,
    pub commits: &'a CommitArguments,
    pub thresholds: &'a ThresholdArguments,
    pub modes: &'a [ModeName],
    /// Whether stdout is for programs.
    pub programs_read: bool,
}

/// Everything that is known before the first side is measured.
pub struct LiveStage<'a> {
    request: LiveRequest<'a>,
    hello: Hello,
    selected: Vec<SelectedCase>,
    noise: Box<dyn NoiseSource>,
    device: Vec<String>,
    stop: &'static AtomicBool,
}

impl<'a> LiveStage<'a> {
    /// Chooses cases and device. Nothing of the sides is made yet.
    pub fn prepare(request: LiveRequest<'a>) -> Result<Self, Failure> {
        let resolved = request.selection.resolve()?;
        let stop = interrupt::watch()?;
        let hello = greet(&request.device.for_worker())?;
        let mut device = request.device.clone();
        device.device.clone_from(&hello.device.id);
        let selected = resolved.on_device(&hello.device);
        if selected.iter().all(|selected| selected.skip.is_some()) {
            let error = anyhow::anyhow!("every case was skipped on {}; choose others with --case", hello.device.id);
            return Err(Failure::new(Exit::NothingRan, error));
        }
        let noise = noise(request.thresholds, &hello)?;
        Ok(Self { device: device.for_worker(), request, hello, selected, noise, stop })
    }

    /// Makes both sides: base and candidate, each with its name as it was given.
    pub fn contestants(&self, sides: [(&Place, &str); 2]) -> Result<[Contestant; 2], Failure> {
        let is_commit = |(place, _): &(&Place, &str)| matches!(place, Place::Commit(_));
        let source = match sides.iter().any(is_commit) {
            true => Some(self.request.commits.source(self.request.device, self.device.clone())?),
            false => None,
        };
        let maker = Maker { source: source.as_ref(), device: &self.device, stop: self.stop };
        let make = |role: &str, (place, name): (&Place, &str)| {
            if let (Place::Commit(_), Some(command)) = (place, &self.request.commits.build) {
                anstream::eprintln!("{}", styled(FAINT, format!("{role}: building {name} with `{command}`")));
            }
            let made = maker.make(place, role, name).map_err(make_failure)?;
            if let Some(words) = &made.made {
                let subject = made.commit.as_ref().map_or("", |commit| &commit.subject);
                let line = format!("{role}: {words}, in {:.1} s: {subject}", made.seconds);
                anstream::eprintln!("{}", styled(FAINT, line));
            }
            Ok(made)
        };
        Ok([make("base", sides[0])?, make("candidate", sides[1])?])
    }

    pub fn field(&self, [base, candidate]: [Contestant; 2]) -> Field<'_> {
        let (least_effect, limits) = (self.request.thresholds.least_effect, WorkerLimits::default());
        Field::new(base, candidate, LivePlan { least_effect, noise: self.noise.as_ref(), limits })
    }

    /// All cases that run on the device.
    pub fn cases(&self) -> Vec<LiveCase> {
        // Steps are the same in both modes.
        let emulated = self.hello.device.emulated && self.request.modes.is_empty();
        let modes = if emulated { vec![Mode::Cold] } else { ModeName::modes(self.request.modes) };
        let running = self.selected.iter().filter(|selected| selected.skip.is_none());
        running.map(|selected| LiveCase::new(&selected.case, &modes)).collect()
    }

    /// Measures these cases and shows how far it is.
    pub fn measure(&self, field: &mut Field<'_>, cases: &[LiveCase]) -> Result<LiveRecord, LiveError> {
        let chosen = self.selected.iter().filter(|selected| cases.iter().any(|case| case.id == selected.case.id()));
        let chosen: Vec<SelectedCase> = chosen.cloned().collect();
        let mut printer = LivePrinter::new(&chosen, self.hello.device.emulated, self.request.programs_read);
        let measured = field.compare(cases, self.stop, &mut printer);
        printer.clear();
        let mut record = measured?;
        record.comparison.warnings.extend(self.skipped());
        Ok(record)
    }

    fn skipped(&self) -> Option<String> {
        let mut reasons = self.selected.iter().filter_map(|selected| selected.skip.as_ref());
        let first = reasons.next()?;
        Some(format!("{} cases skipped on {}, the first because it {first}", reasons.count() + 1, self.hello.device.id))
    }
}

/// Asks a worker of this very program what the device is.
pub fn greet(device: &[String]) -> Result<Hello, Failure> {
    let target = Target::this_program("this program", None, device.to_vec()).or_exit(Exit::HarnessFault)?;
    Ok(Worker::start(&target, &WorkerLimits::default()).map_err(worker_failure)?.hello().clone())
}

/// What was given, or what was learned on this machine.
fn noise(thresholds: &ThresholdArguments, hello: &Hello) -> Result<Box<dyn NoiseSource>, Failure> {
    if thresholds.noise.is_some() {
        return Ok(Box::new(thresholds.noise));
    }
    Ok(match thresholds.calibrations.find(&hello.keys)? {
        Some(found) => Box::new(found),
        None => Box::new(None),
    })
}

fn make_failure(error: MakeError) -> Failure {
    let exit = match &error {
        MakeError::IsRun { .. } | MakeError::Repository(_) => Exit::Usage,
        MakeError::Unbuildable { .. } => Exit::Undecided,
        MakeError::Interrupted => Exit::Interrupted,
        MakeError::Trouble(_) => Exit::NotReproducible,
        MakeError::NoProgram(_) => Exit::HarnessFault,
    };
    Failure::new(exit, error)
}

/// The exit code of sides that cannot be compared. A commit whose worker does not start is one that does not build; of a
/// folder or program that was named it is the name that is wrong.
pub fn live_failure(error: LiveError, sides: [&Place; 2]) -> Failure {
    match error {
        LiveError::Start { role, source } => {
            let place = sides[usize::from(role == Role::Candidate)];
            let exit = match (place, &source) {
                (Place::Commit(_), _) => Exit::Undecided,
                (Place::Program(_), WorkerError::NotStarted { .. }) => Exit::Usage,
                (Place::Program(_), error) if error.end().is_some_and(ChildEnd::is_foreign) => Exit::Usage,
                _ => return worker_failure(source),
            };
            Failure::new(exit, source)
        }
        error @ (LiveError::OtherDevice { .. } | LiveError::Duel(_)) => Failure::new(Exit::Usage, error),
        error @ LiveError::Changed { .. } => Failure::new(Exit::NotReproducible, error),
    }
}

/// The exit code of a comparison that came to such an end. A wrong result is one however little was measured.
pub fn exit_of_live(conclusion: Conclusion, end: &End) -> Exit {
    match (end, conclusion) {
        (End::Complete, conclusion) => Exit::of_comparison(conclusion),
        (_, Conclusion::Wrong) => Exit::WrongResult,
        (End::Interrupted, Conclusion::Slower) => Exit::Slower,
        (End::Interrupted, _) => Exit::Interrupted,
        (End::DeviceSilent(_), _) => Exit::NotReproducible,
    }
}

/// Says on stderr why a comparison ended early.
pub fn tell_end(end: &End, comparison: &Comparison) {
    match end {
        End::Complete => {}
        End::Interrupted => anstream::eprintln!("stopped; {} measured cases are shown", comparison.cases.len()),
        End::DeviceSilent(reason) => anstream::eprintln!("{} {reason}", styled(BAD, "error:")),
    }
}

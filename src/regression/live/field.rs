//! Measures two sides in turns, case by case.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::backend::KernelAttributes;
use crate::profiling::{Difference, Mode};
use crate::regression::comparison::{Comparison, NoiseSource};
use crate::regression::decision::{Decision, Reason, Thresholds, Verdict};
use crate::regression::interleave::{Duel, DuelError, Role, SideError, duel};
use crate::regression::worker::{CaseFacts, Hello, Worker, WorkerError, WorkerLimits};
use crate::report::UtcTime;

use super::contestant::Contestant;
use super::convert::{LiveCase, Sides, to_comparison};
use super::standing::{Standing, judge};

/// What verdicts rest on.
pub struct LivePlan<'a> {
    /// Relative change that matters.
    pub least_effect: f64,
    pub noise: &'a dyn NoiseSource,
    pub limits: WorkerLimits,
}

/// Two sides that are measured on one device.
pub struct Field<'a> {
    pub base: Contestant,
    pub candidate: Contestant,
    pub plan: LivePlan<'a>,
    /// Digests of the kernels that each side's first worker had.
    kernels: [Option<String>; 2],
}

/// What was found out about one case.
#[derive(Clone, Debug)]
pub struct MeasuredCase {
    pub case: LiveCase,
    pub base: Standing,
    pub candidate: Standing,
    /// Whether both sides were right before one of them could not be measured.
    pub verified: bool,
    /// What both sides' compiled kernels need; empty on the emulator.
    pub attributes: [KernelAttributes; 2],
    /// One for each mode that was measured.
    pub duels: Vec<Duel>,
    /// Wall seconds.
    pub seconds: f64,
}

/// Sees a comparison go on.
pub trait LiveSink {
    fn begins(&mut self, case: &LiveCase);
    fn done(&mut self, case: &MeasuredCase);
}

/// How a comparison ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Complete,
    /// `stop` became true; what was measured is there.
    Interrupted,
    /// The device gives no answer any more, to neither side; in a sentence.
    DeviceSilent(String),
}

/// What was measured, and how it ended.
#[derive(Debug)]
pub struct LiveRecord {
    pub comparison: Comparison,
    pub end: End,
}

/// Sides that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error("{source}")]
    Start { role: Role, source: WorkerError },
    #[error("{base} and {candidate} do not run on the same device: {}; compare them on one", texts(differences))]
    OtherDevice { base: String, candidate: String, differences: Vec<Difference> },
    #[error("the kernels of {label} changed while they were measured; leave them alone meanwhile, or compare commits")]
    Changed { label: String },
    #[error(transparent)]
    Duel(DuelError),
}

fn texts(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What ends the work on a case early.
enum Halt {
    Interrupted(Box<MeasuredCase>),
    Silent(String),
    Failed(LiveError),
}

impl<'a> Field<'a> {
    pub fn new(base: Contestant, candidate: Contestant, plan: LivePlan<'a>) -> Self {
        Self { base, candidate, plan, kernels: [None, None] }
    }

    /// Compares both sides at these cases, in fresh processes. A side that is wrong is never timed. A child that crashes, hangs
    /// or runs out of memory is a finding about its case; others go on.
    pub fn compare(
        &mut self,
        cases: &[LiveCase],
        stop: &AtomicBool,
        sink: &mut dyn LiveSink,
    ) -> Result<LiveRecord, LiveError> {
        let started = UtcTime::now().to_string();
        let start = |role, contestant: &Contestant| {
            Worker::start(&contestant.target, &self.plan.limits).map_err(|source| LiveError::Start { role, source })
        };
        let mut workers = [start(Role::Base, &self.base)?, start(Role::Candidate, &self.candidate)?];
        let hellos = workers.each_ref().map(|worker| worker.hello().clone());
        for (first, hello) in self.kernels.iter_mut().zip(&hellos) {
            first.get_or_insert_with(|| hello.build.kernels_sha256.clone());
        }
        self.check_kernels(&workers)?;
        let mut warnings = self.differing_conditions(&hellos)?;
        let mut measured = Vec::new();
        let mut end = End::Complete;
        for case in cases {
            if stop.load(Ordering::Relaxed) {
                end = End::Interrupted;
                break;
            }
            sink.begins(case);
            match self.measure(&mut workers, case, stop) {
                Ok(done) => {
                    sink.done(&done);
                    measured.push(done);
                }
                Err(Halt::Interrupted(part)) => {
                    measured.push(*part);
                    end = End::Interrupted;
                    break;
                }
                Err(Halt::Silent(reason)) => {
                    end = End::DeviceSilent(reason);
                    break;
                }
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
        if end != End::Complete {
            warnings.push(format!(
                "stopped after {} of {} cases; the others were not measured",
                measured.len(),
                cases.len()
            ));
        }
        let sides = Sides { contestants: [&self.base, &self.candidate], hellos: &hellos, started: &started };
        Ok(LiveRecord { comparison: to_comparison(&sides, measured, warnings), end })
    }

    fn measure(&self, workers: &mut [Worker; 2], case: &LiveCase, stop: &AtomicBool) -> Result<MeasuredCase, Halt> {
        let start = Instant::now();
        let id = &case.id;
        let [base, candidate] = &mut *workers;
        let facts = [known(base, id)?, known(candidate, id)?];
        let attributes_of = |of: &Result<CaseFacts, Standing>| of.as_ref().ok().and_then(|facts| facts.attributes);
        let attributes = facts.each_ref().map(|of| attributes_of(of).unwrap_or_default());
        let identical = matches!(&facts, [Ok(base), Ok(candidate)] if base.identity == candidate.identity);
        let [of_base, of_candidate] = facts;
        let candidate = of_candidate.map_or_else(Ok, |_| verified(candidate, id))?;
        // The same code on one device is judged once.
        let base = if identical { candidate.clone() } else { of_base.map_or_else(Ok, |_| verified(base, id))? };
        let verified = base == Standing::Right && candidate == Standing::Right;
        let (case, duels) = (case.clone(), Vec::new());
        let mut done = MeasuredCase { case, base, candidate, verified, attributes, duels, seconds: 0.0 };
        if verified && identical {
            done.duels = done.case.modes.iter().map(|mode| same_code(&done.case.id, *mode)).collect();
        } else if verified {
            self.fight(workers, &mut done, stop)?;
        }
        self.check_kernels(workers).map_err(Halt::Failed)?;
        done.seconds = start.elapsed().as_secs_f64();
        Ok(done)
    }

    /// Measures all modes of a case that is right on both sides.
    fn fight(&self, workers: &mut [Worker; 2], done: &mut MeasuredCase, stop: &AtomicBool) -> Result<(), Halt> {
        let id = done.case.id.clone();
        for mode in done.case.modes.clone() {
            let thresholds = Thresholds::new(self.plan.least_effect, self.plan.noise.noise(&id, mode));
            let [base, candidate] = workers;
            match duel(base, candidate, &id, mode, &thresholds, stop) {
                Ok(duel) => done.duels.push(duel),
                Err(DuelError::Interrupted) => return Err(Halt::Interrupted(Box::new(done.clone()))),
                Err(DuelError::Side(SideError { role, source })) => {
                    *done.standing(role) = judge(&source, &mut workers[role as usize]).map_err(Halt::Silent)?;
                    return Ok(());
                }
                Err(error @ DuelError::UnitsDiffer { .. }) => return Err(Halt::Failed(LiveError::Duel(error))),
            }
        }
        Ok(())
    }

    /// A worker that was started again must have the kernels that the first one had.
    fn check_kernels(&self, workers: &[Worker; 2]) -> Result<(), LiveError> {
        for (first, worker) in self.kernels.iter().zip(workers) {
            let now = &worker.hello().build.kernels_sha256;
            if first.as_ref().is_some_and(|first| first != now) {
                return Err(LiveError::Changed { label: worker.label().to_string() });
            }
        }
        Ok(())
    }

    /// Conditions that may differ, because they come with the sides' own programs, as warnings.
    fn differing_conditions(&self, [base, candidate]: &[Hello; 2]) -> Result<Vec<String>, LiveError> {
        let differences = base.keys.differences(&candidate.keys);
        let of_device = |difference: &Difference| ["device", "architecture", "emulated"].contains(&&*difference.key);
        if differences.iter().any(of_device) {
            let (base, candidate) = (self.base.name.clone(), self.candidate.name.clone());
            return Err(LiveError::OtherDevice { base, candidate, differences });
        }
        Ok(differences.iter().map(|difference| format!("the sides differ in {difference}")).collect())
    }
}

impl MeasuredCase {
    fn standing(&mut self, role: Role) -> &mut Standing {
        match role {
            Role::Base => &mut self.base,
            Role::Candidate => &mut self.candidate,
        }
    }
}

fn verified(worker: &mut Worker, case: &str) -> Result<Standing, Halt> {
    match worker.verify(case) {
        Ok(_) => Ok(Standing::Right),
        Err(error) => judge(&error, worker).map_err(Halt::Silent),
    }
}

/// What the side's code for a case is, or why it has none.
fn known(worker: &mut Worker, case: &str) -> Result<Result<CaseFacts, Standing>, Halt> {
    match worker.facts(case) {
        Ok(facts) => Ok(Ok(facts)),
        Err(error) => judge(&error, worker).map(Err).map_err(Halt::Silent),
    }
}

/// Nothing is measured of code that is the same.
fn same_code(case: &str, mode: Mode) -> Duel {
    let decision = Decision::unmeasured(Verdict::Same, Reason::IdenticalCode);
    Duel { case: case.to_string(), mode, decision, measured: None, seconds: 0.0 }
}

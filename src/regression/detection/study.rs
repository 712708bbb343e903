//! Many duels: cases with themselves, and with slower ones.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::backend::KernelLibrary;
use crate::operation::Case;
use crate::profiling::Mode;
use crate::regression::calibration::LearnError;
use crate::regression::decision::Thresholds;
use crate::regression::injection::KernelFolderError;
use crate::regression::interleave::{DuelError, DuelPlan, Identical, run_duel};
use crate::regression::worker::{Hello, Target, Worker, WorkerError, WorkerLimits};

use super::prepare::{Preparation, PreparedCase, TunedSize, Workshop};
use super::record::DuelRecord;

/// What is studied, and how much of it.
pub struct StudyPlan {
    pub cases: Vec<Case>,
    pub mode: Mode,
    /// Relative slow-downs.
    pub sizes: Vec<f64>,
    /// Comparisons of each size, and of cases with themselves, over all cases together.
    pub comparisons: usize,
    /// Sets of fresh processes that the comparisons of a case are spread over.
    pub processes: usize,
    /// Relative change that matters.
    pub least_effect: f64,
    /// Kernels are written below it.
    pub folder: PathBuf,
    /// Stop then, with what there is.
    pub deadline: Option<Instant>,
}

/// Sees a study go on.
pub trait StudySink {
    /// What is being done now.
    fn stage(&mut self, text: &str);

    fn prepared(&mut self, case: &PreparedCase);

    /// A case is left out, or given up.
    fn problem(&mut self, case: &str, reason: &str);

    /// So many comparisons are done of all, and the rest should take that long.
    fn duel(&mut self, record: &DuelRecord, done: usize, total: usize, remaining: Duration);
}

/// What ends a study.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error(transparent)]
    Kernels(#[from] KernelFolderError),
    #[error(transparent)]
    Noise(#[from] LearnError),
    #[error(transparent)]
    Duel(#[from] DuelError),
}

/// What a study found.
#[derive(Debug)]
pub struct Study {
    pub hello: Hello,
    pub cases: Vec<PreparedCase>,
    pub records: Vec<DuelRecord>,
    /// Whether all comparisons were made that were planned for the cases that were prepared.
    pub complete: bool,
}

/// Prepares each case, then compares it with itself and with each slower one in turn, over fresh processes now and then.
/// When `stop` becomes true or the deadline comes, what was found so far is given.
pub fn study(
    template: &Target,
    library: &KernelLibrary,
    limits: &WorkerLimits,
    plan: &StudyPlan,
    stop: &AtomicBool,
    sink: &mut dyn StudySink,
) -> Result<Study, StudyError> {
    let hello = Worker::start(template, limits)?.hello().clone();
    let device = hello.device.clone();
    let workshop = Workshop { template, limits, library, device: &device, mode: plan.mode, stop };
    let mut found = Study { hello, cases: Vec::new(), records: Vec::new(), complete: true };
    for (place, case) in plan.cases.iter().enumerate() {
        let folder = plan.folder.join(format!("case-{place}"));
        match workshop.prepare(case, &folder, &plan.sizes, &mut |text| sink.stage(text)) {
            Ok(Preparation::Ready(prepared)) => {
                sink.prepared(&prepared);
                found.cases.push(prepared);
            }
            Ok(Preparation::LeftOut(reason)) => sink.problem(&case.id(), &reason),
            Err(StudyError::Duel(DuelError::Interrupted)) => {}
            // What is wrong with one case is no reason not to study the others.
            Err(error @ (StudyError::Duel(_) | StudyError::Kernels(_))) => sink.problem(&case.id(), &error.to_string()),
            Err(error) => return Err(error),
        }
        if out_of_time(plan, stop) {
            found.complete = false;
            return Ok(found);
        }
    }
    compare_all(&workshop, plan, &mut found, sink)?;
    Ok(found)
}

fn out_of_time(plan: &StudyPlan, stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed) || plan.deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

fn compare_all(
    workshop: &Workshop<'_>,
    plan: &StudyPlan,
    found: &mut Study,
    sink: &mut dyn StudySink,
) -> Result<(), StudyError> {
    let cases = found.cases.clone();
    let rounds = plan.comparisons.div_ceil(cases.len().max(1));
    let total = rounds * (plan.sizes.len() + 1) * cases.len();
    let processes = plan.processes.clamp(1, rounds.max(1));
    let started = Instant::now();
    for generation in 0..processes {
        let share = rounds * (generation + 1) / processes - rounds * generation / processes;
        for prepared in &cases {
            sink.stage(&format!("{}: fresh processes", prepared.case));
            let mut field = Field::start(workshop, prepared)?;
            for _ in 0..share {
                for opponent in 0..field.opponents.len() {
                    if out_of_time(plan, workshop.stop) {
                        found.complete = false;
                        return Ok(());
                    }
                    match field.compare(opponent, generation, plan, workshop) {
                        Ok(record) => {
                            let done = found.records.len() + 1;
                            let per_duel = started.elapsed().as_secs_f64() / done as f64;
                            let left = Duration::from_secs_f64(per_duel * total.saturating_sub(done) as f64);
                            sink.duel(&record, done, total, left);
                            found.records.push(record);
                        }
                        Err(DuelError::Interrupted) => {
                            found.complete = false;
                            return Ok(());
                        }
                        Err(error) => {
                            found.complete = false;
                            sink.problem(&prepared.case, &error.to_string());
                            field = Field::start(workshop, prepared)?;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// The workers of one case: the base, itself once more, and the slower ones.
struct Field<'a> {
    prepared: &'a PreparedCase,
    base: Worker,
    opponents: Vec<(Option<&'a TunedSize>, Worker)>,
}

impl<'a> Field<'a> {
    fn start(workshop: &Workshop<'_>, prepared: &'a PreparedCase) -> Result<Self, WorkerError> {
        let start = |label: &str, kernels| Worker::start(&workshop.target(label, kernels), workshop.limits);
        let base = start("base", &prepared.kernels)?;
        let mut opponents = vec![(None, start("candidate", &prepared.kernels)?)];
        for size in &prepared.sizes {
            opponents.push((Some(size), start("candidate", &size.kernels)?));
        }
        Ok(Self { prepared, base, opponents })
    }

    fn compare(
        &mut self,
        opponent: usize,
        processes: usize,
        plan: &StudyPlan,
        workshop: &Workshop<'_>,
    ) -> Result<DuelRecord, DuelError> {
        let (size, worker) = &mut self.opponents[opponent];
        let thresholds = Thresholds::new(plan.least_effect, self.prepared.noise);
        let duel_plan = DuelPlan {
            case: &self.prepared.case,
            mode: workshop.mode,
            thresholds: &thresholds,
            identical: Identical::Measure,
            pairs: None,
        };
        let duel = run_duel(&mut self.base, worker, &duel_plan, workshop.stop)?;
        let (nominal, change) = size.map_or((0.0, 0.0), |size| (size.nominal, size.change));
        Ok(DuelRecord { nominal, change, processes, duel })
    }
}

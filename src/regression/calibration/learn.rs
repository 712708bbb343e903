//! A/A comparisons of every case, over fresh pairs of processes.

use std::sync::atomic::AtomicBool;

use crate::profiling::Mode;
use crate::regression::decision::Thresholds;
use crate::regression::interleave::{Duel, DuelError, DuelPlan, Identical, run_duel};
use crate::regression::worker::{Revival, Target, Worker, WorkerError, WorkerLimits};

use super::document::{Calibration, CalibrationError, Learned};

/// What is learned, and how thoroughly.
#[derive(Clone, Debug)]
pub struct LearnPlan {
    /// Ids, in the order they are measured.
    pub cases: Vec<String>,
    pub modes: Vec<Mode>,
    /// Comparisons of each case in each mode.
    pub comparisons: usize,
    /// Pairs in each comparison.
    pub pairs: usize,
    /// Pairs of fresh processes that the comparisons are spread over: what one process is given for life (where its
    /// code and heap lie) is noise between two of them.
    pub processes: usize,
    /// Relative change that matters, by which false alarms are counted.
    pub least_effect: f64,
}

impl LearnPlan {
    /// All comparisons.
    pub fn total(&self) -> usize {
        self.cases.len() * self.modes.len() * self.comparisons
    }
}

/// Sees a calibration grow.
pub trait LearnSink {
    /// A comparison was made; `done` so far.
    fn duel(&mut self, duel: &Duel, done: usize);

    /// A case cannot be measured.
    fn problem(&mut self, case: &str, reason: &str);

    /// A case is done in all modes, for this pair of processes: what was learned so far can be kept.
    fn keep(&mut self, calibration: &Calibration) -> Result<(), CalibrationError>;
}

/// What ends a calibration.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error(transparent)]
    Keep(#[from] CalibrationError),
}

/// Compares every case of a target with itself. When `stop` becomes true, what was learned so far is given, and says that
/// it is partial.
pub fn learn(
    target: &Target,
    limits: &WorkerLimits,
    plan: &LearnPlan,
    stop: &AtomicBool,
    sink: &mut dyn LearnSink,
) -> Result<Calibration, LearnError> {
    let processes = plan.processes.clamp(1, plan.comparisons.max(1));
    let mut calibration: Option<Calibration> = None;
    let mut done = 0;
    let mut refused: Vec<String> = Vec::new();
    for round in 0..processes {
        let mut sides = [Worker::start(target, limits)?, Worker::start(target, limits)?];
        let hello = sides[0].hello();
        let learned = calibration.get_or_insert_with(|| Calibration::new(hello, plan.pairs, processes));
        for case in &plan.cases {
            for &mode in &plan.modes {
                if refused.contains(case) {
                    continue;
                }
                let share = (round, share_of(plan.comparisons, processes, round));
                match compare_with_itself(&mut sides, case, mode, share, plan, stop, learned, &mut done, sink) {
                    Ok(()) => {}
                    Err(DuelError::Interrupted) => {
                        sink.keep(learned)?;
                        return Ok(calibration.expect("made above"));
                    }
                    Err(error) => {
                        let reason = format!("{error}{}", revive(&mut sides)?);
                        sink.problem(case, &reason);
                        learned.problems.push((case.clone(), reason));
                        refused.push(case.clone());
                    }
                }
            }
            sink.keep(learned)?;
        }
    }
    let mut calibration = calibration.expect("there is at least one pair of processes");
    calibration.partial = false;
    sink.keep(&calibration)?;
    Ok(calibration)
}

#[expect(clippy::too_many_arguments, reason = "one loop body, cut out to keep its caller readable")]
fn compare_with_itself(
    sides: &mut [Worker; 2],
    case: &str,
    mode: Mode,
    (round, comparisons): (usize, usize),
    plan: &LearnPlan,
    stop: &AtomicBool,
    learned: &mut Calibration,
    done: &mut usize,
    sink: &mut dyn LearnSink,
) -> Result<(), DuelError> {
    let thresholds = Thresholds::new(plan.least_effect, None);
    let duel_plan =
        DuelPlan { case, mode, thresholds: &thresholds, identical: Identical::Measure, pairs: Some(plan.pairs) };
    let [base, candidate] = sides;
    for _ in 0..comparisons {
        let duel = run_duel(base, candidate, &duel_plan, stop)?;
        let observed = duel.measured.as_ref().expect("identical code was to be measured");
        learned.add(&Learned { case, mode, processes: round, observed, decision: &duel.decision });
        *done += 1;
        sink.duel(&duel, *done);
    }
    Ok(())
}

/// Comparisons of one round when `all` are spread evenly.
fn share_of(all: usize, rounds: usize, round: usize) -> usize {
    all * (round + 1) / rounds - all * round / rounds
}

/// Starts fresh workers for those that ended. A sentence on what they found; an error if the device is not well.
fn revive(sides: &mut [Worker; 2]) -> Result<&'static str, WorkerError> {
    let mut told = "";
    for side in sides {
        match side.revive() {
            Revival::NotNeeded => {}
            Revival::DeviceAnswers => told = "; a fresh worker finds the device well",
            Revival::DeviceSilent(error) => return Err(error),
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_spread_evenly_over_the_rounds() {
        for (all, rounds) in [(10, 2), (7, 3), (5, 5), (3, 2)] {
            let shares: Vec<usize> = (0..rounds).map(|round| share_of(all, rounds, round)).collect();
            assert_eq!(shares.iter().sum::<usize>(), all);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "{shares:?}");
        }
    }
}

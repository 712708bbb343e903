//! Makes one case slower by wanted shares, and measures by how much it really is.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::backend::{DeviceInfo, KernelLibrary};
use crate::operation::Case;
use crate::profiling::Mode;
use crate::profiling::statistics::{Confidence, Interval, shift_of_pairs};
use crate::regression::calibration::{Calibration, CalibrationError, LearnPlan, LearnSink, learn};
use crate::regression::decision::Pair;
use crate::regression::injection::{AmountSearch, KernelFolder};
use crate::regression::interleave::{Duel, DuelError, Turns};
use crate::regression::worker::{Target, Unit, Worker, WorkerLimits};

use super::study::StudyError;

/// Shorter cases are left out, seconds: launching is too large a part of them.
const LEAST_SECONDS: f64 = 20e-6;

/// Comparisons of a case with itself that its noise is learned from, and how.
const NOISE_COMPARISONS: usize = 10;
const NOISE_PAIRS: usize = 12;
const NOISE_PROCESSES: usize = 2;

/// Pairs by which an amount is tried, and by which the one that is kept is measured once more.
const TRIAL_PAIRS: usize = 30;
const TRUE_PAIRS: usize = 100;

/// An amount is good when the change is this near to the wanted one, as a share of it.
const TOLERANCE: f64 = 0.1;

/// Amounts that are tried for one size before it is given up.
const MOST_TRIALS: usize = 14;

/// Core clock by which the first amount is guessed where the device does not tell, MHz.
const ASSUMED_CLOCK_MHZ: f64 = 1500.0;

/// A size of slow-down as it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct TunedSize {
    /// The relative change that was wanted.
    pub nominal: f64,
    /// Units of extra work in every block: clock cycles, on the emulator reads.
    pub amount: u32,
    /// The relative change that the case really has, and its 95 % interval.
    pub change: f64,
    pub interval: Option<Interval>,
    pub(super) kernels: PathBuf,
}

/// A case that is ready to be compared with itself and with slower ones.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedCase {
    pub case: String,
    pub unit: Unit,
    /// Seconds per launch, or steps.
    pub typical: f64,
    /// What its comparisons with itself stay below 99.9 % of the time; `None` of counts.
    pub noise: Option<f64>,
    pub sizes: Vec<TunedSize>,
    pub(super) kernels: PathBuf,
}

/// What is needed to prepare cases.
pub(super) struct Workshop<'a> {
    pub template: &'a Target,
    pub limits: &'a WorkerLimits,
    pub library: &'a KernelLibrary,
    pub device: &'a DeviceInfo,
    pub mode: Mode,
    pub stop: &'a AtomicBool,
}

/// A case ready for the study, or why it is left out.
pub(super) enum Preparation {
    Ready(PreparedCase),
    LeftOut(String),
}

impl Workshop<'_> {
    /// The target with the kernels of a folder.
    pub fn target(&self, label: &str, kernels: &Path) -> Target {
        Target { label: label.to_string(), kernels: Some(kernels.to_path_buf()), ..self.template.clone() }
    }

    /// Learns the case's noise, then finds the amount of work for each size. `told` hears what is being done.
    pub fn prepare(
        &self,
        case: &Case,
        folder: &Path,
        sizes: &[f64],
        told: &mut dyn FnMut(&str),
    ) -> Result<Preparation, StudyError> {
        let id = case.id();
        told(&format!("{id}: noise"));
        let kernels = folder.join("unchanged");
        KernelFolder::write(&kernels, self.library, self.device, case, None)?;
        let base_target = self.target("base", &kernels);
        let calibration = self.learn_noise(&id, &base_target)?;
        let Some(known) = calibration.cases.first() else {
            let reason = calibration.problems.first().map_or("stopped", |(_, reason)| reason);
            return Ok(Preparation::LeftOut(reason.to_string()));
        };
        if known.unit == Unit::Seconds && known.typical < LEAST_SECONDS {
            let us = 1e6 * known.typical;
            return Ok(Preparation::LeftOut(format!("it takes {us:.1} µs; only cases over 20 µs are studied")));
        }
        let (unit, typical, noise) = (known.unit, known.typical, known.noise.filter(|_| known.unit == Unit::Seconds));
        let mut base = Worker::start(&base_target, self.limits)?;
        let mut search = AmountSearch::default();
        let mut tuned = Vec::new();
        for &nominal in sizes {
            told(&format!("{id}: a slow-down of {} %", 100.0 * nominal));
            let guess = self.guess(case, unit, typical, nominal);
            match self.tune(case, folder, nominal, guess, &mut base, &mut search)? {
                Some(size) => tuned.push(size),
                None => {
                    return Ok(Preparation::LeftOut(format!("no amount of work slows it by {} %", 100.0 * nominal)));
                }
            }
        }
        Ok(Preparation::Ready(PreparedCase { case: id, unit, typical, noise, sizes: tuned, kernels }))
    }

    fn learn_noise(&self, case: &str, target: &Target) -> Result<Calibration, StudyError> {
        let emulated = self.device.emulated;
        let plan = LearnPlan {
            cases: vec![case.to_string()],
            modes: vec![self.mode],
            comparisons: if emulated { 1 } else { NOISE_COMPARISONS },
            pairs: NOISE_PAIRS,
            processes: if emulated { 1 } else { NOISE_PROCESSES },
            least_effect: 0.0,
        };
        Ok(learn(target, self.limits, &plan, self.stop, &mut Unheard)?)
    }

    /// An amount to begin with: every block does the work, at best all of them at once.
    fn guess(&self, case: &Case, unit: Unit, typical: f64, nominal: f64) -> u32 {
        let amount = match unit {
            Unit::Seconds => typical * ASSUMED_CLOCK_MHZ * 1e6 * nominal,
            Unit::Steps => {
                let plan = case.operation.plan(self.device, &case.problem).unwrap_or_default();
                let blocks = plan.launches().next_back().map_or(1, |launch| launch.dimensions.blocks()).max(1);
                // A read and a turn of the loop.
                typical * nominal / (2.0 * blocks as f64)
            }
        };
        // A float beyond the range of an integer becomes its largest value.
        amount.ceil() as u32
    }

    fn tune(
        &self,
        case: &Case,
        folder: &Path,
        nominal: f64,
        guess: u32,
        base: &mut Worker,
        search: &mut AmountSearch,
    ) -> Result<Option<TunedSize>, StudyError> {
        for _ in 0..MOST_TRIALS {
            let Some(amount) = search.next(nominal, guess) else { return Ok(None) };
            let kernels = folder.join(format!("amount-{amount}"));
            KernelFolder::write(&kernels, self.library, self.device, case, Some(amount))?;
            let mut slower = Worker::start(&self.target("candidate", &kernels), self.limits)?;
            let near = |change: f64| (change / nominal - 1.0).abs() <= TOLERANCE;
            let (tried, _) = self.change(case, base, &mut slower, TRIAL_PAIRS)?;
            search.add(amount, tried);
            if !near(tried) {
                continue;
            }
            let (change, interval) = self.change(case, base, &mut slower, TRUE_PAIRS)?;
            search.add(amount, change);
            if near(change) {
                return Ok(Some(TunedSize { nominal, amount, change, interval, kernels }));
            }
        }
        Ok(None)
    }

    /// The relative change from one worker to another over so many pairs, with its 95 % interval.
    fn change(
        &self,
        case: &Case,
        base: &mut Worker,
        slower: &mut Worker,
        pairs: usize,
    ) -> Result<(f64, Option<Interval>), DuelError> {
        let id = case.id();
        let mut turns = Turns::new(base, slower, &id, self.mode, self.stop);
        turns.verify()?;
        turns.take(pairs)?;
        let ratios: Vec<f64> = turns.pairs.iter().map(|Pair { base, candidate }| (candidate / base).ln()).collect();
        let shift = shift_of_pairs(&ratios, Confidence::NINETY_FIVE_PERCENT).expect("pairs were taken");
        let interval =
            shift.interval.map(|interval| Interval { low: interval.low.exp_m1(), high: interval.high.exp_m1() });
        Ok((shift.estimate.exp_m1(), interval))
    }
}

/// The noise of one case is learned in seconds: nobody needs to hear of it.
struct Unheard;

impl LearnSink for Unheard {
    fn duel(&mut self, _duel: &Duel, _done: usize) {}

    fn problem(&mut self, _case: &str, _reason: &str) {}

    fn keep(&mut self, _calibration: &Calibration) -> Result<(), CalibrationError> {
        Ok(())
    }
}

//! Blocks in turn, and pairs of their medians.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::backend::telemetry::TelemetryReading;
use crate::profiling::statistics::{mean, median, sorted};
use crate::profiling::{Mode, Throttle, throttled};
use crate::regression::decision::{ClockPair, Pair, SideClock};
use crate::regression::worker::{Block, BlockRequest, Unit, WorkerError};

use super::side::Side;

/// Accepted samples in a block, at least.
const LEAST_SAMPLES: usize = 8;

/// Seconds that a block's samples take, flushes included, at least. Shorter blocks would be spent on switching
/// between processes and fresh buffers.
const LEAST_SECONDS: f64 = 3e-3;

/// Seconds of launches before a side's first block: clocks have risen then. Later blocks follow closely, and launch
/// over each of their buffers once.
const FIRST_WARM_UP: f64 = 10e-3;

/// Stretches of blocks that are discarded because the device was throttled; the next one counts whatever happens.
const MOST_DISCARDED: u32 = 2;

/// How long a throttled device is left alone, as the kernel timer does.
const RECOVERY: Duration = Duration::from_millis(50);

/// Which of the two a block or an error is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Base,
    Candidate,
}

/// What ends a comparison without a verdict.
#[derive(Debug, thiserror::Error)]
pub enum DuelError {
    /// One side gave no block; the other is well.
    #[error(transparent)]
    Side(#[from] SideError),
    #[error("stopped; run the command again to measure the case")]
    Interrupted,
    #[error("{base} counts {} and {candidate} {}; give both the same --device", base_unit.name(), candidate_unit.name())]
    UnitsDiffer { base: String, base_unit: Unit, candidate: String, candidate_unit: Unit },
}

/// An error with the side that it is of.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct SideError {
    pub role: Role,
    pub source: WorkerError,
}

impl Role {
    fn error(self, source: WorkerError) -> DuelError {
        SideError { role: self, source }.into()
    }
}

/// What was seen of one side beside its medians.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SideRecord {
    /// Accepted samples of the blocks that count.
    pub samples: usize,
    /// Samples that were not positive, in the blocks that count.
    pub rejected: u32,
    /// Looks at the device while this side worked.
    pub looks: Vec<TelemetryReading>,
}

impl SideRecord {
    /// Mean core clock over the looks at a busy device, MHz; `None` where it does not say.
    pub fn core_clock_mhz(&self) -> Option<f64> {
        let busy = self.looks.iter().filter(|look| look.idle != Some(true));
        let clocks: Vec<f64> = busy.filter_map(|look| look.core_clock_mhz).collect();
        mean(&clocks)
    }

    /// Mean rate of a dependent chain over the looks, steps per microsecond; `None` where it was not measured.
    pub fn chain_steps_per_us(&self) -> Option<f64> {
        let rates: Vec<f64> = self.looks.iter().filter_map(|look| look.chain_steps_per_us).collect();
        mean(&rates)
    }

    fn clock(&self) -> SideClock {
        SideClock { steps_per_us: self.chain_steps_per_us(), said_mhz: self.core_clock_mhz() }
    }
}

/// Two sides that take turns at one case in one mode.
pub struct Turns<'a> {
    base: &'a mut dyn Side,
    candidate: &'a mut dyn Side,
    case: &'a str,
    mode: Mode,
    stop: &'a AtomicBool,
    /// Launches in a hot sample, as the first block chose them.
    launches: Option<u32>,
    warmed_up: [bool; 2],
    unit: Option<Unit>,
    pub pairs: Vec<Pair>,
    pub records: [SideRecord; 2],
    /// Stretches of blocks that were discarded because the device was throttled.
    pub discarded: u32,
    /// What held the device back in a stretch that counts all the same.
    pub throttle: Option<Throttle>,
}

impl<'a> Turns<'a> {
    pub fn new(
        base: &'a mut dyn Side,
        candidate: &'a mut dyn Side,
        case: &'a str,
        mode: Mode,
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            base,
            candidate,
            case,
            mode,
            stop,
            launches: None,
            warmed_up: [false; 2],
            unit: None,
            pairs: Vec::new(),
            records: Default::default(),
            discarded: 0,
            throttle: None,
        }
    }

    /// What the values are, once there are any.
    pub fn unit(&self) -> Option<Unit> {
        self.unit
    }

    pub fn clocks(&self) -> ClockPair {
        let [base, candidate] = &self.records;
        ClockPair { base: base.clock(), candidate: candidate.clock() }
    }

    /// Has the case verified on both sides.
    pub fn verify(&mut self) -> Result<(), DuelError> {
        for role in [Role::Base, Role::Candidate] {
            let case = self.case;
            self.side(role).verify(case).map_err(|error| role.error(error))?;
            self.heed_stop()?;
        }
        Ok(())
    }

    /// Whether both sides would run the same code with the same arguments.
    pub fn identical(&mut self) -> Result<bool, DuelError> {
        let base = self.base.identity(self.case).map_err(|error| Role::Base.error(error))?;
        let candidate = self.candidate.identity(self.case).map_err(|error| Role::Candidate.error(error))?;
        Ok(base == candidate)
    }

    /// Goes on until there are `count` pairs. Steps do not vary: two pairs are enough to see that, and more are never
    /// taken.
    pub fn take(&mut self, count: usize) -> Result<(), DuelError> {
        let wanted = if self.base.is_emulated() { count.min(2) } else { count };
        match wanted.saturating_sub(self.pairs.len()) {
            0 => Ok(()),
            missing => self.stretch(missing),
        }
    }

    /// Takes `count` pairs between looks at the device. When it was throttled meanwhile, all of them are discarded and
    /// taken again, a bounded number of times.
    fn stretch(&mut self, count: usize) -> Result<(), DuelError> {
        for attempt in 0.. {
            let taken = self.attempt(count, attempt > 0)?;
            let throttle = self.throttled(&taken.records);
            if throttle.is_some() && attempt < MOST_DISCARDED {
                self.discarded += 1;
                std::thread::sleep(RECOVERY);
                continue;
            }
            self.throttle = self.throttle.or(throttle);
            self.pairs.extend(taken.pairs);
            for (record, taken) in self.records.iter_mut().zip(taken.records) {
                record.samples += taken.samples;
                record.rejected += taken.rejected;
                record.looks.extend(taken.looks);
            }
            break;
        }
        Ok(())
    }

    /// The look that ended a side's last stretch begins its next one, unless `look_again`: blocks that do not count
    /// lie between.
    fn attempt(&mut self, count: usize, look_again: bool) -> Result<Taken, DuelError> {
        let first = self.pairs.len();
        let order: Vec<Role> = (first..first + count).flat_map(order_of_pair).collect();
        let at = |role: Role| order.iter().position(|other| *other == role);
        let end = |role: Role| order.iter().rposition(|other| *other == role);
        let mut taken = Taken::default();
        let mut medians: Vec<f64> = Vec::with_capacity(order.len());
        for (place, &role) in order.iter().enumerate() {
            let unseen = look_again || self.records[role as usize].looks.is_empty();
            let block = self.block(role, unseen && at(role) == Some(place), end(role) == Some(place))?;
            let middle = median(&sorted(&block.values)).unwrap_or(f64::NAN);
            let record = &mut taken.records[role as usize];
            record.samples += block.values.len();
            record.rejected += block.rejected;
            record.looks.extend(block.before.into_iter().chain(block.after));
            medians.push(middle);
        }
        taken.pairs = medians
            .chunks(2)
            .zip(order.chunks(2))
            .map(|(medians, roles)| match roles[0] {
                Role::Base => Pair { base: medians[0], candidate: medians[1] },
                Role::Candidate => Pair { base: medians[1], candidate: medians[0] },
            })
            .collect();
        Ok(taken)
    }

    fn block(&mut self, role: Role, look_before: bool, look_after: bool) -> Result<Block, DuelError> {
        self.heed_stop()?;
        let warmed_up = std::mem::replace(&mut self.warmed_up[role as usize], true);
        let request = BlockRequest {
            case: self.case.to_string(),
            mode: self.mode,
            least_samples: LEAST_SAMPLES,
            least_seconds: LEAST_SECONDS,
            warm_up_seconds: if warmed_up { 0.0 } else { FIRST_WARM_UP },
            launches: self.launches,
            look_before,
            look_after,
            full_check: look_after,
        };
        let block = self.side(role).block(&request).map_err(|error| role.error(error))?;
        if self.mode == Mode::Hot {
            self.launches = Some(block.launches);
        }
        let unit = *self.unit.get_or_insert(block.unit);
        if unit != block.unit {
            let (base, candidate) = (self.base.label().to_string(), self.candidate.label().to_string());
            let (base_unit, candidate_unit) = match role {
                Role::Base => (block.unit, unit),
                Role::Candidate => (unit, block.unit),
            };
            return Err(DuelError::UnitsDiffer { base, base_unit, candidate, candidate_unit });
        }
        Ok(block)
    }

    /// Whether the device was held back between a side's first and last look of a stretch.
    fn throttled(&self, records: &[SideRecord; 2]) -> Option<Throttle> {
        let sides: [&dyn Side; 2] = [&*self.base, &*self.candidate];
        sides.iter().zip(records).zip(&self.records).find_map(|((side, record), earlier)| {
            let (before, after) = match record.looks.as_slice() {
                [after] => (earlier.looks.last()?, after),
                [before, .., after] => (before, after),
                [] => return None,
            };
            throttled(before, after, &side.telemetry())
        })
    }

    fn side(&mut self, role: Role) -> &mut dyn Side {
        match role {
            Role::Base => self.base,
            Role::Candidate => self.candidate,
        }
    }

    fn heed_stop(&self) -> Result<(), DuelError> {
        if self.stop.load(Ordering::Relaxed) { Err(DuelError::Interrupted) } else { Ok(()) }
    }
}

/// The pairs of one stretch, and what was seen meanwhile.
#[derive(Default)]
struct Taken {
    pairs: Vec<Pair>,
    records: [SideRecord; 2],
}

/// A B, B A, A B, …: whatever drifts evenly adds up to nothing over two pairs.
fn order_of_pair(pair: usize) -> [Role; 2] {
    if pair.is_multiple_of(2) { [Role::Base, Role::Candidate] } else { [Role::Candidate, Role::Base] }
}

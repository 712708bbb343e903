//! From turns to a verdict.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::profiling::{Mode, Throttle};
use crate::regression::decision::{
    Decision, Look, Pair, Reason, Thresholds, Verdict, confirm_by_clocks, decide_pairs, looks,
};
use crate::regression::worker::Unit;

use super::side::Side;
use super::turns::{DuelError, SideRecord, Turns};

/// What to do about two sides with the same code and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identical {
    /// They are the same by construction; nothing is measured.
    Trust,
    /// Measure them all the same: that is what an A/A comparison is for.
    Measure,
}

/// What is compared, and how.
#[derive(Clone, Copy, Debug)]
pub struct DuelPlan<'a> {
    /// The id of the case.
    pub case: &'a str,
    pub mode: Mode,
    /// For times. On the emulator its least effect holds for exact counts.
    pub thresholds: &'a Thresholds,
    pub identical: Identical,
    /// Take so many pairs and decide once; `None` looks after 6, 12, 20 and 30 of them.
    pub pairs: Option<usize>,
}

/// A comparison of two sides at one case in one mode.
#[derive(Clone, Debug, PartialEq)]
pub struct Duel {
    pub case: String,
    pub mode: Mode,
    pub decision: Decision,
    /// `None` where nothing was measured, because the code is identical.
    pub measured: Option<Observed>,
    /// Wall seconds of the whole comparison, verification included.
    pub seconds: f64,
}

/// What a duel measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub unit: Unit,
    /// In the order they were taken.
    pub pairs: Vec<Pair>,
    pub base: SideRecord,
    pub candidate: SideRecord,
    /// Stretches of blocks that were discarded because the device was throttled.
    pub discarded: u32,
    /// What held the device back in blocks that count all the same.
    pub throttle: Option<Throttle>,
}

/// Compares two sides: A B B A … until a look decides or there are no more. Code that is identical is SAME without a
/// measurement.
pub fn duel(
    base: &mut dyn Side,
    candidate: &mut dyn Side,
    case: &str,
    mode: Mode,
    thresholds: &Thresholds,
    stop: &AtomicBool,
) -> Result<Duel, DuelError> {
    run_duel(base, candidate, &DuelPlan { case, mode, thresholds, identical: Identical::Trust, pairs: None }, stop)
}

/// The same, by a plan.
pub fn run_duel(
    base: &mut dyn Side,
    candidate: &mut dyn Side,
    plan: &DuelPlan<'_>,
    stop: &AtomicBool,
) -> Result<Duel, DuelError> {
    let start = Instant::now();
    let DuelPlan { case, mode, thresholds, identical, pairs } = *plan;
    let finish = |decision, measured| Duel {
        case: case.to_string(),
        mode,
        decision,
        measured,
        seconds: start.elapsed().as_secs_f64(),
    };
    let mut turns = Turns::new(base, candidate, case, mode, stop);
    turns.verify()?;
    if identical == Identical::Trust && turns.identical()? {
        return Ok(finish(Decision::unmeasured(Verdict::Same, Reason::IdenticalCode), None));
    }
    let mut decision = Decision::unmeasured(Verdict::Underpowered, Reason::NoValues);
    let one = pairs.map(|pairs| Look { pairs, confidence: thresholds.confidence, alarm: thresholds.alarm });
    for look in one.as_ref().map_or(looks(), std::slice::from_ref) {
        turns.take(look.pairs)?;
        if turns.unit() == Some(Unit::Steps) {
            decision = decide_pairs(&turns.pairs, &Thresholds::of_counts(thresholds.least_effect));
            break;
        }
        decision = decide_pairs(&turns.pairs, &thresholds.at(look));
        if decision.verdict.is_decided() {
            break;
        }
    }
    decision = confirm_by_clocks(decision, &turns.clocks());
    if turns.throttle.is_some() {
        decision = decision.noting(Reason::Throttled);
    }
    let unit = turns.unit().unwrap_or(Unit::Seconds);
    let Turns { pairs, records: [base, candidate], discarded, throttle, .. } = turns;
    Ok(finish(decision, Some(Observed { unit, pairs, base, candidate, discarded, throttle })))
}

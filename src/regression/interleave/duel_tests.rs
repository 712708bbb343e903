//! Duels between sides that measure nothing but a script.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::backend::telemetry::{TelemetryFacts, TelemetryReading, ThrottleReason};
use crate::operation::CodeIdentity;
use crate::profiling::Mode;
use crate::profiling::statistics::SplitMix64;
use crate::regression::decision::{Reason, Thresholds, Verdict, looks};
use crate::regression::worker::{Block, BlockRequest, ChildEnd, Unit, WorkerError};

/// What both sides of a duel share.
#[derive(Default)]
struct World {
    /// Blocks so far: who, and what was asked.
    log: Vec<(&'static str, BlockRequest)>,
    /// Looks so far; those with these numbers find the device throttled.
    looks: usize,
    throttled_looks: Vec<usize>,
}

struct Scripted {
    label: &'static str,
    world: Rc<RefCell<World>>,
    random: SplitMix64,
    /// Seconds of a launch, or steps.
    value: f64,
    /// Relative spread of samples.
    spread: f64,
    /// Relative change of everything per block, whoever measures it.
    drift: f64,
    unit: Unit,
    identity: CodeIdentity,
    /// The block in which this side crashes.
    crash_at: Option<usize>,
}

fn identity(text: &str) -> CodeIdentity {
    serde_json::from_value(serde_json::Value::from(text)).expect("a text")
}

fn sides(base: f64, candidate: f64) -> (Scripted, Scripted, Rc<RefCell<World>>) {
    let world: Rc<RefCell<World>> = Rc::default();
    let side = |label: &'static str, value, seed| Scripted {
        label,
        world: world.clone(),
        random: SplitMix64::new(seed),
        value,
        spread: 0.004,
        drift: 0.0,
        unit: Unit::Seconds,
        identity: identity(label),
        crash_at: None,
    };
    (side("base", base, 1), side("candidate", candidate, 2), world.clone())
}

impl Scripted {
    fn look(&self) -> TelemetryReading {
        let mut world = self.world.borrow_mut();
        world.looks += 1;
        let reasons = if world.throttled_looks.contains(&world.looks) { vec![ThrottleReason::Thermal] } else { vec![] };
        TelemetryReading {
            core_clock_mhz: Some(1980.0),
            idle: Some(false),
            throttle_reasons: Some(reasons),
            ..TelemetryReading::default()
        }
    }
}

impl Side for Scripted {
    fn label(&self) -> &str {
        self.label
    }

    fn verify(&mut self, _case: &str) -> Result<(), WorkerError> {
        Ok(())
    }

    fn identity(&mut self, _case: &str) -> Result<CodeIdentity, WorkerError> {
        Ok(self.identity.clone())
    }

    fn block(&mut self, request: &BlockRequest) -> Result<Block, WorkerError> {
        let number = self.world.borrow().log.len();
        self.world.borrow_mut().log.push((self.label, request.clone()));
        if self.crash_at.is_some_and(|at| number >= at) {
            return Err(WorkerError::Ended {
                label: self.label.to_string(),
                doing: "measuring".to_string(),
                end: ChildEnd::Crashed { signal: libc::SIGSEGV },
                stderr: String::new(),
            });
        }
        let before = request.look_before.then(|| self.look());
        let scale = 1.0 + self.drift * number as f64;
        let count = if self.unit == Unit::Steps { 1 } else { request.least_samples };
        let values =
            (0..count).map(|_| self.value * scale * (1.0 + self.spread * (self.random.uniform() - 0.5))).collect();
        Ok(Block {
            unit: self.unit,
            values,
            rejected: 1,
            launches: request.launches.unwrap_or(7),
            before,
            after: request.look_after.then(|| self.look()),
            checked_launches: count as u64,
        })
    }

    fn is_emulated(&self) -> bool {
        self.unit == Unit::Steps
    }

    fn telemetry(&self) -> TelemetryFacts {
        TelemetryFacts::default()
    }
}

static GO: AtomicBool = AtomicBool::new(false);

fn thresholds() -> Thresholds {
    Thresholds::new(0.01, Some(0.005))
}

fn fight(base: &mut Scripted, candidate: &mut Scripted) -> Duel {
    duel(base, candidate, "case", Mode::Cold, &thresholds(), &GO).expect("both sides answer")
}

fn order(world: &RefCell<World>) -> String {
    world.borrow().log.iter().map(|(label, _)| if *label == "base" { 'A' } else { 'B' }).collect()
}

#[test]
fn sides_take_turns_and_a_clear_difference_is_told_at_the_second_look() {
    let (mut base, mut candidate, world) = sides(50e-6, 51.5e-6);
    let duel = fight(&mut base, &mut candidate);
    assert_eq!(duel.decision.verdict, Verdict::Slower);
    assert!((duel.decision.shift.unwrap() - 0.03).abs() < 0.003);
    assert_eq!(order(&world), "ABBA".repeat(6));
    let measured = duel.measured.unwrap();
    assert_eq!((measured.pairs.len(), measured.unit, measured.discarded), (looks()[1].pairs, Unit::Seconds, 0));
    assert_eq!((measured.base.samples, measured.candidate.rejected), (12 * 8, 12));
    assert_eq!(measured.base.core_clock_mhz(), Some(1980.0));
    // One look before everything and one at the end of each stretch, on each side.
    assert_eq!(world.borrow().looks, 2 * 3);
}

#[test]
fn equal_sides_are_the_same_after_the_first_look_even_if_everything_drifts() {
    for drift in [0.0, 0.002] {
        let (mut base, mut candidate, world) = sides(50e-6, 50e-6);
        (base.drift, candidate.drift) = (drift, drift);
        (base.spread, candidate.spread) = (0.001, 0.001);
        let duel = fight(&mut base, &mut candidate);
        assert_eq!(duel.decision.verdict, Verdict::Same, "drift {drift}: {:?}", duel.decision);
        assert_eq!(order(&world).len(), 2 * looks()[0].pairs);
    }
}

#[test]
fn a_thousand_comparisons_of_equal_sides_raise_no_alarm() {
    let mut alarms = 0;
    for seed in 0..1000 {
        let (mut base, mut candidate, _) = sides(50e-6, 50e-6);
        (base.random, candidate.random) = (SplitMix64::new(2 * seed), SplitMix64::new(2 * seed + 1));
        (base.spread, candidate.spread) = (0.05, 0.05);
        alarms += u32::from(fight(&mut base, &mut candidate).decision.verdict.is_change());
    }
    assert_eq!(alarms, 0);
}

#[test]
fn only_the_first_block_of_a_side_warms_up_and_hot_launches_are_the_same_on_both() {
    let (mut base, mut candidate, world) = sides(50e-6, 50e-6);
    duel(&mut base, &mut candidate, "case", Mode::Hot, &thresholds(), &GO).unwrap();
    let world = world.borrow();
    let warm: Vec<bool> = world.log.iter().map(|(_, request)| request.warm_up_seconds > 0.0).collect();
    assert_eq!(warm[..4], [true, true, false, false]);
    assert!(!warm[4..].contains(&true));
    let launches: Vec<Option<u32>> = world.log.iter().map(|(_, request)| request.launches).collect();
    assert_eq!(launches[0], None);
    assert!(launches[1..].iter().all(|launches| *launches == Some(7)));
}

#[test]
fn identical_code_is_the_same_without_a_block_unless_it_is_to_be_measured() {
    let (mut base, mut candidate, world) = sides(50e-6, 50e-6);
    candidate.identity = base.identity.clone();
    let trusted = fight(&mut base, &mut candidate);
    assert_eq!(
        (trusted.decision.verdict, &trusted.decision.reasons[..]),
        (Verdict::Same, &[Reason::IdenticalCode][..])
    );
    assert_eq!((trusted.measured, order(&world).as_str()), (None, ""));
    let plan = DuelPlan {
        case: "case",
        mode: Mode::Cold,
        thresholds: &thresholds(),
        identical: Identical::Measure,
        pairs: None,
    };
    assert!(run_duel(&mut base, &mut candidate, &plan, &GO).unwrap().measured.is_some());
}

#[test]
fn steps_need_two_pairs_and_are_exact() {
    let (mut base, mut candidate, world) = sides(100_000.0, 101_000.0);
    for side in [&mut base, &mut candidate] {
        (side.unit, side.spread) = (Unit::Steps, 0.0);
    }
    let exact = |base: &mut Scripted, candidate: &mut Scripted, least: f64| {
        duel(base, candidate, "case", Mode::Cold, &Thresholds::new(least, None), &GO).unwrap().decision
    };
    assert_eq!(exact(&mut base, &mut candidate, 0.009).verdict, Verdict::Slower);
    assert_eq!(order(&world), "ABBA");
    assert_eq!(exact(&mut base, &mut candidate, 0.01).verdict, Verdict::Same);
    candidate.spread = 0.001;
    let varying = exact(&mut base, &mut candidate, 0.01);
    assert_eq!((varying.verdict, varying.reasons[0]), (Verdict::Ambiguous, Reason::CountsVary));
}

#[test]
fn throttled_blocks_are_discarded_on_both_sides_and_taken_again() {
    let (mut base, mut candidate, world) = sides(50e-6, 50e-6);
    (base.spread, candidate.spread) = (0.001, 0.001);
    // The third look is the first one that ends a stretch.
    world.borrow_mut().throttled_looks = vec![3];
    let duel = fight(&mut base, &mut candidate);
    let measured = duel.measured.unwrap();
    assert_eq!((measured.discarded, measured.throttle, measured.pairs.len()), (1, None, 6));
    assert_eq!(order(&world), "ABBAABBAABBA".repeat(2), "the same six pairs twice");
    assert_eq!(world.borrow().looks, 8, "each attempt looks before and after");
    assert!(!duel.decision.reasons.contains(&Reason::Throttled));
}

#[test]
fn a_device_that_is_always_throttled_gives_a_verdict_that_says_so() {
    let (mut base, mut candidate, world) = sides(50e-6, 50e-6);
    (base.spread, candidate.spread) = (0.001, 0.001);
    world.borrow_mut().throttled_looks = (0..1000).collect();
    let duel = fight(&mut base, &mut candidate);
    let measured = duel.measured.unwrap();
    assert_eq!((measured.discarded, measured.pairs.len()), (2, 6));
    assert!(measured.throttle.is_some() && duel.decision.reasons.contains(&Reason::Throttled));
}

#[test]
fn a_side_that_ends_is_named_and_a_stop_is_heeded_between_blocks() {
    let (mut base, mut candidate, _) = sides(50e-6, 50e-6);
    candidate.crash_at = Some(5);
    match duel(&mut base, &mut candidate, "case", Mode::Cold, &thresholds(), &GO) {
        Err(DuelError::Side(error)) => {
            assert_eq!(error.role, Role::Candidate);
            assert_eq!(error.source.end(), Some(&ChildEnd::Crashed { signal: libc::SIGSEGV }));
        }
        other => panic!("{other:?}"),
    }
    let (mut base, mut candidate, world) = sides(50e-6, 50e-6);
    let stopped = duel(&mut base, &mut candidate, "case", Mode::Cold, &thresholds(), &AtomicBool::new(true));
    assert!(matches!(stopped, Err(DuelError::Interrupted)));
    assert_eq!(order(&world), "");
}

#[test]
fn seconds_and_steps_are_never_compared() {
    let (mut base, mut candidate, _) = sides(50e-6, 50e-6);
    candidate.unit = Unit::Steps;
    let outcome = duel(&mut base, &mut candidate, "case", Mode::Cold, &thresholds(), &GO);
    let error = outcome.expect_err("units differ").to_string();
    assert!(error.contains("base counts seconds and candidate steps"), "{error}");
}

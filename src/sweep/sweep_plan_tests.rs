//! Plans against simulated sweeps whose costs differ from what was predicted.

use super::case_cost::CaseCost;
use super::sweep_plan::{Spent, SweepPlan, Use};

const MODES: usize = 2;
const LEAST_SAMPLES: usize = 10;
/// Seconds that a mode may sample for without a budget.
const CEILING: f64 = 1.0;

/// One case as it will turn out.
#[derive(Clone, Copy)]
struct Truth {
    predicted: CaseCost,
    fixed: f64,
    sample: f64,
    /// Samples until the stop rule is content.
    needed: f64,
}

impl Truth {
    fn run(&self, limit: f64) -> Spent {
        let least = LEAST_SAMPLES as f64 * self.sample;
        let wanted = self.needed * self.sample;
        let seconds = wanted.min(limit).max(least);
        let uses = vec![Use { seconds, cut: wanted > limit }; MODES];
        let samples = (MODES as f64 * seconds / self.sample).round() as usize;
        Spent { seconds: self.fixed + MODES as f64 * seconds, uses, samples }
    }
}

/// Evenly spread over 0 to 1 and the same every time: multiples of the golden ratio.
fn spread(index: usize) -> f64 {
    (index as f64 * 0.618_033_988_749_894_9).fract()
}

/// Costs span a factor of 100; predictions are off by a constant factor and by up to a third each. Some cases are
/// content after a dozen samples, others never.
fn cases(count: usize, fixed_factor: f64, sample_factor: f64) -> Vec<Truth> {
    let case = |index: usize| {
        let predicted = CaseCost {
            fixed: 0.01 * 100f64.powf(spread(index * 3 + 1)),
            sample: 1e-4 * 100f64.powf(spread(index * 5 + 2)),
        };
        let noise = |salt: usize| 0.67 + 0.66 * spread(index * 11 + salt);
        Truth {
            predicted,
            fixed: predicted.fixed * fixed_factor * noise(7),
            sample: predicted.sample * sample_factor * noise(4),
            needed: 12.0 * 1000f64.powf(spread(index * 7 + 6)),
        }
    };
    (0..count).map(case).collect()
}

fn plan(cases: &[Truth]) -> SweepPlan {
    SweepPlan::new(cases.iter().map(|case| case.predicted).collect(), MODES, LEAST_SAMPLES, CEILING)
}

struct Outcome {
    seconds: f64,
    unreached: usize,
    /// The limit that each measured case had.
    limits: Vec<f64>,
}

/// What `Sweep::run` does, on a simulated clock.
fn sweep(cases: &[Truth], budget: f64) -> Outcome {
    let mut plan = plan(cases);
    let mut outcome = Outcome { seconds: 0.0, unreached: 0, limits: Vec::new() };
    for (position, case) in cases.iter().enumerate() {
        let left = budget - outcome.seconds;
        if plan.least_of(position) > left {
            plan.give_up(position);
            outcome.unreached += 1;
            continue;
        }
        let limit = plan.limit(left);
        let spent = case.run(limit);
        outcome.seconds += spent.seconds;
        outcome.limits.push(limit);
        plan.finish(position, &spent);
    }
    outcome
}

fn whole(cases: &[Truth], limit: f64) -> f64 {
    cases.iter().map(|case| case.run(limit).seconds).sum()
}

#[test]
fn a_sweep_fits_its_budget_and_uses_it_whatever_the_predictions_were_worth() {
    for (fixed_factor, sample_factor) in [(1.0, 1.0), (0.3, 3.0), (2.0, 0.4)] {
        let cases = cases(400, fixed_factor, sample_factor);
        let (least, most) = (whole(&cases, 0.0), whole(&cases, CEILING));
        for share in [0.2, 0.5, 0.8] {
            let budget = least + share * (most - least);
            let outcome = sweep(&cases, budget);
            let note =
                format!("factors {fixed_factor} and {sample_factor}, budget {budget:.1} s of {least:.1} to {most:.1}");
            assert_eq!(outcome.unreached, 0, "{note}");
            assert!(outcome.seconds <= budget, "{note}: took {:.1} s", outcome.seconds);
            assert!(outcome.seconds >= 0.85 * budget, "{note}: took only {:.1} s", outcome.seconds);
        }
    }
}

#[test]
fn with_time_for_everything_nothing_is_limited() {
    let cases = cases(100, 1.0, 1.0);
    let outcome = sweep(&cases, 10.0 * whole(&cases, CEILING));
    assert!(outcome.limits.iter().all(|limit| *limit == CEILING));
}

#[test]
fn too_small_a_budget_is_known_before_and_leaves_cases_out_instead_of_running_over() {
    let cases = cases(200, 1.0, 1.0);
    let least = plan(&cases).least();
    assert!((0.8..1.25).contains(&(least / whole(&cases, 0.0))), "{least}");
    let budget = 0.4 * least;
    let outcome = sweep(&cases, budget);
    assert!(outcome.unreached > 0 && outcome.limits.len() + outcome.unreached == cases.len());
    assert!(outcome.limits.iter().take(50).all(|limit| *limit == 0.0), "the fewest samples from the start");
    // The last case may take longer than it was thought to.
    assert!(outcome.seconds < 1.05 * budget, "{} of {budget}", outcome.seconds);
    assert_eq!(sweep(&cases, 0.0).unreached, cases.len());
}

#[test]
fn from_a_quarter_of_the_work_on_the_estimate_is_within_a_fifth() {
    for (fixed_factor, sample_factor) in [(1.0, 1.0), (0.3, 3.0), (4.0, 0.2)] {
        let cases = cases(1000, fixed_factor, sample_factor);
        let mut plan = plan(&cases);
        let total = whole(&cases, CEILING);
        let mut passed = 0.0;
        for (position, case) in cases.iter().enumerate() {
            let spent = case.run(CEILING);
            passed += spent.seconds;
            plan.finish(position, &spent);
            let ratio = plan.expected(CEILING) / (total - passed);
            if (0.25..0.9).contains(&(passed / total)) {
                assert!((0.8..1.2).contains(&ratio), "{ratio:.2} of the truth after {:.2}", passed / total);
            }
        }
        assert_eq!(plan.expected(CEILING), 0.0);
    }
}

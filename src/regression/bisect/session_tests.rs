//! Whole searches with a grader that knows the truth and adds noise to it.

use std::io;

use proptest::prelude::*;

use super::*;
use crate::profiling::statistics::{Interval, SplitMix64};

/// What a commit truly is.
#[derive(Clone, Debug)]
enum Truth {
    /// Log cost.
    Level(f64),
    Broken,
    /// A level that is another one at every look, evenly over this range.
    Erratic(f64, f64),
    Right,
    Wrong,
    /// Wrong at every other run.
    Flaky,
}

struct FakeGrader<'a> {
    truth: &'a dyn Fn(&str) -> Truth,
    /// Standard deviation of a pair's log ratio; 0 gives exact counts.
    noise: f64,
    random: SplitMix64,
    observed: usize,
}

impl<'a> FakeGrader<'a> {
    fn new(truth: &'a dyn Fn(&str) -> Truth, noise: f64, seed: u64) -> Self {
        Self { truth, noise, random: SplitMix64::new(seed), observed: 0 }
    }

    fn uniform(&mut self) -> f64 {
        self.random.uniform()
    }

    fn level(&mut self, id: &str) -> Option<f64> {
        match (self.truth)(id) {
            Truth::Level(level) => Some(level),
            Truth::Erratic(low, high) => Some(low + (high - low) * self.uniform()),
            _ => None,
        }
    }
}

impl Grader for FakeGrader<'_> {
    fn observe(&mut self, base: &Commit, candidate: &Commit, effort: Effort) -> Result<Observation, GraderError> {
        self.observed += 1;
        match (self.truth)(&candidate.id) {
            Truth::Broken => return Ok(Observation::Nothing { reason: "does not compile".to_string() }),
            Truth::Right | Truth::Wrong | Truth::Flaky => {
                let runs = effort.runs();
                let wrong = match (self.truth)(&candidate.id) {
                    Truth::Right => 0,
                    Truth::Wrong => runs,
                    _ => runs / 2,
                };
                return Ok(Observation::Results { runs, wrong, reason: "y differs".to_string() });
            }
            Truth::Level(_) | Truth::Erratic(..) => {}
        }
        let (Some(base), Some(level)) = (self.level(&base.id), self.level(&candidate.id)) else {
            return Ok(Observation::Nothing { reason: "the base does not compile".to_string() });
        };
        let pairs = effort.pairs();
        let error = self.noise / (pairs as f64).sqrt();
        // The sum of twelve uniform numbers is close to normal.
        let normal: f64 = (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0;
        let value = level - base + error * normal;
        let half = 2.2 * error;
        Ok(Observation::Cost(Cost {
            unit: if self.noise == 0.0 { CostUnit::Steps } else { CostUnit::Seconds },
            base: 1.0,
            candidate: value.exp(),
            shift: value.exp_m1(),
            interval: Some(Interval { low: (value - half).exp_m1(), high: (value + half).exp_m1() }),
            threshold: 0.01,
            pairs,
            verdict: String::new(),
        }))
    }
}

/// Keeps the last record, and fails instead of keeping the record of that number, as a killed process would.
#[derive(Default)]
struct Memory {
    kept: Vec<Record>,
    count: usize,
    killed_at: Option<usize>,
}

impl CampaignKeeper for Memory {
    fn keep(&mut self, records: &[Record]) -> io::Result<()> {
        if self.killed_at == Some(self.count) {
            return Err(io::Error::other("killed"));
        }
        self.count += 1;
        self.kept = records.to_vec();
        Ok(())
    }
}

fn run(history: &History, regress: Regress, every: bool, grader: &mut FakeGrader<'_>) -> Vec<Record> {
    let mut memory = Memory::default();
    let records = run_campaign(history, (regress, false), every, grader, &mut memory, Vec::new()).expect("it ends");
    assert_eq!(records, memory.kept, "what is kept is what is returned");
    records
}

fn number(id: &str) -> i64 {
    id.strip_prefix('c').map_or(-1, |digits| digits.parse().expect("a number"))
}

fn step_at(places: &'static [(i64, f64)]) -> impl Fn(&str) -> Truth {
    move |id| Truth::Level(places.iter().filter(|(place, _)| number(id) >= *place).map(|(_, size)| size).sum())
}

#[test]
fn a_slow_commit_is_found_through_noise_and_confirmed() {
    let history = test_histories::linear(64);
    let truth = step_at(&[(37, 0.05)]);
    for seed in 0..200 {
        let mut grader = FakeGrader::new(&truth, 0.01, seed);
        let records = run(&history, Regress::Perf, false, &mut grader);
        assert_eq!(records[0].culprit().map(|commit| &*commit.id), Some("c37"), "seed {seed}");
        assert_eq!(records[0].confirmations.len(), 1);
        assert!(matches!(records[0].conclusion, Some(Conclusion::Found { residual: None, .. })), "seed {seed}");
    }
}

#[test]
fn what_does_not_build_and_what_is_flaky_is_skipped() {
    let history = test_histories::linear(64);
    for culprit in [0, 5, 40, 63] {
        let truth = |id: &str| match number(id) {
            // Never the culprit or its neighbours, which would make it undecidable.
            place if place % 5 == 2 && (place - culprit).abs() > 1 && place < 63 => Truth::Broken,
            place if place % 7 == 3 && (place - culprit).abs() > 1 && place < 63 => Truth::Flaky,
            place if place >= culprit => Truth::Wrong,
            _ => Truth::Right,
        };
        let records = run(&history, Regress::Correctness, false, &mut FakeGrader::new(&truth, 0.0, 1));
        assert_eq!(records[0].culprit().map(|commit| number(&commit.id)), Some(culprit));
    }
}

#[test]
fn an_erratic_commit_does_not_lead_astray() {
    let history = test_histories::linear(64);
    let truth = |id: &str| match number(id) {
        31 => Truth::Erratic(0.02, 0.03),
        place => Truth::Level(if place >= 44 { 0.05 } else { 0.0 }),
    };
    for seed in 0..100 {
        let records = run(&history, Regress::Perf, false, &mut FakeGrader::new(&truth, 0.01, seed));
        let found = records[0].culprit().map(|commit| number(&commit.id));
        // Clear of both ends it is taken for a first step: then that is what the report says, with what is left.
        assert!(found == Some(44) || found.is_none() || found == Some(31), "seed {seed}: {found:?}");
        if found == Some(31) {
            assert!(matches!(records[0].conclusion, Some(Conclusion::Found { residual: Some(_), .. })));
        }
    }
}

#[test]
fn two_culprits_leave_a_residual_and_both_are_found_when_asked_for() {
    let history = test_histories::linear(64);
    for noise in [0.0, 0.008] {
        for places in [&[(20, 0.05), (40, 0.05)], &[(3, 0.03), (60, 0.08)], &[(30, 0.08), (31, 0.03)]] {
            let truth = step_at(places);
            for seed in 0..20 {
                let one = run(&history, Regress::Perf, false, &mut FakeGrader::new(&truth, noise, seed));
                let Some(Conclusion::Found { culprit, residual }) = &one[0].conclusion else {
                    panic!("{:?}", one[0].conclusion)
                };
                let of = |id: &str| places.iter().find(|(place, _)| *place == number(id)).map(|(_, size)| size);
                let size = of(&culprit.id).expect("one of both");
                let total: f64 = places.iter().map(|(_, size)| size).sum();
                let left = residual.expect("the other one is missing").ln_1p();
                assert!((left - (total - size)).abs() < 0.02, "{left}");
                let all = run(&history, Regress::Perf, true, &mut FakeGrader::new(&truth, noise, seed));
                let mut found: Vec<i64> =
                    all.iter().filter_map(Record::culprit).map(|commit| number(&commit.id)).collect();
                found.sort_unstable();
                assert_eq!(found, [places[0].0, places[1].0], "seed {seed}");
            }
        }
    }
}

#[test]
fn with_a_revert_inside_the_culprit_is_a_true_one() {
    let history = test_histories::linear(64);
    // Bad from 10 to 19, mended at 20, bad again from 50 on.
    let truth = |id: &str| match number(id) {
        10..=19 | 50.. => Truth::Wrong,
        _ => Truth::Right,
    };
    let records = run(&history, Regress::Correctness, false, &mut FakeGrader::new(&truth, 0.0, 1));
    let found = records[0].culprit().map(|commit| number(&commit.id)).expect("found");
    assert!(found == 10 || found == 50, "{found}");
}

#[test]
fn ends_that_do_not_differ_end_the_search_at_once() {
    let history = test_histories::linear(64);
    let same = |_: &str| Truth::Level(0.0);
    let mut grader = FakeGrader::new(&same, 0.01, 1);
    let records = run(&history, Regress::Perf, false, &mut grader);
    assert!(matches!(&records[0].conclusion, Some(Conclusion::NotReproducible { .. })));
    assert_eq!((grader.observed, records[0].steps.len()), (1, 0));
    let broken = |id: &str| if id == "c63" { Truth::Broken } else { Truth::Level(0.0) };
    let records = run(&history, Regress::Perf, false, &mut FakeGrader::new(&broken, 0.01, 1));
    let Some(Conclusion::NotReproducible { why }) = &records[0].conclusion else { panic!("{records:?}") };
    assert!(why.contains("cannot be measured: does not compile"), "{why}");
}

#[test]
fn when_nothing_between_builds_the_candidates_are_named() {
    let history = test_histories::linear(16);
    let truth = |id: &str| match number(id) {
        -1..=3 => Truth::Right,
        4..=9 => Truth::Broken,
        _ => Truth::Wrong,
    };
    let records = run(&history, Regress::Correctness, false, &mut FakeGrader::new(&truth, 0.0, 1));
    let Some(Conclusion::Undecidable { candidates, why }) = &records[0].conclusion else { panic!("{records:?}") };
    assert_eq!(candidates.iter().map(|commit| number(&commit.id)).collect::<Vec<_>>(), (4..=10).collect::<Vec<_>>());
    assert!(why.starts_with("6 commits") && why.ends_with("does not compile"), "{why}");
}

#[test]
fn a_commit_with_the_files_of_a_known_one_is_not_observed_again() {
    let mut commits = test_histories::linear(64).commits().to_vec();
    // The kernels alternate between two texts until the end, each change a revert of the one before.
    for (place, commit) in commits.iter_mut().enumerate() {
        commit.measured = Some(if place == 63 { "slow".to_string() } else { format!("text {}", place % 2) });
    }
    let mut good = test_histories::linear(64).good().clone();
    good.measured = Some("text 1".to_string());
    let history = History::new(good, commits, Vec::new()).unwrap();
    let truth = |id: &str| Truth::Level(if number(id) == 63 { 0.1 } else { 0.0 });
    let mut grader = FakeGrader::new(&truth, 0.0, 1);
    let records = run(&history, Regress::Perf, false, &mut grader);
    assert_eq!(records[0].culprit().map(|commit| &*commit.id), Some("c63"));
    assert!(grader.observed <= 3, "the ends, one text and the confirmation: {}", grader.observed);
    assert!(records[0].steps.iter().any(|step| step.same_as.is_some()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn killed_at_any_step_the_search_goes_on_to_the_same_culprit(
        graph in test_histories::random_graph(64),
        culprit in any::<prop::sample::Index>(),
        broken in prop::collection::vec(0..10u8, 64),
        seed in any::<u64>(),
    ) {
        let culprit = culprit.index(graph.commits().len());
        let last = graph.commits().len() - 1;
        let slow: Vec<bool> = (0..=last).map(|place| graph.ancestors(place)[culprit]).collect();
        let truth = |id: &str| match number(id) {
            -1 => Truth::Level(0.0),
            place if broken[place as usize] == 0 && place as usize != last => Truth::Broken,
            place => Truth::Level(if slow[place as usize] { 0.06 } else { 0.0 }),
        };
        let whole = run(&graph, Regress::Perf, false, &mut FakeGrader::new(&truth, 0.0, seed));
        let count = {
            let mut memory = Memory::default();
            let mut grader = FakeGrader::new(&truth, 0.0, seed);
            run_campaign(&graph, (Regress::Perf, false), false, &mut grader, &mut memory, Vec::new()).unwrap();
            memory.count
        };
        for killed_at in 0..count {
            let mut memory = Memory { killed_at: Some(killed_at), ..Memory::default() };
            let mut grader = FakeGrader::new(&truth, 0.0, seed);
            let question = (Regress::Perf, false);
            let killed = run_campaign(&graph, question, false, &mut grader, &mut memory, Vec::new());
            prop_assert!(matches!(killed, Err(SessionError::Keep(_))));
            let kept = std::mem::take(&mut memory.kept);
            // What is read back from the file is what was written to it.
            let text = serde_json::to_string(&kept).expect("serialises");
            let kept: Vec<Record> = serde_json::from_str(&text).expect("reads back");
            let mut memory = Memory::default();
            let resumed = run_campaign(&graph, question, false, &mut grader, &mut memory, kept).expect("it ends");
            prop_assert_eq!(&resumed[0].conclusion, &whole[0].conclusion);
            let graded = |record: &Record| {
                record.steps.iter().map(|step| (step.commit.id.clone(), step.outcome)).collect::<Vec<_>>()
            };
            prop_assert_eq!(graded(&resumed[0]), graded(&whole[0]));
        }
    }
}

//! How often a change is told, and how often nothing is called a change, on simulated measurements.
//!
//! Samples have first-order autoregressive noise, outliers, an offset of their process that no sample of it can see,
//! and a drift. Seeds are fixed: a failure is a change of the code. `-- --nocapture` prints the tables, which stand in
//! docs/methodology.md.

use hipgauge::profiling::statistics::{SplitMix64, median, sorted};
use hipgauge::regression::decision::{
    Decision, FALSE_DISCOVERY_RATE, Pair, Thresholds, Verdict, correct_for_many, decide_pairs, decide_samples, looks,
    noise_of_shifts,
};

/// Comparisons of a kernel with itself.
const NULL_TRIALS: usize = 10_000;

/// Comparisons per size of a slow-down.
const EFFECT_TRIALS: usize = 2_000;

const LEAST_EFFECT: f64 = 0.01;

/// What samples of one kind of kernel look like; all relative to its time.
#[derive(Clone, Copy)]
struct Model {
    /// Standard deviation of a sample.
    spread: f64,
    /// Correlation of neighbouring samples.
    correlation: f64,
    /// Share of samples that an interruption lengthens by 10 to 50 %.
    outliers: f64,
    /// Standard deviation of what a process adds to all its samples: where its buffers and code lie.
    process: f64,
    /// Standard deviation of the step that clocks and temperature take from pair to pair, for both sides.
    drift: f64,
}

const USUAL: Model = Model { spread: 0.01, correlation: 0.6, outliers: 0.02, process: 0.003, drift: 0.005 };

/// Box and Muller's normal values.
fn normal(random: &mut SplitMix64) -> f64 {
    (-2.0 * random.uniform().ln()).sqrt() * (std::f64::consts::TAU * random.uniform()).cos()
}

/// Samples around `level`, in the order taken.
fn series(random: &mut SplitMix64, model: &Model, level: f64, count: usize) -> Vec<f64> {
    let innovation = (1.0 - model.correlation * model.correlation).sqrt();
    let mut state = normal(random);
    (0..count)
        .map(|_| {
            state = model.correlation * state + innovation * normal(random);
            let late = if random.uniform() < model.outliers { 0.1 + 0.4 * random.uniform() } else { 0.0 };
            level * (model.spread * state).exp() * (1.0 + late)
        })
        .collect()
}

fn median_of(values: &[f64]) -> f64 {
    median(&sorted(values)).expect("not empty")
}

/// Interleaved blocks of 25 samples until a look decides.
fn duel(random: &mut SplitMix64, model: &Model, effect: f64, thresholds: &Thresholds) -> Decision {
    let (base, candidate) = (model.process * normal(random), model.process * normal(random));
    let (mut drift, mut pairs) = (0.0, Vec::new());
    let mut decision = decide_pairs(&pairs, thresholds);
    for look in looks() {
        while pairs.len() < look.pairs {
            drift += model.drift * normal(random);
            let mut block = |offset: f64| median_of(&series(random, model, 50e-6 * (drift + offset).exp(), 25));
            pairs.push(Pair { base: block(base), candidate: block(candidate + effect.ln_1p()) });
        }
        decision = decide_pairs(&pairs, &thresholds.at(look));
        if decision.verdict.is_decided() {
            break;
        }
    }
    decision
}

/// Two runs at different times, which do not share the drift but start where it left them.
fn runs(random: &mut SplitMix64, model: &Model, effect: f64, count: usize, thresholds: &Thresholds) -> Decision {
    let mut run = |effect: f64| {
        let level = 50e-6 * (model.process * normal(random)).exp() * (1.0 + effect);
        series(random, model, level, count)
    };
    let (base, candidate) = (run(0.0), run(effect));
    decide_samples(&base, &candidate, thresholds)
}

/// Per cent of the trials that end with each verdict, and the mean number of pairs or samples.
struct Rates {
    counts: [usize; 5],
    weighed: usize,
    trials: usize,
}

impl Rates {
    fn of(name: &str, trials: usize, trial: impl Fn(&mut SplitMix64) -> Decision) -> Self {
        let mut random = SplitMix64::new(20_261_125);
        let mut rates = Self { counts: [0; 5], weighed: 0, trials };
        for _ in 0..trials {
            let decision = trial(&mut random);
            let place = Verdict::ALL.iter().position(|verdict| *verdict == decision.verdict).expect("one of all");
            rates.counts[place] += 1;
            rates.weighed += decision.pairs;
        }
        let columns: Vec<String> =
            Verdict::ALL.iter().map(|verdict| format!("{:>8.2}", rates.per_cent(*verdict))).collect();
        println!("{name:<34}{}{:>8.1}", columns.concat(), rates.weighed as f64 / trials as f64);
        rates
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.counts[Verdict::ALL.iter().position(|other| *other == verdict).expect("one of all")]
    }

    fn per_cent(&self, verdict: Verdict) -> f64 {
        100.0 * self.count(verdict) as f64 / self.trials as f64
    }

    fn changes(&self) -> usize {
        self.count(Verdict::Slower) + self.count(Verdict::Faster)
    }
}

fn heading(title: &str) {
    let names: Vec<String> = Verdict::ALL.iter().map(|verdict| format!("{:>8.7}", verdict.name())).collect();
    println!("\n{title}, per cent\n{:<34}{}{:>8}", "", names.concat(), "weighed");
}

#[test]
fn interleaved_pairs_tell_three_per_cent_and_stay_quiet_when_nothing_changed() {
    heading("interleaved pairs, noise assumed");
    let thresholds = Thresholds::new(LEAST_EFFECT, None);
    let null = Rates::of("nothing changed", NULL_TRIALS, |random| duel(random, &USUAL, 0.0, &thresholds));
    assert!(null.changes() * 1000 <= NULL_TRIALS, "{} false alarms", null.changes());
    assert!(null.per_cent(Verdict::Same) > 90.0);
    for effect in [0.01, 0.02, 0.03, 0.05, 0.10] {
        let name = format!("{:.0} % slower", 100.0 * effect);
        let rates = Rates::of(&name, EFFECT_TRIALS, |random| duel(random, &USUAL, effect, &thresholds));
        assert_eq!(rates.count(Verdict::Faster), 0);
        if effect >= 0.03 {
            assert!(rates.per_cent(Verdict::Slower) >= 99.0, "{effect}");
            assert!(rates.count(Verdict::Same) * 1000 <= EFFECT_TRIALS, "{effect}: called the same");
        }
    }
    for effect in [-0.03, -0.05] {
        let name = format!("{:.0} % faster", -100.0 * effect);
        let rates = Rates::of(&name, EFFECT_TRIALS, |random| duel(random, &USUAL, effect, &thresholds));
        assert!(rates.per_cent(Verdict::Faster) >= 98.0, "{effect}");
    }
}

#[test]
fn calibration_lowers_the_change_that_is_told() {
    heading("interleaved pairs, noise calibrated from 40 comparisons, processes within 0.1 %");
    let model = Model { process: 0.001, ..USUAL };
    let mut random = SplitMix64::new(7);
    let open = Thresholds::new(LEAST_EFFECT, Some(0.0));
    let shifts: Vec<f64> = (0..40).map(|_| duel(&mut random, &model, 0.0, &open).shift.expect("measured")).collect();
    let noise = noise_of_shifts(&shifts).expect("enough shifts");
    assert!((0.004..0.015).contains(&noise), "{noise}");
    let thresholds = Thresholds::new(LEAST_EFFECT, Some(noise));
    let null = Rates::of("nothing changed", NULL_TRIALS, |random| duel(random, &model, 0.0, &thresholds));
    assert!(null.changes() * 1000 <= NULL_TRIALS, "{} false alarms", null.changes());
    let two = Rates::of("2 % slower", EFFECT_TRIALS, |random| duel(random, &model, 0.02, &thresholds));
    assert!(two.per_cent(Verdict::Slower) >= 95.0);
}

#[test]
fn noisy_kernels_are_called_underpowered_and_not_changed() {
    heading("interleaved pairs, samples that spread over 10 %");
    let noisy = Model { spread: 0.1, outliers: 0.1, ..USUAL };
    let thresholds = Thresholds::new(LEAST_EFFECT, None);
    let null = Rates::of("nothing changed", NULL_TRIALS, |random| duel(random, &noisy, 0.0, &thresholds));
    assert!(null.changes() * 1000 <= NULL_TRIALS, "{} false alarms", null.changes());
    let three = Rates::of("3 % slower", EFFECT_TRIALS, |random| duel(random, &noisy, 0.03, &thresholds));
    assert!(three.per_cent(Verdict::Same) < 1.0, "what cannot be told is not called the same");
}

#[test]
fn two_runs_stay_quiet_when_nothing_changed_and_tell_five_per_cent() {
    let thresholds = Thresholds::new(LEAST_EFFECT, None);
    for (count, title) in [(60, "two runs of 60 samples"), (400, "two runs of 400 samples")] {
        heading(&format!("{title}, noise assumed"));
        let decide = |random: &mut SplitMix64, effect: f64| runs(random, &USUAL, effect, count, &thresholds);
        let null = Rates::of("nothing changed", NULL_TRIALS, |random| decide(random, 0.0));
        assert!(null.changes() * 1000 <= NULL_TRIALS, "{} false alarms", null.changes());
        for effect in [0.01, 0.02, 0.03, 0.05, 0.10] {
            let name = format!("{:.0} % slower", 100.0 * effect);
            let rates = Rates::of(&name, EFFECT_TRIALS, |random| decide(random, effect));
            assert_eq!(rates.count(Verdict::Faster), 0);
            if effect >= 0.03 {
                assert!(rates.count(Verdict::Same) * 200 <= EFFECT_TRIALS, "{effect}: called the same");
            }
            if effect >= 0.05 {
                assert!(rates.per_cent(Verdict::Slower) >= 99.0, "{effect}");
            }
        }
    }
}

#[test]
fn a_suite_in_which_nothing_changed_raises_no_alarm() {
    // Runs whose offset is five times what was assumed would trip single cases; a whole suite of quiet ones must not.
    let thresholds = Thresholds::new(LEAST_EFFECT, None);
    let mut random = SplitMix64::new(3);
    let mut alarms = 0;
    for _ in 0..50 {
        let mut suite: Vec<Decision> = (0..200).map(|_| runs(&mut random, &USUAL, 0.0, 60, &thresholds)).collect();
        correct_for_many(&mut suite, FALSE_DISCOVERY_RATE);
        alarms += suite.iter().filter(|decision| decision.verdict.is_change()).count();
    }
    println!("\n50 suites of 200 unchanged cases: {alarms} alarms");
    assert!(alarms <= 1, "{alarms} alarms");
    let mut suite: Vec<Decision> =
        (0..200).map(|case| runs(&mut random, &USUAL, if case < 20 { 0.06 } else { 0.0 }, 400, &thresholds)).collect();
    correct_for_many(&mut suite, FALSE_DISCOVERY_RATE);
    let slower = |cases: &[Decision]| cases.iter().filter(|decision| decision.verdict == Verdict::Slower).count();
    assert_eq!((slower(&suite[..20]), slower(&suite[20..])), (20, 0), "the slow ones among many are found");
}

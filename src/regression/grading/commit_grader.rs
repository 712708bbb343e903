//! The grader that runs commits.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::profiling::Mode;
use crate::profiling::statistics::{median, sorted};
use crate::regression::bisect::{Commit, Cost, CostUnit, Effort, Grader, GraderError, Observation, Regress};
use crate::regression::decision::{ASSUMED_NOISE_OF_PAIRS, Decision, Pair, Thresholds, decide_pairs, looks, widened};
use crate::regression::interleave::{DuelError, Role, SideError, Turns};
use crate::regression::worker::{Unit, Worker, WorkerError, WorkerLimits};

use super::endings::{Ending, judge_ending};
use super::property::property;
use super::source::Source;

/// 1.96 / 3.29: noise is given as the bound of 99.9 % of comparisons, intervals are drawn at 95 %.
const SHARE_OF_NOISE: f64 = 0.596;

/// What is measured of each commit.
#[derive(Clone, Debug)]
pub struct Measurement {
    pub regress: Regress,
    /// Ids of the cases. Costs are combined by their geometric mean; one wrong case makes a result wrong; of properties
    /// the largest counts.
    pub cases: Vec<String>,
    pub mode: Mode,
    pub thresholds: Thresholds,
    pub limits: WorkerLimits,
}

/// Runs commits in child processes.
pub struct CommitGrader<'a> {
    source: Source,
    measurement: Measurement,
    stop: &'a AtomicBool,
    /// The worker of the last base, which many observations share.
    base: Option<(String, Worker)>,
}

/// An ending, and whose it was.
enum Failed {
    Base(Ending),
    Candidate(Ending),
}

impl<'a> CommitGrader<'a> {
    pub fn new(source: Source, measurement: Measurement, stop: &'a AtomicBool) -> Self {
        Self { source, measurement, stop, base: None }
    }

    /// A worker that runs a commit, or why there is none.
    fn start(&self, commit: &Commit) -> Result<Result<Worker, Ending>, GraderError> {
        self.heed_stop()?;
        let target = match self.source.target(commit, self.stop)? {
            Ok(target) => target,
            Err(why) => return Ok(Err(Ending::Unmeasurable(why))),
        };
        match Worker::start(&target, &self.measurement.limits) {
            Ok(worker) => Ok(Ok(worker)),
            // This very program holds the device elsewhere: it is not the commit that fails.
            Err(error @ WorkerError::NotStarted { .. }) if self.source.recipe.is_none() => {
                Err(GraderError::Trouble(error.to_string()))
            }
            Err(error) => judge_ending(&error, None, commit, &self.source).map(Err),
        }
    }

    fn observe_cost(&mut self, base: &Commit, candidate: &Commit, effort: Effort) -> Result<Observation, GraderError> {
        let kept = self.base.take().filter(|(id, worker)| {
            // Fresh processes on both sides show what differs from process to process.
            *id == base.id && worker.is_running() && effort == Effort::Step
        });
        let mut of_base = match kept {
            Some((_, worker)) => worker,
            None => match self.start(base)? {
                Ok(worker) => worker,
                Err(ending) => return Ok(nothing(&format!("{}: ", base.short()), &ending)),
            },
        };
        let mut of_candidate = match self.start(candidate)? {
            Ok(worker) => worker,
            Err(ending) => {
                self.base = Some((base.id.clone(), of_base));
                return Ok(nothing("", &ending));
            }
        };
        let taken = self.take_pairs(&mut of_base, &mut of_candidate, effort);
        let outcome = match taken {
            Ok((pairs, unit)) => Ok(self.cost(&pairs, unit, effort)),
            Err(DuelError::Interrupted) => Err(GraderError::Interrupted),
            Err(error @ DuelError::UnitsDiffer { .. }) => Err(GraderError::Trouble(error.to_string())),
            Err(DuelError::Side(SideError { role, source })) => {
                let failed = match role {
                    Role::Base => judge_ending(&source, Some(&mut of_base), base, &self.source).map(Failed::Base),
                    Role::Candidate => {
                        judge_ending(&source, Some(&mut of_candidate), candidate, &self.source).map(Failed::Candidate)
                    }
                };
                match failed {
                    // The good end was measured before: what fails now is not the candidate's doing.
                    Ok(Failed::Base(ending)) if matches!(effort, Effort::Step | Effort::Again) => {
                        Err(GraderError::Trouble(format!(
                            "the good end {} could be measured before and cannot now: {}; go on with --resume",
                            base.short(),
                            ending.reason()
                        )))
                    }
                    Ok(Failed::Base(ending)) => Ok(nothing(&format!("{}: ", base.short()), &ending)),
                    Ok(Failed::Candidate(ending)) => Ok(nothing("", &ending)),
                    Err(error) => Err(error),
                }
            }
        };
        if of_base.is_running() {
            self.base = Some((base.id.clone(), of_base));
        }
        outcome
    }

    /// Pairs of all cases, combined.
    fn take_pairs(
        &self,
        base: &mut Worker,
        candidate: &mut Worker,
        effort: Effort,
    ) -> Result<(Vec<Pair>, Unit), DuelError> {
        let mut unit = Unit::Seconds;
        let mut of_cases: Vec<Vec<Pair>> = Vec::new();
        for case in &self.measurement.cases {
            let mut turns = Turns::new(base, candidate, case, self.measurement.mode, self.stop);
            turns.verify()?;
            turns.take(effort.pairs())?;
            unit = turns.unit().unwrap_or(unit);
            of_cases.push(turns.pairs);
        }
        let count = of_cases.iter().map(Vec::len).min().unwrap_or(0);
        let mean_of = |values: Vec<f64>| match values[..] {
            [value] => value,
            _ => (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp(),
        };
        let pair = |number: usize| Pair {
            base: mean_of(of_cases.iter().map(|pairs| pairs[number].base).collect()),
            candidate: mean_of(of_cases.iter().map(|pairs| pairs[number].candidate).collect()),
        };
        Ok(((0..count).map(pair).collect(), unit))
    }

    fn cost(&self, pairs: &[Pair], unit: Unit, effort: Effort) -> Observation {
        let exact = unit == Unit::Steps;
        let thresholds = match unit {
            Unit::Steps => Thresholds::of_counts(self.measurement.thresholds.least_effect),
            Unit::Seconds => match looks().iter().rfind(|look| look.pairs <= effort.pairs()) {
                Some(look) => self.measurement.thresholds.at(look),
                None => self.measurement.thresholds,
            },
        };
        let decision = decide_pairs(pairs, &thresholds);
        let noise = if exact { 0.0 } else { thresholds.noise.unwrap_or(ASSUMED_NOISE_OF_PAIRS) };
        let Some(shift) = decision.shift else {
            return Observation::Nothing { reason: format!("nothing to weigh: {}", words(&decision)) };
        };
        let middle =
            |value: fn(&Pair) -> f64| median(&sorted(&pairs.iter().map(value).collect::<Vec<_>>())).unwrap_or(f64::NAN);
        Observation::Cost(Cost {
            unit: if exact { CostUnit::Steps } else { CostUnit::Seconds },
            base: middle(|pair| pair.base),
            candidate: middle(|pair| pair.candidate),
            shift,
            interval: decision.interval.map(|interval| widened(interval, shift, SHARE_OF_NOISE * noise)),
            threshold: decision.threshold,
            pairs: pairs.len(),
            verdict: words(&decision),
        })
    }

    /// Judges the candidate so many times, each time in a process of its own.
    fn observe_results(&mut self, candidate: &Commit, effort: Effort) -> Result<Observation, GraderError> {
        let (mut wrong, mut why) = (0, String::new());
        for _ in 0..effort.runs() {
            match self.judge_once(candidate)? {
                None => {}
                Some(Ending::Wrong(reason)) => {
                    wrong += 1;
                    why = reason;
                }
                Some(ending @ Ending::Unmeasurable(_)) => return Ok(nothing("", &ending)),
            }
        }
        Ok(Observation::Results { runs: effort.runs(), wrong, reason: why })
    }

    /// `None` if every case is right.
    fn judge_once(&self, candidate: &Commit) -> Result<Option<Ending>, GraderError> {
        let mut worker = match self.start(candidate)? {
            Ok(worker) => worker,
            Err(ending) => return Ok(Some(ending)),
        };
        for case in &self.measurement.cases {
            self.heed_stop()?;
            if let Err(error) = worker.verify(case) {
                return judge_ending(&error, Some(&mut worker), candidate, &self.source).map(Some);
            }
        }
        Ok(None)
    }

    /// The largest number of any case; of kernels that a case launches together, what they need together.
    fn observe_property(&mut self, candidate: &Commit) -> Result<Observation, GraderError> {
        let mut worker = match self.start(candidate)? {
            Ok(worker) => worker,
            Err(ending) => return Ok(nothing("", &ending)),
        };
        let mut largest: Option<f64> = None;
        for case in &self.measurement.cases {
            self.heed_stop()?;
            let facts = match worker.facts(case) {
                Ok(facts) => facts,
                Err(error) => {
                    let ending = judge_ending(&error, Some(&mut worker), candidate, &self.source)?;
                    return Ok(nothing("", &ending));
                }
            };
            let value = facts.attributes.and_then(|attributes| property(self.measurement.regress, &attributes));
            let Some(value) = value else {
                let name = self.measurement.regress.name();
                let reason = format!("{case}: the device does not say its {name}; take a GPU that does");
                return Ok(Observation::Nothing { reason });
            };
            largest = Some(largest.map_or(value, |largest| largest.max(value)));
        }
        Ok(match largest {
            Some(value) => Observation::Property { value },
            None => Observation::Nothing { reason: "there is no case".to_string() },
        })
    }

    fn heed_stop(&self) -> Result<(), GraderError> {
        if self.stop.load(Ordering::Relaxed) { Err(GraderError::Interrupted) } else { Ok(()) }
    }
}

impl Grader for CommitGrader<'_> {
    fn observe(&mut self, base: &Commit, candidate: &Commit, effort: Effort) -> Result<Observation, GraderError> {
        let observation = match self.measurement.regress {
            Regress::Perf => self.observe_cost(base, candidate, effort),
            Regress::Correctness => self.observe_results(candidate, effort),
            Regress::Spills | Regress::Registers | Regress::CodeSize => self.observe_property(candidate),
        };
        // A child may have ended because of the Ctrl-C that stops this search: then its end says nothing.
        self.heed_stop()?;
        observation
    }
}

fn nothing(of: &str, ending: &Ending) -> Observation {
    let advice = match ending {
        Ending::Wrong(_) => "; --regress correctness searches for that",
        Ending::Unmeasurable(_) => "",
    };
    Observation::Nothing { reason: format!("{of}{}{advice}", ending.reason()) }
}

fn words(decision: &Decision) -> String {
    let reasons: Vec<&str> = decision.reasons.iter().map(|reason| reason.code()).collect();
    format!("{} ({})", decision.verdict, reasons.join(", "))
}

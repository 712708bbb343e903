//! From observations to good, bad or neither.

use crate::profiling::statistics::Interval;

use super::observation::{Cost, Observation, Regress};
use super::search::Outcome;

/// What an observation says.
#[derive(Clone, Debug, PartialEq)]
pub enum Opinion {
    Graded(Outcome, String),
    /// Look again.
    Unsure(String),
}

/// Grades observations against the ends of the range.
///
/// A number is good below the midpoint of the highest good and the lowest bad number so far, and bad above it; at first
/// those are the ends, and for costs the midpoint is the geometric one, sqrt(good * bad). One whose interval holds the
/// midpoint is neither. If after a second look it lies clear of both, more than one commit made the difference: it is
/// bad, and the search goes on towards the first of them.
#[derive(Clone, Debug)]
pub struct Judge {
    regress: Regress,
    inverted: bool,
    ruler: Option<Ruler>,
}

/// Numbers to grade by; larger is worse.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ruler {
    /// The good end.
    zero: f64,
    /// The highest that was graded good.
    lower: f64,
    /// The lowest that was graded bad.
    upper: f64,
    /// The bad end.
    end: f64,
    /// The least difference that matters.
    least: f64,
}

impl Ruler {
    fn middle(&self) -> f64 {
        (self.lower + self.upper) / 2.0
    }
}

/// A number with its uncertainty; larger is worse.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Reading {
    low: f64,
    value: f64,
    high: f64,
}

impl Judge {
    pub fn new(regress: Regress, inverted: bool) -> Self {
        Self { regress, inverted, ruler: None }
    }

    /// Takes the ends in; `Err` says in a sentence why they do not differ as they should. `good` is `None` for costs,
    /// which are beside the good end.
    pub fn take_ends(&mut self, good: Option<&Observation>, bad: &Observation) -> Result<(), String> {
        // A cost is of both ends: its reason names the one to blame.
        let of_bad = if good.is_some() { "the bad end" } else { "the bad end beside the good one" };
        for (end, observation) in [("the good end", good), (of_bad, Some(bad))] {
            if let Some(Observation::Nothing { reason }) = observation {
                return Err(format!("{end} cannot be measured: {reason}"));
            }
        }
        if let (Some(Observation::Results { .. }), Observation::Results { .. }) = (good, bad) {
            return self.take_results(good.expect("just matched"), bad);
        }
        let zero = match good {
            None => 0.0,
            Some(good) => self.reading(good).ok_or("the good end gave no number")?.value,
        };
        let end = self.reading(bad).ok_or("the bad end gave no number")?;
        let least = least_of(bad);
        if end.low <= zero || end.value - zero < least {
            return Err(format!("the ends do not differ as they should: {}", self.describe(bad)));
        }
        self.ruler = Some(Ruler { zero, lower: zero, upper: end.value, end: end.value, least });
        Ok(())
    }

    fn take_results(&self, good: &Observation, bad: &Observation) -> Result<(), String> {
        let graded = |observation| match self.result_opinion(&[observation]) {
            Opinion::Graded(outcome, text) => (Some(outcome), text),
            Opinion::Unsure(text) => (None, text),
        };
        match (graded(good), graded(bad)) {
            ((Some(Outcome::Good), _), (Some(Outcome::Bad), _)) => Ok(()),
            ((Some(Outcome::Good), _), (_, text)) => Err(format!("the bad end is not bad here: {text}")),
            ((_, text), _) => Err(format!("the good end is not good here: {text}")),
        }
    }

    /// What all observations of one commit say, the latest last.
    pub fn opinion(&self, observations: &[Observation]) -> Opinion {
        let Some(last) = observations.last() else { return Opinion::Unsure("not looked at".to_string()) };
        match last {
            Observation::Nothing { reason } => Opinion::Graded(Outcome::Skip, reason.clone()),
            Observation::Results { .. } => self.result_opinion(&observations.iter().collect::<Vec<_>>()),
            Observation::Cost(_) | Observation::Property { .. } => self.number_opinion(last),
        }
    }

    /// The last word on a commit that stayed unsure.
    pub fn last_word(&self, observations: &[Observation]) -> (Outcome, String) {
        match self.opinion(observations) {
            Opinion::Graded(outcome, text) => (outcome, text),
            Opinion::Unsure(text) if self.lies_between(observations) => {
                (Outcome::Bad, format!("{text}, clear of both ends: more than one commit made the difference"))
            }
            Opinion::Unsure(text) => (Outcome::Skip, format!("{text}, twice")),
        }
    }

    /// Moves the midpoint after a grade. Called for each graded commit, in order, also for those of an interrupted search
    /// that goes on.
    pub fn learn(&mut self, observations: &[Observation], outcome: Outcome) {
        let reading = observations.last().and_then(|observation| self.reading(observation));
        let (Some(ruler), Some(reading)) = (&mut self.ruler, reading) else { return };
        match outcome {
            Outcome::Good => ruler.lower = ruler.lower.max(reading.value),
            Outcome::Bad => ruler.upper = ruler.upper.min(reading.value),
            Outcome::Skip => {}
        }
    }

    /// Whether an observation of a culprit, beside its parent, shows the change; `Err` says what it shows instead.
    pub fn confirms(&self, parent: Option<&Observation>, culprit: &Observation) -> Result<String, String> {
        let mut fresh = Judge::new(self.regress, self.inverted);
        fresh.take_ends(parent, culprit).map(|()| self.describe(culprit))
    }

    /// The part of the ends' difference that a culprit's own step does not explain: a relative change of the cost, or a
    /// difference of the property. `None` where it is smaller than what matters, or there are no numbers.
    pub fn residual(&self, parent: Option<&Observation>, culprit: &Observation, bad_end: &Observation) -> Option<f64> {
        let ruler = self.ruler?;
        let total = self.reading(bad_end)?.value - ruler.zero;
        let step = self.reading(culprit)?;
        let from = match parent {
            Some(parent) => self.reading(parent)?.value,
            None => 0.0,
        };
        let residual = total - (step.value - from);
        let uncertain = (step.high - step.low) / 2.0;
        if residual.abs() <= ruler.least.max(uncertain) {
            return None;
        }
        let residual = if self.inverted { -residual } else { residual };
        Some(if self.regress == Regress::Perf { residual.exp_m1() } else { residual })
    }

    /// The midpoint of the ends, in the observations' own terms: a relative change of the cost, or
    /// a value.
    pub fn midpoint(&self) -> Option<f64> {
        let ruler = self.ruler?;
        let middle = (ruler.zero + ruler.end) / 2.0;
        let middle = if self.inverted { -middle } else { middle };
        Some(if self.regress == Regress::Perf { middle.exp_m1() } else { middle })
    }

    fn lies_between(&self, observations: &[Observation]) -> bool {
        let reading = observations.last().and_then(|observation| self.reading(observation));
        let (Some(ruler), Some(reading)) = (self.ruler, reading) else { return false };
        reading.low > ruler.lower && reading.high < ruler.upper && reading.value - ruler.lower >= ruler.least
    }

    fn number_opinion(&self, observation: &Observation) -> Opinion {
        let text = self.describe(observation);
        let (Some(ruler), Some(reading)) = (self.ruler, self.reading(observation)) else {
            return Opinion::Unsure(format!("{text}, which cannot be weighed"));
        };
        match reading {
            Reading { low, .. } if low >= ruler.middle() => Opinion::Graded(Outcome::Bad, text),
            Reading { high, .. } if high < ruler.middle() => Opinion::Graded(Outcome::Good, text),
            _ => Opinion::Unsure(format!("{text}, not clear of the midpoint between good and bad")),
        }
    }

    fn result_opinion(&self, observations: &[&Observation]) -> Opinion {
        let (mut runs, mut wrong, mut why) = (0, 0, "");
        for observation in observations {
            if let Observation::Results { runs: more, wrong: failed, reason } = observation {
                runs += more;
                wrong += failed;
                if *failed > 0 {
                    why = reason;
                }
            }
        }
        let (if_right, if_wrong) =
            if self.inverted { (Outcome::Bad, Outcome::Good) } else { (Outcome::Good, Outcome::Bad) };
        match wrong {
            0 => Opinion::Graded(if_right, format!("right in {runs} of {runs} runs")),
            _ if wrong == runs => Opinion::Graded(if_wrong, format!("wrong in {runs} of {runs} runs: {why}")),
            _ => Opinion::Unsure(format!("flaky, wrong in {wrong} of {runs} runs: {why}")),
        }
    }

    /// The number of an observation, turned so that larger is worse.
    fn reading(&self, observation: &Observation) -> Option<Reading> {
        let (low, value, high) = match observation {
            Observation::Cost(Cost { shift, interval, .. }) => {
                let Interval { low, high } = (*interval)?;
                (low.ln_1p(), shift.ln_1p(), high.ln_1p())
            }
            Observation::Property { value } => (*value, *value, *value),
            Observation::Results { .. } | Observation::Nothing { .. } => return None,
        };
        let known = low.is_finite() && value.is_finite() && high.is_finite();
        let reading = if self.inverted {
            Reading { low: -high, value: -value, high: -low }
        } else {
            Reading { low, value, high }
        };
        known.then_some(reading)
    }

    /// An observation in words.
    pub fn describe(&self, observation: &Observation) -> String {
        match observation {
            Observation::Cost(Cost { shift, interval, pairs, .. }) => match interval {
                Some(Interval { low, high }) if low == high => format!("{:+.2} %, exact", 100.0 * shift),
                Some(Interval { low, high }) => format!(
                    "{:+.2} % (95 % interval {:+.2} to {:+.2} %, {pairs} pairs)",
                    100.0 * shift,
                    100.0 * low,
                    100.0 * high
                ),
                None => format!("{:+.2} % with no interval from {pairs} pairs", 100.0 * shift),
            },
            Observation::Results { .. } => match self.result_opinion(&[observation]) {
                Opinion::Graded(_, text) | Opinion::Unsure(text) => text,
            },
            Observation::Property { value } => match self.regress {
                Regress::Registers => format!("{value} registers"),
                Regress::Spills => format!("{value} bytes of scratch memory per thread"),
                _ => format!("{value} bytes of code"),
            },
            Observation::Nothing { reason } => reason.clone(),
        }
    }
}

/// The least difference that matters, in the terms of `Reading`.
fn least_of(observation: &Observation) -> f64 {
    match observation {
        Observation::Cost(cost) => cost.threshold.max(0.0).ln_1p(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::observation::CostUnit;
    use super::*;

    fn cost(shift: f64, half_width: f64) -> Observation {
        Observation::Cost(Cost {
            unit: if half_width == 0.0 { CostUnit::Steps } else { CostUnit::Seconds },
            base: 1.0,
            candidate: 1.0 + shift,
            shift,
            interval: Some(Interval { low: shift - half_width, high: shift + half_width }),
            threshold: 0.01,
            pairs: 6,
            verdict: String::new(),
        })
    }

    fn results(runs: u32, wrong: u32) -> Observation {
        Observation::Results { runs, wrong, reason: "y differs".to_string() }
    }

    fn judge(bad: f64) -> Judge {
        let mut judge = Judge::new(Regress::Perf, false);
        judge.take_ends(None, &cost(bad, 0.002)).expect("the ends differ");
        judge
    }

    fn graded(opinion: Opinion) -> Option<Outcome> {
        match opinion {
            Opinion::Graded(outcome, _) => Some(outcome),
            Opinion::Unsure(_) => None,
        }
    }

    #[test]
    fn costs_are_graded_by_the_geometric_midpoint() {
        let judge = judge(0.21);
        assert!((judge.midpoint().unwrap() - 0.1).abs() < 1e-9, "sqrt(1 * 1.21) is 1.1");
        assert_eq!(graded(judge.opinion(&[cost(0.105, 0.004)])), Some(Outcome::Bad));
        assert_eq!(graded(judge.opinion(&[cost(0.095, 0.004)])), Some(Outcome::Good));
        assert_eq!(graded(judge.opinion(&[cost(0.102, 0.004)])), None);
        assert_eq!(graded(judge.opinion(&[cost(0.102, 0.004), cost(0.103, 0.001)])), Some(Outcome::Bad));
        assert_eq!(graded(judge.opinion(&[cost(0.099, 0.0)])), Some(Outcome::Good), "exact counts are never unsure");
        assert_eq!(graded(judge.opinion(&[cost(-0.5, 0.004)])), Some(Outcome::Good), "faster is not slower");
    }

    #[test]
    fn what_lies_clearly_between_the_ends_is_bad_and_moves_the_midpoint() {
        let mut judge = judge(0.1025);
        let between = [cost(0.05, 0.01), cost(0.05, 0.004)];
        assert_eq!(graded(judge.opinion(&between)), None);
        assert_eq!(judge.last_word(&between).0, Outcome::Bad);
        judge.learn(&between, Outcome::Bad);
        assert!((judge.midpoint().unwrap() - 0.05).abs() < 1e-9, "that of the ends is what it was");
        assert_eq!(graded(judge.opinion(&[cost(0.0252, 0.0001)])), Some(Outcome::Bad));
        assert_eq!(graded(judge.opinion(&[cost(0.05, 0.004)])), Some(Outcome::Bad));
        // A wide interval is neither end's.
        let wide = [cost(0.02, 0.06)];
        assert_eq!(judge.last_word(&wide).0, Outcome::Skip);
    }

    #[test]
    fn the_midpoint_stays_above_what_was_called_good() {
        let mut judge = judge(0.1025);
        let good = [cost(0.03, 0.001)];
        assert_eq!(graded(judge.opinion(&good)), Some(Outcome::Good));
        judge.learn(&good, Outcome::Good);
        let between = [cost(0.05, 0.004)];
        judge.learn(&between, judge.last_word(&between).0);
        assert_eq!(graded(judge.opinion(&[cost(0.031, 0.002)])), Some(Outcome::Good));
    }

    #[test]
    fn what_is_like_a_good_one_is_good_even_at_the_midpoint_of_the_ends() {
        let mut judge = judge(0.1025);
        judge.learn(&[cost(0.049, 0.0005)], Outcome::Good);
        assert_eq!(graded(judge.opinion(&[cost(0.05, 0.004)])), Some(Outcome::Good));
    }

    #[test]
    fn ends_that_overlap_or_cannot_be_seen_are_refused() {
        let refuse = |bad: &Observation| Judge::new(Regress::Perf, false).take_ends(None, bad).expect_err("refused");
        assert!(refuse(&cost(0.03, 0.04)).contains("do not differ"));
        assert!(refuse(&cost(-0.03, 0.001)).contains("do not differ"));
        assert!(refuse(&cost(0.005, 0.0)).contains("do not differ"), "below what matters");
        let nothing = Observation::Nothing { reason: "does not compile".to_string() };
        assert!(refuse(&nothing).contains("cannot be measured: does not compile"));
        let mut inverted = Judge::new(Regress::Perf, true);
        assert!(inverted.take_ends(None, &cost(-0.03, 0.001)).is_ok());
        assert_eq!(graded(inverted.opinion(&[cost(-0.02, 0.001)])), Some(Outcome::Bad));
        assert!((inverted.midpoint().unwrap() + 0.01511).abs() < 1e-4);
    }

    #[test]
    fn results_must_agree_and_flaky_ones_are_skipped() {
        let mut judge = Judge::new(Regress::Correctness, false);
        assert!(judge.take_ends(Some(&results(2, 0)), &results(2, 2)).is_ok());
        assert!(judge.take_ends(Some(&results(2, 1)), &results(2, 2)).unwrap_err().contains("good end is not good"));
        assert!(judge.take_ends(Some(&results(2, 0)), &results(2, 0)).unwrap_err().contains("bad end is not bad"));
        assert_eq!(graded(judge.opinion(&[results(2, 0)])), Some(Outcome::Good));
        assert_eq!(graded(judge.opinion(&[results(2, 2)])), Some(Outcome::Bad));
        assert_eq!(graded(judge.opinion(&[results(2, 1), results(3, 3)])), None, "the first look counts too");
        let (outcome, reason) = judge.last_word(&[results(2, 1), results(3, 3)]);
        assert_eq!(outcome, Outcome::Skip);
        assert!(reason.starts_with("flaky, wrong in 4 of 5 runs: y differs"), "{reason}");
    }

    #[test]
    fn a_residual_shows_when_the_step_is_less_than_the_whole() {
        let end = cost(0.1025, 0.002);
        let judge = judge(0.1025);
        let residual = judge.residual(None, &cost(0.05, 0.001), &end).expect("half is missing");
        assert!((residual - 0.05).abs() < 1e-9, "{residual}");
        assert_eq!(judge.residual(None, &cost(0.1, 0.001), &end), None);
        assert!(judge.confirms(None, &cost(0.05, 0.001)).is_ok());
        assert!(judge.confirms(None, &cost(0.001, 0.003)).unwrap_err().contains("do not differ"));
    }

    #[test]
    fn properties_are_plain_numbers() {
        let of = |value| Observation::Property { value };
        let mut judge = Judge::new(Regress::Registers, false);
        assert!(judge.take_ends(Some(&of(64.0)), &of(64.0)).is_err());
        judge.take_ends(Some(&of(64.0)), &of(96.0)).unwrap();
        assert_eq!(
            (graded(judge.opinion(&[of(79.0)])), graded(judge.opinion(&[of(80.0)]))),
            (Some(Outcome::Good), Some(Outcome::Bad))
        );
        assert_eq!(judge.residual(Some(&of(64.0)), &of(80.0), &of(96.0)), Some(16.0));
    }
}

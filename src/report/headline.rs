//! A run in one sentence.

use serde::Serialize;

use crate::verify::Status;

use super::RunData;

/// How a run ended, in counts of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Headline {
    pub passed: usize,
    pub failed: usize,
    pub errored: usize,
    pub skipped: usize,
    /// Cases with a measurement.
    pub measured: usize,
    /// Verified cases that could not be measured, or whose timed launches gave a wrong result.
    pub unmeasured: usize,
    /// Cases that no time was left for.
    pub not_reached: usize,
}

impl Headline {
    pub fn new(run: &RunData) -> Self {
        let mut cases: Vec<&str> = run.measurements.iter().map(|measurement| measurement.case.as_str()).collect();
        cases.sort_unstable();
        cases.dedup();
        Self {
            passed: run.count(Status::Passed),
            failed: run.count(Status::Failed),
            errored: run.count(Status::Errored),
            skipped: run.count(Status::Skipped),
            measured: cases.len(),
            unmeasured: run.problems.iter().filter(|problem| problem.fatal && !problem.is_not_reached()).count(),
            not_reached: run.problems.iter().filter(|problem| problem.is_not_reached()).count(),
        }
    }

    pub fn is_good(&self) -> bool {
        self.failed + self.errored + self.unmeasured + self.not_reached == 0 && self.passed > 0
    }

    pub fn sentence(&self) -> String {
        let Self { passed, failed, errored, unmeasured, not_reached, .. } = *self;
        let ran = passed + failed;
        let mut parts = Vec::new();
        match (ran, failed) {
            (0, _) => parts.push("No case ran".to_string()),
            (1, 0) => parts.push("The one case that ran is right".to_string()),
            (_, 0) => parts.push(format!("All {ran} cases that ran are right")),
            (_, failed) => parts.push(format!("{failed} of {ran} cases {} wrong", is_or_are(failed))),
        }
        if errored > 0 {
            parts.push(format!("{errored} could not run"));
        }
        if unmeasured > 0 {
            parts.push(format!("{unmeasured} could not be measured"));
        }
        if not_reached > 0 {
            parts.push(format!("{not_reached} not reached in time"));
        }
        parts.join(", ")
    }
}

fn is_or_are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headline(passed: usize, failed: usize, errored: usize, unmeasured: usize) -> Headline {
        Headline { passed, failed, errored, skipped: 3, measured: passed, unmeasured, not_reached: 0 }
    }

    #[test]
    fn sentences_say_the_worst_first() {
        assert_eq!(headline(64, 0, 0, 0).sentence(), "All 64 cases that ran are right");
        assert_eq!(headline(63, 1, 2, 0).sentence(), "1 of 64 cases is wrong, 2 could not run");
        assert_eq!(headline(0, 0, 0, 0).sentence(), "No case ran");
        assert_eq!(headline(9, 0, 0, 1).sentence(), "All 9 cases that ran are right, 1 could not be measured");
        let late = Headline { not_reached: 4, ..headline(9, 0, 0, 0) };
        assert_eq!(late.sentence(), "All 9 cases that ran are right, 4 not reached in time");
        assert!(!late.is_good(), "a run that is not whole is not good");
        assert!(headline(9, 0, 0, 0).is_good() && !headline(0, 0, 0, 0).is_good() && !headline(9, 0, 0, 1).is_good());
    }
}

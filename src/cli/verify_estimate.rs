//! How long work on cases takes, from the cases that are done.

use std::collections::HashMap;
use std::time::Duration;

use hipgauge::progress::{Estimator, Part};
use hipgauge::suite::SelectedCase;
use hipgauge::verify::Verdict;

/// What a case costs whatever its size, in element visits: allocations, launches, the verdict. About 1 ms at 20 ns a
/// visit.
const VISITS_OF_ANY_CASE: f64 = 50_000.0;

/// An estimate that learns from verdicts. Cases of one operation are one kind.
pub struct VerifyEstimate {
    estimator: Estimator,
    parts: HashMap<String, Part>,
}

impl VerifyEstimate {
    pub fn new(cases: &[SelectedCase]) -> Self {
        Self::with(cases, VISITS_OF_ANY_CASE)
    }

    /// For other work on cases, which costs each of them so many element visits whatever its size.
    pub fn with(cases: &[SelectedCase], visits_of_any_case: f64) -> Self {
        let mut kinds: HashMap<&str, usize> = HashMap::new();
        let mut parts = HashMap::with_capacity(cases.len());
        for SelectedCase { case, .. } in cases.iter().filter(|selected| selected.skip.is_none()) {
            let next = kinds.len();
            let kind = *kinds.entry(case.operation.name()).or_insert(next);
            let visits = case.operation.cost(&case.problem).emulated_visits as f64;
            parts.insert(case.id(), Part { kind, work: visits_of_any_case + visits });
        }
        Self { estimator: Estimator::new(parts.values().copied()), parts }
    }

    /// Takes a verdict into account, and says how long the cases without one will take.
    pub fn finish(&mut self, verdict: &Verdict, elapsed: Duration) -> Option<Duration> {
        self.finish_case(&verdict.case, verdict.seconds, elapsed)
    }

    /// The same for a case that took so many seconds.
    pub fn finish_case(&mut self, case: &str, seconds: f64, elapsed: Duration) -> Option<Duration> {
        if let Some(part) = self.parts.remove(case) {
            self.estimator.finish(part, seconds);
        }
        let seconds = self.estimator.remaining_seconds(elapsed.as_secs_f64())?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

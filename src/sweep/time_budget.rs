//! A time that a whole job has to fit in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// When the job has to be over.
#[derive(Clone, Copy, Debug)]
pub struct TimeBudget {
    /// What the job was given from its start on.
    pub whole: Duration,
    pub deadline: Instant,
}

impl TimeBudget {
    /// Starts now. `None` beyond what the clock can count.
    pub fn starting_now(whole: Duration) -> Option<Self> {
        Some(Self { whole, deadline: Instant::now().checked_add(whole)? })
    }

    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// What a sweep is planned from.
#[derive(Clone, Debug, Default)]
pub struct Planning {
    /// Seconds that verifying each case took, by its id.
    pub verified_seconds: HashMap<String, f64>,
    pub budget: Option<TimeBudget>,
}

/// A plan before the first case is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// What the fewest samples of all cases need.
    pub least: Duration,
    /// What is left of the budget, if there is one.
    pub left: Option<Duration>,
    /// Sampling per case and mode that fits, if there is a budget; zero where only the fewest samples do.
    pub limit: Option<Duration>,
}

impl Forecast {
    /// Whether every case gets the fewest samples at least.
    pub fn fits(&self) -> bool {
        self.left.is_none_or(|left| self.least <= left)
    }
}

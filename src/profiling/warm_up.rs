//! Launches before the first sample, until times are stable.

use std::fmt;
use std::time::{Duration, Instant};

use crate::backend::BackendError;

use super::instruments::Instruments;
use super::statistics::{median, sorted};
use super::{TimerSettings, Workload};

/// Launches in one window; times are stable when two neighbouring windows agree twice in a row.
const WINDOW: usize = 5;

/// Neighbouring windows agree when their medians differ by less than this share.
const WINDOW_AGREEMENT: f64 = 0.01;

/// How the launches before the first sample went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// Wall time.
    pub lasted: Duration,
    pub launches: u32,
    /// Whether the last windows agreed; never after a single window.
    pub stable: bool,
    /// By which share the medians of the last two windows differ; `None` after a single window.
    pub drift: Option<f64>,
}

impl fmt::Display for WarmUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.lasted.as_secs_f64() * 1e3;
        match self.drift {
            None => write!(formatter, "one window"),
            Some(_) if self.stable => write!(formatter, "stable after {milliseconds:.0} ms"),
            Some(drift) => {
                let (drift, wanted) = (100.0 * drift, 100.0 * WINDOW_AGREEMENT);
                write!(
                    formatter,
                    "not stable after {milliseconds:.0} ms: windows differ by {drift:.1} %, wanted {wanted} %"
                )
            }
        }
    }
}

/// Launches until times are stable and the least warm-up is over; gives the last window's median seconds too.
pub(super) fn warm_up(
    instruments: &Instruments,
    settings: &TimerSettings,
    workload: &dyn Workload,
) -> Result<(f64, WarmUp), BackendError> {
    let started = Instant::now();
    let mut previous: Option<f64> = None;
    let (mut agreements, mut launches) = (0, 0);
    // Each copy of the buffers is launched over. Without any warm-up time one launch still says how long the work takes.
    let window = if settings.most_warm_up == Duration::ZERO { 1 } else { WINDOW.max(workload.replicas()) };
    loop {
        let mut seconds = Vec::with_capacity(window);
        for replica in 0..window {
            instruments.hold(workload.launches())?;
            seconds.push(instruments.interval(|| workload.enqueue(replica % workload.replicas()))?);
        }
        launches += window as u32;
        let middle = median(&sorted(&seconds)).expect("a window has launches");
        let drift = previous.map(|before| (middle - before).abs() / before.abs());
        let agrees = drift.is_some_and(|drift| drift <= WINDOW_AGREEMENT);
        agreements = if agrees { agreements + 1 } else { 0 };
        previous = Some(middle);
        let lasted = started.elapsed();
        let stable = agreements >= 2;
        if stable && lasted >= settings.least_warm_up || lasted >= settings.most_warm_up {
            return Ok((middle, WarmUp { lasted, launches, stable, drift }));
        }
    }
}

//! What measuring a case costs in wall time, before it was tried.

use crate::backend::DeviceInfo;
use crate::operation::Case;
use crate::profiling::{Roofs, TimerSettings};

/// Seconds of one of the emulator's element visits, see `Cost::emulated_visits`.
const EMULATED_VISIT: f64 = 20e-9;

/// Kernels take a few times their roofline.
const OVER_ROOFLINE: f64 = 3.0;

/// What goes around a sample on a GPU: the flush of the caches or a batch of launches, the hold, the wait.
const AROUND_A_SAMPLE: f64 = 300e-6;

/// The two looks at a GPU around the samples of a mode, with the work that keeps it busy meanwhile.
const LOOKS: f64 = 20e-3;

/// Without a verified time: inputs and reference cost so many launches.
const LAUNCHES_OF_A_REFERENCE: f64 = 10.0;

/// Seconds that measuring one case is expected to take. Rough: `SweepPlan` learns by how much it is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CaseCost {
    /// Paid whatever the number of samples: inputs, reference, uploads, warm-up, looks, judging.
    pub fixed: f64,
    /// One sample with all that goes around it.
    pub sample: f64,
}

impl CaseCost {
    /// `verified` is how long verifying the case took, which has the same inputs and reference.
    pub fn predict(
        case: &Case,
        device: &DeviceInfo,
        roofs: Option<&Roofs>,
        settings: &TimerSettings,
        modes: usize,
        verified: Option<f64>,
    ) -> Self {
        let cost = case.operation.cost(&case.problem);
        let launch = match roofs {
            Some(roofs) => OVER_ROOFLINE * roofs.roofline(&cost).seconds,
            None => EMULATED_VISIT * cost.emulated_visits as f64,
        };
        let (around, looks) = if device.emulated { (0.0, 0.0) } else { (AROUND_A_SAMPLE, LOOKS) };
        let per_mode = settings.least_warm_up.as_secs_f64() + looks + launch;
        let prepared = verified.unwrap_or(LAUNCHES_OF_A_REFERENCE * launch);
        Self { fixed: prepared + modes as f64 * per_mode, sample: launch + around }
    }
}

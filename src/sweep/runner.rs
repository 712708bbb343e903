//! Many cases, one after the other: nothing else may run on a device that is being timed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::{BackendError, Device, KernelLibrary};
use crate::operation::Case;
use crate::profiling::{Conditions, KernelTimer, Mode, Roofs, TimerSettings};

use super::case_order::measuring_order;
use super::case_sweep::{CaseEnd, CaseError, Plan, sweep_case};
use super::{Problem, SweepSink};

/// How cases are measured.
#[derive(Clone, Debug)]
pub struct SweepOptions {
    pub modes: Vec<Mode>,
    pub settings: TimerSettings,
    /// Decides the order in which cases are measured, and which timed launches are checked in full.
    pub seed: u64,
    /// What the device loads its kernels from, for the identity of each case's code.
    pub library: Arc<KernelLibrary>,
}

/// What a sweep adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepSummary {
    pub cases: usize,
    pub measured: usize,
    /// Cases that launch nothing.
    pub empty: usize,
    /// Cases with a launch that gave a wrong result, or without an acceptable sample.
    pub refused: usize,
    /// Cases that could not run.
    pub errored: usize,
    pub interrupted: bool,
}

/// A sweep that could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("measured rows could not be stored: {0}; free space there or choose another --out")]
    Sink(#[from] io::Error),
}

/// A timer with the roofs of its device, ready for any number of cases.
pub struct Sweep {
    timer: KernelTimer,
    roofs: Option<Roofs>,
    options: SweepOptions,
}

impl Sweep {
    /// Calibrates the timer and measures the roofs.
    pub fn new(device: &Arc<dyn Device>, options: SweepOptions) -> Result<Self, BackendError> {
        let timer = KernelTimer::new(device, options.settings)?;
        let roofs = Roofs::measure(&timer)?;
        Ok(Self { timer, roofs, options })
    }

    /// `None` on an emulated device.
    pub fn roofs(&self) -> Option<&Roofs> {
        self.roofs.as_ref()
    }

    /// What is measured under; what could not be read is complete when the last case is done.
    pub fn conditions(&self) -> Conditions {
        self.timer.conditions()
    }

    /// Measures each case, which must have passed `verify`, in an order that the seed decides. When `stop` becomes true, what was measured of the
    /// case in work is kept and no other is taken.
    pub fn run(&self, cases: &[Case], stop: &AtomicBool, sink: &mut dyn SweepSink) -> Result<SweepSummary, SweepError> {
        let mut summary = SweepSummary { cases: cases.len(), ..SweepSummary::default() };
        for place in measuring_order(cases.len(), self.options.seed) {
            let case = &cases[place.suite_position];
            if stop.load(Ordering::Relaxed) {
                summary.interrupted = true;
                break;
            }
            let SweepOptions { ref modes, seed, ref library, .. } = self.options;
            let plan = Plan { modes, roofs: self.roofs.as_ref(), seed, library };
            let end = sweep_case(&self.timer, case, place, &plan, stop, sink);
            let problem = |reason| Problem { case: case.id(), fatal: true, reason };
            match end {
                Ok(CaseEnd::Measured) => summary.measured += 1,
                Ok(CaseEnd::Empty) => {
                    summary.empty += 1;
                    let reason = "nothing is launched, so there is nothing to time".to_string();
                    sink.problem(&Problem { fatal: false, ..problem(reason) })?;
                }
                Ok(CaseEnd::Interrupted) => summary.interrupted = true,
                Ok(CaseEnd::Refused(reason)) => {
                    summary.refused += 1;
                    sink.problem(&problem(reason))?;
                }
                Err(CaseError::Sink(error)) => return Err(error.into()),
                Err(error @ (CaseError::Bind(_) | CaseError::Backend(_))) => {
                    summary.errored += 1;
                    sink.problem(&problem(error.to_string()))?;
                }
            }
            sink.progress(place.measured_position + 1, cases.len())?;
        }
        Ok(summary)
    }
}

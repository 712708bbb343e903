//! Many cases, one after the other: nothing else may run on a device that is being timed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::backend::{BackendError, Device, KernelLibrary};
use crate::operation::{BindError, Case, ContractError};
use crate::profiling::{Conditions, KernelTimer, Mode, Roofs, TimerSettings};
use crate::progress::span_text;

use super::case_cost::CaseCost;
use super::case_order::measuring_order;
use super::case_sweep::{CaseEnd, CaseError, Plan, sweep_case};
use super::meter::Meter;
use super::sweep_plan::SweepPlan;
use super::{Forecast, Planning, Problem, SweepProgress, SweepSink};

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
    /// Cases that the time budget did not reach.
    pub unreached: usize,
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
    planning: Planning,
}

impl Sweep {
    /// Calibrates the timer and measures the roofs.
    pub fn new(device: &Arc<dyn Device>, options: SweepOptions) -> Result<Self, BackendError> {
        let timer = KernelTimer::new(device, options.settings)?;
        let roofs = Roofs::measure(&timer)?;
        Ok(Self { timer, roofs, options, planning: Planning::default() })
    }

    /// Fits what follows into a time budget, and foretells its end better.
    pub fn planned(self, planning: Planning) -> Self {
        Self { planning, ..self }
    }

    /// What measuring these cases will need, before it begins.
    pub fn forecast(&self, cases: &[Case]) -> Forecast {
        let plan = self.plan(cases);
        let left = self.planning.budget.map(|budget| budget.left());
        let limit = left.map(|left| Duration::from_secs_f64(plan.limit(left.as_secs_f64())));
        Forecast { least: Duration::from_secs_f64(plan.least()), left, limit }
    }

    fn plan(&self, cases: &[Case]) -> SweepPlan {
        let (device, settings) = (self.timer.device().info(), &self.options.settings);
        let modes = self.options.modes.len();
        let cost = |case: &Case| {
            let verified = self.planning.verified_seconds.get(&case.id()).copied();
            CaseCost::predict(case, device, self.roofs.as_ref(), settings, modes, verified)
        };
        let costs = cases.iter().map(cost).collect();
        SweepPlan::new(costs, modes, settings.least_samples, settings.time_limit.as_secs_f64())
    }

    /// `None` on an emulated device.
    pub fn roofs(&self) -> Option<&Roofs> {
        self.roofs.as_ref()
    }

    /// What is measured under; what could not be read is complete when the last case is done.
    pub fn conditions(&self) -> Conditions {
        self.timer.conditions()
    }

    /// Measures each case, which must have passed `verify`, in an order that the seed decides. When `stop` becomes
    /// true, what was measured of the case in work is kept and no other is taken. Under a time budget every case
    /// may sample for its share of what is left; one that even the fewest samples of do not fit in is handed to
    /// the sink as unreached.
    pub fn run(
        &mut self,
        cases: &[Case],
        stop: &AtomicBool,
        sink: &mut dyn SweepSink,
    ) -> Result<SweepSummary, SweepError> {
        let mut summary = SweepSummary { cases: cases.len(), ..SweepSummary::default() };
        let mut plan = self.plan(cases);
        let ceiling = self.options.settings.time_limit.as_secs_f64();
        let mut limit = ceiling;
        let mut plan_again_at = 0;
        for place in measuring_order(cases.len(), self.options.seed) {
            let case = &cases[place.suite_position];
            if stop.load(Ordering::Relaxed) {
                summary.interrupted = true;
                break;
            }
            let problem = |reason| Problem { case: case.id(), fatal: true, reason };
            let done = place.measured_position;
            let budget = self.planning.budget;
            let progress = |plan: &SweepPlan, limit: f64| {
                let expected = Duration::from_secs_f64(plan.expected(limit));
                let remaining = budget.map_or(expected, |budget| expected.min(budget.left()));
                SweepProgress { done: done + 1, total: cases.len(), remaining }
            };
            if let Some(budget) = budget {
                let (left, least) = (budget.left().as_secs_f64(), plan.least_of(place.suite_position));
                if least > left {
                    summary.unreached += 1;
                    plan.give_up(place.suite_position);
                    let (whole, least) = (span_text(budget.whole), span_text(Duration::from_secs_f64(least)));
                    let why = format!(
                        "of the time budget of {whole} less was left than the {least} that the fewest samples take"
                    );
                    sink.unreached(&Problem::not_reached(case.id(), &why))?;
                    sink.progress(&progress(&plan, limit))?;
                    continue;
                }
                // Planning looks at every case that waits: after each hundredth of them is often enough.
                if done >= plan_again_at {
                    limit = plan.limit(left);
                    plan_again_at = done + (cases.len() - done) / 100 + 1;
                }
                self.timer.set_budget((limit < ceiling).then(|| Duration::from_secs_f64(limit)));
            }
            let SweepOptions { ref modes, seed, ref library, .. } = self.options;
            let how = Plan { modes, roofs: self.roofs.as_ref(), seed, library };
            sink.begin(&case.id())?;
            let mut meter = Meter::new(sink, limit);
            let end = sweep_case(&self.timer, case, place, &how, stop, &mut meter);
            plan.finish(place.suite_position, &meter.spent());
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
                Err(CaseError::Bind(BindError::Contract(error @ ContractError::Device { .. }))) => {
                    summary.empty += 1;
                    sink.problem(&Problem { fatal: false, ..problem(error.to_string()) })?;
                }
                Err(error @ (CaseError::Bind(_) | CaseError::Backend(_))) => {
                    summary.errored += 1;
                    sink.problem(&problem(error.to_string()))?;
                }
            }
            sink.progress(&progress(&plan, limit))?;
        }
        Ok(summary)
    }
}

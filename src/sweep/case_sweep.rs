//! One case: judged, timed cold and hot, and the timed launches' outputs checked.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::{BackendError, DeviceInfo, KernelLibrary};
use crate::operation::{BindError, Case, Cost};
use crate::profiling::{KernelTimer, Mode, Roofs, Rotation, SampleSet, StopReason};

use super::case_facts::CaseFacts;
use super::case_order::Place;
use super::measurement::Surroundings;
use super::{Measurement, Problem, SweepSink, VerifiedCase};

/// Why a case ends without the measurements that were asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum CaseError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Where rows go cannot take more; this ends the sweep.
    #[error(transparent)]
    Sink(#[from] io::Error),
}

/// How one case ended.
pub(super) enum CaseEnd {
    Measured,
    /// There is nothing to launch.
    Empty,
    /// Outputs are wrong, or no sample was acceptable.
    Refused(String),
    Interrupted,
}

/// How a case is measured, and what its numbers are put in relation to.
pub(super) struct Plan<'a> {
    pub modes: &'a [Mode],
    pub roofs: Option<&'a Roofs>,
    /// Of the whole run; each place draws other launches.
    pub seed: u64,
    /// What the device loads its kernels from.
    pub library: &'a KernelLibrary,
}

/// Measures one case in the given modes. A mode's row reaches the sink only after its launches were checked, and
/// only if those of all modes were right; raw samples reach it at once.
pub(super) fn sweep_case(
    timer: &KernelTimer,
    case: &Case,
    place: Place,
    plan: &Plan<'_>,
    stop: &AtomicBool,
    sink: &mut dyn SweepSink,
) -> Result<CaseEnd, CaseError> {
    let seed = plan.seed.wrapping_add(place.suite_position as u64);
    let mut rotation = match VerifiedCase::new(timer.device(), case, seed)? {
        VerifiedCase::Ready(rotation) => rotation,
        VerifiedCase::Wrong(reason) => return Ok(CaseEnd::Refused(reason)),
        VerifiedCase::Empty => return Ok(CaseEnd::Empty),
    };
    let attributes = rotation.attributes()?;
    let id = case.id();
    let facts = &CaseFacts::of(timer.device(), case, plan.library)?;
    let mut rows = Vec::new();
    let mut interrupted = false;
    for &mode in plan.modes {
        let fastest = fastest_seconds(case, mode, &rotation, plan.roofs, timer.device().info());
        let set = measure(timer, &mut rotation, mode, fastest, &id, stop, sink)?;
        if set.rejected() > 0 {
            let (not_positive, beat_roof) = (set.not_positive, set.beat_roof);
            let reason = format!(
                "{mode} samples were rejected: {beat_roof} beat the roof, {not_positive} were zero, negative or no number"
            );
            sink.problem(&Problem { case: id.clone(), fatal: false, reason })?;
        }
        if let Some(failure) = set.checks.as_ref().and_then(|checks| checks.failure()) {
            return Ok(CaseEnd::Refused(format!("{mode}: {failure}")));
        }
        let exceeds_caches = rotation.exceeds_caches();
        let device = timer.device().info();
        let surroundings = Surroundings { device, roofs: plan.roofs, exceeds_caches, place, attributes, facts };
        let Some(row) = Measurement::new(case, &set, &surroundings) else {
            return Ok(CaseEnd::Refused(no_sample(&set)));
        };
        rows.push(row);
        if set.stop == StopReason::Interrupted {
            interrupted = true;
            break;
        }
    }
    rows.iter().try_for_each(|row| sink.measurement(row))?;
    Ok(if interrupted { CaseEnd::Interrupted } else { CaseEnd::Measured })
}

fn no_sample(set: &SampleSet) -> String {
    let (mode, not_positive, beat_roof) = (set.mode, set.not_positive, set.beat_roof);
    format!("no {mode} sample was acceptable: {not_positive} not positive, {beat_roof} beat the roof")
}

fn measure(
    timer: &KernelTimer,
    rotation: &mut Rotation,
    mode: Mode,
    fastest_seconds: Option<f64>,
    case: &str,
    stop: &AtomicBool,
    sink: &mut dyn SweepSink,
) -> Result<SampleSet, CaseError> {
    let mut failure = None;
    let set = timer.measure(rotation, mode, fastest_seconds, &mut |sample| {
        if let Err(error) = sink.sample(case, sample) {
            failure = Some(error);
            return ControlFlow::Break(());
        }
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    failure.map_or(Ok(set), |error| Err(error.into()))
}

/// Seconds that no correct launch can beat. Output bytes may stay behind in a write-back cache, so they count
/// only for outputs that exceed the caches themselves; hot launches over buffers that fit in the caches are
/// bound by no memory roof at all. `None` where there is no such bound.
pub fn fastest_seconds(
    case: &Case,
    mode: Mode,
    rotation: &Rotation,
    roofs: Option<&Roofs>,
    device: &DeviceInfo,
) -> Option<f64> {
    let roofs = roofs?;
    if mode == Mode::Hot && !rotation.exceeds_caches() {
        return None;
    }
    let Cost { bytes_read, bytes_written, .. } = case.operation.cost(&case.problem);
    let caches = device.l2_bytes + device.last_level_bytes;
    let outputs_reach_memory = bytes_written >= 2 * caches;
    Some(roofs.fastest_seconds(if outputs_reach_memory { bytes_read + bytes_written } else { bytes_read }))
}

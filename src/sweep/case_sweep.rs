//! One case: timed cold and hot, and the timed launches' outputs checked.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::{BackendError, DeviceInfo};
use crate::operation::{BindError, Case, Cost, TensorRole};
use crate::profiling::{KernelTimer, Mode, Roofs, Rotation, SampleSet, StopReason, Workload};
use crate::tensor::HostTensor;

use super::case_order::Place;
use super::measurement::Surroundings;
use super::{Measurement, Problem, SweepSink};

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
    /// The timed launches' outputs are wrong, or no sample was acceptable.
    Refused(String),
    Interrupted,
}

/// Measures one case in the given modes. A mode's row reaches the sink only after the outputs were checked;
/// raw samples reach it at once.
pub(super) fn sweep_case(
    timer: &KernelTimer,
    case: &Case,
    place: Place,
    modes: &[Mode],
    roofs: Option<&Roofs>,
    stop: &AtomicBool,
    sink: &mut dyn SweepSink,
) -> Result<CaseEnd, CaseError> {
    let inputs = case.operation.generate(&case.problem, case.class, case.seed);
    let rotation = Rotation::new(timer.device(), case.operation, &case.problem, &inputs)?;
    let id = case.id();
    let mut sets = Vec::new();
    for &mode in modes {
        let fastest = fastest_seconds(case, mode, &rotation, roofs, timer.device().info());
        let set = measure(timer, &rotation, mode, fastest, &id, stop, sink)?;
        if set.beat_roof > 0 {
            let reason = format!("{} {mode} samples beat the roof and were rejected", set.beat_roof);
            sink.problem(&Problem { case: id.clone(), fatal: false, reason })?;
        }
        let interrupted = set.stop == StopReason::Interrupted;
        sets.push(set);
        if interrupted {
            break;
        }
    }
    if let Some(reason) = check_outputs(case, &rotation, &inputs)? {
        return Ok(CaseEnd::Refused(reason));
    }
    let exceeds_caches = rotation.exceeds_caches();
    let surroundings = Surroundings { device: timer.device().info(), roofs, exceeds_caches, place };
    for set in &sets {
        let Some(measurement) = Measurement::new(case, set, &surroundings) else {
            return Ok(CaseEnd::Refused(no_sample(set)));
        };
        sink.measurement(&measurement)?;
    }
    let interrupted = sets.iter().any(|set| set.stop == StopReason::Interrupted);
    Ok(if interrupted { CaseEnd::Interrupted } else { CaseEnd::Measured })
}

fn no_sample(set: &SampleSet) -> String {
    let (mode, not_positive, beat_roof) = (set.mode, set.not_positive, set.beat_roof);
    format!("no {mode} sample was acceptable: {not_positive} not positive, {beat_roof} beat the roof")
}

fn measure(
    timer: &KernelTimer,
    rotation: &Rotation,
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

/// The time that no correct launch can beat. Output bytes may stay behind in a write-back cache, so they count
/// only for outputs that exceed the caches themselves; hot launches over buffers that fit in the caches are
/// bound by no memory roof at all.
fn fastest_seconds(
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

/// Judges what the last timed launch left in one copy of the buffers and compares every other copy with it,
/// byte by byte. A fast launch that skips work is found here: the outputs were poisoned before timing.
fn check_outputs(case: &Case, rotation: &Rotation, inputs: &[HostTensor]) -> Result<Option<String>, CaseError> {
    let problems = rotation.problems();
    let in_place = problems[0].specs().iter().any(|spec| matches!(spec.role, TensorRole::InPlace { .. }));
    if in_place {
        // Each launch changed the next one's input: what can be checked is one more launch on fresh inputs.
        rotation.reset(inputs)?;
        (0..problems.len()).try_for_each(|replica| rotation.enqueue(replica))?;
    }
    let reference = case.operation.reference(&case.problem, inputs);
    let first = problems[0].download()?;
    let failures: Vec<_> = reference
        .judge(&first)
        .into_iter()
        .filter(|judgement| !judgement.only_statistical)
        .flat_map(|judgement| judgement.failures)
        .collect();
    if !failures.is_empty() {
        return Ok(Some(format!("the timed launches computed something else: {}", failures.join("; "))));
    }
    for (replica, problem) in problems.iter().enumerate().skip(1) {
        let outputs = problem.download()?;
        if first.iter().zip(&outputs).any(|(first, other)| first.bytes() != other.bytes()) {
            return Ok(Some(format!("timed launches over copy {replica} of the buffers gave other bits than copy 0")));
        }
    }
    Ok(None)
}

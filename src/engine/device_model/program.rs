//! A sequence of operations over fixed memory, enqueued one by one, or replayed as a graph.

use std::time::Duration;

use crate::backend::{BackendError, Device, Event, Graph};
use crate::engine::{OperationSpan, Profile};
use crate::operation::BoundPlan;

use super::products::LibraryProduct;

/// One operation of a program.
pub struct Step {
    /// Counted from 0; `None` outside of the layers.
    pub layer: Option<usize>,
    pub operation: &'static str,
    pub work: Work,
}

/// What an operation enqueues.
pub enum Work {
    Kernels(BoundPlan),
    Library(LibraryProduct),
}

impl Work {
    pub fn enqueue(&self) -> Result<(), BackendError> {
        match self {
            Work::Kernels(plan) => plan.enqueue(),
            Work::Library(product) => product.enqueue(),
        }
    }
}

/// How often a program ran before it is worth a graph: the first run may be the only one.
const RUNS_BEFORE_CAPTURE: usize = 1;

/// Operations that run together.
#[derive(Default)]
pub struct Program {
    steps: Vec<Step>,
    graph: Option<Box<dyn Graph>>,
    runs: usize,
}

impl Program {
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps, ..Self::default() }
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Enqueues each operation by itself.
    pub fn enqueue(&self) -> Result<(), BackendError> {
        self.steps.iter().try_for_each(|step| step.work.enqueue())
    }

    /// Enqueues all operations: one by one the first time, then as a graph, where the device has such.
    pub fn run(&mut self, device: &dyn Device) -> Result<(), BackendError> {
        if self.runs == RUNS_BEFORE_CAPTURE {
            self.graph = device.capture(&mut || self.steps.iter().try_for_each(|step| step.work.enqueue()))?;
        }
        self.runs += 1;
        match &self.graph {
            Some(graph) => graph.replay(),
            None => self.enqueue(),
        }
    }
}

/// Times every operation of some programs, run one after the other, by events between them.
pub fn profile(
    device: &dyn Device,
    events: &mut Vec<Box<dyn Event>>,
    programs: &[&Program],
) -> Result<Profile, BackendError> {
    let steps: Vec<&Step> = programs.iter().flat_map(|program| &program.steps).collect();
    while events.len() <= steps.len() {
        events.push(device.create_event()?);
    }
    device.record(&*events[0])?;
    for (step, end) in steps.iter().zip(&events[1..]) {
        step.work.enqueue()?;
        device.record(&**end)?;
    }
    let mut profile = Profile { spans: Vec::with_capacity(steps.len()), rejected: 0 };
    for (index, step) in steps.iter().enumerate() {
        let start = span(device.elapsed_seconds(&*events[0], &*events[index])?);
        let duration = span(device.elapsed_seconds(&*events[index], &*events[index + 1])?);
        match start.zip(duration) {
            Some((start, duration)) => {
                let (layer, operation) = (step.layer, step.operation);
                profile.spans.push(OperationSpan { layer, operation, start, duration });
            }
            None => profile.rejected += 1,
        }
    }
    Ok(profile)
}

/// Time between events that follow each other; `None` for seconds that cannot be, which some drivers give for very short
/// intervals.
pub fn span(elapsed: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(elapsed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_cannot_be_is_no_span() {
        assert_eq!(span(0.25), Some(Duration::from_millis(250)));
        assert_eq!(span(0.0), Some(Duration::ZERO));
        for impossible in [-1e-7, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30] {
            assert_eq!(span(impossible), None, "{impossible}");
        }
    }
}

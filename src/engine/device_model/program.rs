//! A sequence of operations over fixed memory, enqueued one by one, or replayed as a graph.

use std::time::Duration;

use crate::backend::{BackendError, Device, Event, Graph};
use crate::engine::OperationSpan;
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
) -> Result<Vec<OperationSpan>, BackendError> {
    let steps: Vec<&Step> = programs.iter().flat_map(|program| &program.steps).collect();
    while events.len() <= steps.len() {
        events.push(device.create_event()?);
    }
    device.record(&*events[0])?;
    for (step, end) in steps.iter().zip(&events[1..]) {
        step.work.enqueue()?;
        device.record(&**end)?;
    }
    let mut spans = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let start = seconds(device.elapsed_seconds(&*events[0], &*events[index])?);
        let duration = seconds(device.elapsed_seconds(&*events[index], &*events[index + 1])?);
        spans.push(OperationSpan { layer: step.layer, operation: step.operation, start, duration });
    }
    Ok(spans)
}

/// Time between events that follow each other. A driver's clock may give a hair less than nothing.
pub fn seconds(elapsed: f64) -> Duration {
    Duration::try_from_secs_f64(elapsed.max(0.0)).unwrap_or_default()
}

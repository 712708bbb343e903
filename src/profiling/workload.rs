//! What a timer can launch.

use std::sync::Arc;

use crate::backend::{BackendError, Device, DeviceInfo};
use crate::operation::{BindError, BoundProblem, Operation, Problem};
use crate::tensor::HostTensor;

/// Something that enqueues work on a device's stream, any number of times.
pub trait Workload {
    /// Copies of the buffers; `enqueue` takes `0..replicas()`.
    fn replicas(&self) -> usize {
        1
    }

    /// Kernel launches of one `enqueue`.
    fn launches(&self) -> usize {
        1
    }

    /// Enqueues the work once, over the given copy of the buffers.
    fn enqueue(&self, replica: usize) -> Result<(), BackendError>;
}

impl<F: Fn() -> Result<(), BackendError>> Workload for F {
    fn enqueue(&self, _replica: usize) -> Result<(), BackendError> {
        self()
    }
}

/// Copies together span this many times the caches. Twice is not enough: caches do not evict the oldest line
/// exactly, so a part of the next copy would still be found there.
const CACHES_SPANNED: u64 = 4;

/// More copies would only cost memory and upload time: below a quarter of the caches a problem may stay in
/// them, as it does behind the kernel that made its inputs.
const MOST_REPLICAS: u64 = 16;

/// One problem bound several times, so that launches in turn do not find their inputs in a cache.
pub struct Rotation {
    problems: Vec<BoundProblem>,
}

impl Rotation {
    /// Binds and uploads enough copies to span four times the device's caches, at most 16 and at most a
    /// quarter of its memory. Outputs are poisoned.
    pub fn new(
        device: &Arc<dyn Device>,
        operation: &dyn Operation,
        problem: &Problem,
        inputs: &[HostTensor],
    ) -> Result<Self, BindError> {
        let first = BoundProblem::new(device, operation, problem)?;
        let count = replica_count(device.info(), first.device_bytes() as u64);
        let mut problems = vec![first];
        while problems.len() < count {
            problems.push(BoundProblem::new(device, operation, problem)?);
        }
        let rotation = Self { problems };
        rotation.reset(inputs)?;
        Ok(rotation)
    }

    /// Uploads the inputs again, which in-place launches have overwritten, and poisons the outputs.
    pub fn reset(&self, inputs: &[HostTensor]) -> Result<(), BackendError> {
        for problem in &self.problems {
            problem.upload(inputs)?;
            problem.poison(0xFF)?;
        }
        Ok(())
    }

    pub fn problems(&self) -> &[BoundProblem] {
        &self.problems
    }

    /// Whether launches in turn find next to nothing of their buffers in a cache.
    pub fn exceeds_caches(&self) -> bool {
        let bytes: u64 = self.problems.iter().map(|problem| problem.device_bytes() as u64).sum();
        let info = self.problems[0].device().info();
        bytes >= CACHES_SPANNED * (info.l2_bytes + info.last_level_bytes)
    }
}

impl Workload for Rotation {
    fn replicas(&self) -> usize {
        self.problems.len()
    }

    fn launches(&self) -> usize {
        self.problems[0].kernels().count()
    }

    fn enqueue(&self, replica: usize) -> Result<(), BackendError> {
        self.problems[replica].enqueue()
    }
}

fn replica_count(info: &DeviceInfo, bytes: u64) -> usize {
    let caches = info.l2_bytes + info.last_level_bytes;
    if info.emulated || bytes == 0 {
        return 1;
    }
    let wanted = (CACHES_SPANNED * caches).div_ceil(bytes);
    let affordable = (info.memory_bytes / 4 / bytes).max(1);
    wanted.clamp(1, MOST_REPLICAS).min(affordable) as usize
}

#[cfg(test)]
mod tests {
    use super::super::mock_device::gpu_info;
    use super::*;

    #[test]
    fn copies_span_the_caches_within_reason() {
        let info = DeviceInfo { l2_bytes: 50 << 20, last_level_bytes: 0, memory_bytes: 80 << 30, ..gpu_info() };
        assert_eq!(replica_count(&info, 1 << 30), 1, "a problem far larger than the caches evicts itself");
        assert_eq!(replica_count(&info, 30 << 20), 7);
        assert_eq!(replica_count(&info, 4096), 16);
        let small = DeviceInfo { memory_bytes: 240 << 20, ..info };
        assert_eq!(replica_count(&small, 30 << 20), 2, "at most a quarter of the memory");
        assert_eq!(replica_count(&DeviceInfo { emulated: true, ..small }, 4096), 1);
    }
}

//! What a case is, apart from how long it takes.

use std::sync::Arc;

use crate::backend::{Device, KernelLibrary};
use crate::operation::{BindError, BoundProblem, Case, CodeIdentity};

/// The same in both modes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CaseFacts {
    /// What the case runs, as a digest.
    pub identity: Option<CodeIdentity>,
    /// Steps of one launch of the whole operation on the emulator; none where nothing counts them.
    pub steps: Option<u64>,
}

impl CaseFacts {
    /// `library` is what the device loads. On an emulated device that counts steps the case is launched once more, over
    /// buffers of its own.
    pub fn of(device: &Arc<dyn Device>, case: &Case, library: &KernelLibrary) -> Result<Self, BindError> {
        let identity = Some(CodeIdentity::of(case, library, &**device)?);
        let steps = if device.info().emulated { count_steps(device, case)? } else { None };
        Ok(Self { identity, steps })
    }
}

fn count_steps(device: &Arc<dyn Device>, case: &Case) -> Result<Option<u64>, BindError> {
    if device.take_steps().is_none() {
        return Ok(None);
    }
    let problem = BoundProblem::new(device, case.operation, &case.problem)?;
    problem.upload(&case.operation.generate(&case.problem, case.class, case.seed))?;
    problem.poison(0xFF)?;
    device.take_steps();
    problem.enqueue()?;
    device.synchronize()?;
    Ok(device.take_steps())
}

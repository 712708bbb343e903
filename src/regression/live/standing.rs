//! How a side stands at a case: right, wrong, or without a result.

use crate::regression::worker::{ChildEnd, Refusal, Revival, Worker, WorkerError};
use crate::verify::Status;

/// What became of a case on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Right,
    /// Wrong outputs, or a kernel that did something undefined, crashed or never ended.
    Wrong(String),
    /// It does not compile, does not fit in memory, or its program does not answer.
    Unmeasurable(String),
}

impl Standing {
    /// As `verify` calls it.
    pub(super) const fn status(&self) -> Status {
        match self {
            Standing::Right => Status::Passed,
            Standing::Wrong(_) => Status::Failed,
            Standing::Unmeasurable(_) => Status::Errored,
        }
    }

    /// Empty where the side is right.
    pub fn reason(&self) -> &str {
        match self {
            Standing::Right => "",
            Standing::Wrong(reason) | Standing::Unmeasurable(reason) => reason,
        }
    }
}

/// Judges a request that a worker did not meet. If its child is gone a fresh one takes its place and asks the device;
/// `Err` if that gives no answer either, because no side is to blame then.
pub(super) fn judge(error: &WorkerError, worker: &mut Worker) -> Result<Standing, String> {
    let standing = match error.end() {
        None => Standing::Unmeasurable(error.to_string()),
        Some(ChildEnd::Refused { why: Refusal::WrongResult, reason }) => Standing::Wrong(reason.clone()),
        Some(ChildEnd::Refused { reason, .. }) => Standing::Unmeasurable(reason.clone()),
        Some(
            ChildEnd::Crashed { signal: libc::SIGKILL }
            | ChildEnd::OutOfMemory { .. }
            | ChildEnd::Exited { .. }
            | ChildEnd::Garbled { .. }
            | ChildEnd::WrongProtocol { .. }
            | ChildEnd::Fault { .. },
        ) => Standing::Unmeasurable(error.to_string()),
        Some(ChildEnd::Crashed { .. } | ChildEnd::Hung { .. } | ChildEnd::LostDevice { .. }) => {
            Standing::Wrong(error.to_string())
        }
    };
    match worker.revive() {
        Revival::NotNeeded | Revival::DeviceAnswers => Ok(standing),
        Revival::DeviceSilent(silence) => {
            Err(format!("no fresh process gets an answer from the device ({silence}) after this: {error}; reset it"))
        }
    }
}

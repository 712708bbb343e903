//! What it says of a commit that its worker gave no answer.

use crate::regression::bisect::{Commit, GraderError};
use crate::regression::worker::{ChildEnd, Refusal, Revival, Worker, WorkerError};

use super::source::Source;

/// What a worker that gave no answer tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The result is wrong, or a kernel did something undefined, crashed or never ended.
    Wrong(String),
    /// The commit cannot be measured: it does not build, there is not enough memory.
    Unmeasurable(String),
}

impl Ending {
    pub fn reason(&self) -> &str {
        match self {
            Ending::Wrong(reason) | Ending::Unmeasurable(reason) => reason,
        }
    }
}

/// Judges an error of a commit's worker. When the child is gone a fresh one asks the device; if that gives no answer
/// either, no commit is to blame.
pub(super) fn judge_ending(
    error: &WorkerError,
    worker: Option<&mut Worker>,
    commit: &Commit,
    source: &Source,
) -> Result<Ending, GraderError> {
    let Some(end) = error.end() else { return Ok(Ending::Unmeasurable(error.to_string())) };
    let ending = match end {
        ChildEnd::Refused { why: Refusal::WrongResult, reason } => return Ok(Ending::Wrong(reason.clone())),
        ChildEnd::Refused { why: Refusal::Unbuildable, reason } => {
            let log = source.keep_log(commit, reason);
            let place = log.map(|path| format!("; the compiler's words are in {}", path.display())).unwrap_or_default();
            let first = reason.lines().next().unwrap_or("it does not compile");
            return Ok(Ending::Unmeasurable(format!("{first}{place}")));
        }
        ChildEnd::Refused { reason, .. } => return Ok(Ending::Unmeasurable(reason.clone())),
        ChildEnd::Fault { .. } => return Err(GraderError::Trouble(error.to_string())),
        ChildEnd::OutOfMemory { .. } | ChildEnd::Crashed { signal: libc::SIGKILL } => {
            Ending::Unmeasurable(error.to_string())
        }
        ChildEnd::Exited { .. } | ChildEnd::Garbled { .. } | ChildEnd::WrongProtocol { .. } => {
            Ending::Unmeasurable(error.to_string())
        }
        ChildEnd::Crashed { .. } | ChildEnd::Hung { .. } | ChildEnd::LostDevice { .. } => {
            Ending::Wrong(error.to_string())
        }
    };
    match worker.map(Worker::revive) {
        Some(Revival::DeviceSilent(silence)) => Err(GraderError::Trouble(format!(
            "the device does not answer any more ({silence}) after this: {error}; reset it, then go on with --resume"
        ))),
        _ => Ok(ending),
    }
}

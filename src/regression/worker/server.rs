//! The child's side: answers requests until its input ends.

use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::backend::{BackendError, Device, KernelAttributes, KernelId, KernelLibrary, LaunchDimensions};
use crate::operation::{BindError, Case, CodeIdentity};
use crate::profiling::{KernelTimer, TimerSettings};
use crate::registry::OPERATIONS;
use crate::report::Build;
use crate::suite::parse_case_id;

use super::end::Refusal;
use super::protocol::{Answer, CaseFacts, Hello, Numbered, PROTOCOL, Request};
use super::stages::Stages;

/// A worker that cannot go on speaking.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("the worker cannot speak to its parent: {0}; start it through another hipgauge command")]
    Stream(#[from] io::Error),
    #[error("`{line}` is no request: {error}; a worker is started by other hipgauge commands, not by hand")]
    Request { line: String, error: serde_json::Error },
}

/// Why a request is not met.
pub(super) struct Stop(pub Answer);

impl Stop {
    pub fn refuse(why: Refusal, reason: impl ToString) -> Self {
        Self(Answer::Refused { why, reason: reason.to_string(), goes_on: true })
    }
}

impl From<BackendError> for Stop {
    fn from(error: BackendError) -> Self {
        let reason = error.to_string();
        Self(match error {
            BackendError::Compile { .. } | BackendError::UnknownKernel { .. } => {
                return Self::refuse(Refusal::Unbuildable, reason);
            }
            BackendError::Unsupported { .. }
            | BackendError::NoMatrixLibrary { .. }
            | BackendError::UnusableMatrixLibrary { .. }
            | BackendError::NoMatrixAlgorithm { .. } => return Self::refuse(Refusal::Impossible, reason),
            // What a GPU's driver says after a fault is of no use; on the emulator only the launch has ended, and a
            // fresh process costs little.
            BackendError::KernelFault { .. } => Answer::Refused { why: Refusal::WrongResult, reason, goes_on: false },
            BackendError::OutOfMemory { .. } => Answer::OutOfMemory { reason },
            BackendError::TimedOut { .. } | BackendError::StillBusy { .. } => Answer::Hung { reason },
            BackendError::InvalidUse { .. } => Answer::Fault { reason },
            BackendError::NoSuchDevice { .. }
            | BackendError::InvalidDeviceName { .. }
            | BackendError::Call { .. }
            | BackendError::DeviceLost { .. } => Answer::LostDevice { reason },
        })
    }
}

impl From<BindError> for Stop {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Backend(error) => error.into(),
            BindError::Contract(error) => Self::refuse(Refusal::Impossible, error),
        }
    }
}

/// Speaks the protocol on `input` and `output` until the input ends or the device is of no more use. `library` is
/// what `device` loads its kernels from, `build` what the program is.
pub fn serve(
    device: &Arc<dyn Device>,
    library: &KernelLibrary,
    build: Build,
    input: impl BufRead,
    mut output: impl Write,
) -> Result<(), ServeError> {
    let timer = KernelTimer::new(device, TimerSettings::for_device(device.info()))?;
    let conditions = timer.conditions();
    let hello = Hello {
        protocol: PROTOCOL,
        build,
        device: device.info().clone(),
        keys: conditions.comparability,
        telemetry: conditions.telemetry,
    };
    say(&mut output, &hello)?;
    let mut server = Server { library, stages: Stages::new(device), timer };
    for line in input.lines() {
        let line = line?;
        let Numbered { number, content } = serde_json::from_str::<Numbered<Request>>(&line)
            .map_err(|error| ServeError::Request { line: line.clone(), error })?;
        let answered = catch_unwind(AssertUnwindSafe(|| server.answer(&content)));
        let answer = match answered {
            Ok(Ok(answer) | Err(Stop(answer))) => answer,
            Err(_) => Answer::Fault { reason: "a panic; the message is above".to_string() },
        };
        let goes_on = match &answer {
            Answer::Alive | Answer::Verified(_) | Answer::Facts(_) | Answer::Block(_) => true,
            Answer::Refused { goes_on, .. } => *goes_on,
            Answer::OutOfMemory { .. } | Answer::Hung { .. } | Answer::LostDevice { .. } | Answer::Fault { .. } => {
                false
            }
        };
        say(&mut output, &Numbered { number, content: answer })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}

fn say(output: &mut impl Write, what: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(what)?;
    line.push('\n');
    output.write_all(line.as_bytes())?;
    output.flush()
}

struct Server<'a> {
    library: &'a KernelLibrary,
    timer: KernelTimer,
    stages: Stages,
}

impl Server<'_> {
    fn answer(&mut self, request: &Request) -> Result<Answer, Stop> {
        Ok(match request {
            Request::Probe => {
                self.probe()?;
                Answer::Alive
            }
            Request::Verify { case } => Answer::Verified(self.stages.staged(parse(case)?)?.verification().clone()),
            Request::Facts { case } => Answer::Facts(Box::new(self.facts(&parse(case)?)?)),
            Request::Block(block) => {
                Answer::Block(Box::new(self.stages.staged(parse(&block.case)?)?.block(&self.timer, block)?))
            }
        })
    }

    fn device(&self) -> &Arc<dyn Device> {
        self.timer.device()
    }

    /// A launch that reads and writes nothing, waited for.
    fn probe(&self) -> Result<(), BackendError> {
        let device = self.device();
        let kernel = device.load(&KernelId::new("profiling/bandwidth", "empty_kernel"))?;
        let dimensions = LaunchDimensions { grid: [1; 3], block: [1; 3], dynamic_shared_bytes: 0 };
        device.launch(&kernel, dimensions, &[])?;
        device.synchronize()
    }

    fn facts(&self, case: &Case) -> Result<CaseFacts, Stop> {
        let device = self.device();
        let contract = |error| Stop::from(BindError::Contract(error));
        let identity = CodeIdentity::of(case, self.library, &**device)?;
        let plan = case.operation.plan(device.info(), &case.problem).map_err(contract)?;
        let kernels = plan.launches().map(|launch| {
            let kernel = device.load(&launch.kernel)?;
            let attributes = device.attributes(&kernel, launch.dimensions)?;
            Ok((launch.kernel.to_string(), attributes.unwrap_or(kernel.attributes)))
        });
        let kernels: Vec<(String, KernelAttributes)> = kernels.collect::<Result<_, BackendError>>()?;
        let together = kernels.iter().map(|(_, attributes)| *attributes).reduce(KernelAttributes::combined);
        let attributes = together.filter(|_| !device.info().emulated);
        Ok(CaseFacts { identity, kernels, attributes })
    }
}

fn parse(case: &str) -> Result<Case, Stop> {
    parse_case_id(case, OPERATIONS).map_err(|error| Stop::refuse(Refusal::Impossible, error))
}

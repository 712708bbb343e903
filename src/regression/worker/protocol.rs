//! The lines between a parent and its worker: one JSON object each, a request and then its answer.
//!
//! The child speaks first, with a hello. Its standard output carries nothing else.

use serde::{Deserialize, Serialize};

use crate::backend::telemetry::{TelemetryFacts, TelemetryReading};
use crate::backend::{DeviceInfo, KernelAttributes};
use crate::operation::CodeIdentity;
use crate::profiling::{ComparabilityKeys, Mode};
use crate::report::Build;

use super::end::Refusal;

/// The version of the protocol. A parent refuses a child that speaks another one.
pub const PROTOCOL: u32 = 1;

/// What a child says of itself before anything is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub build: Build,
    pub device: DeviceInfo,
    /// What another worker must share with this one before their times may be compared.
    pub keys: ComparabilityKeys,
    /// What does not change about the device, to judge readings by.
    pub telemetry: TelemetryFacts,
}

/// A request with the number that its answer carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Numbered<T> {
    pub number: u64,
    #[serde(flatten)]
    pub content: T,
}

/// What a parent asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub(super) enum Request {
    /// A launch that does nothing: is the device alive?
    Probe,
    /// Judge the case against its reference, once in the life of the worker.
    Verify {
        case: String,
    },
    /// What a case's kernels are.
    Facts {
        case: String,
    },
    Block(BlockRequest),
}

impl Request {
    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Request::Probe => "probing the device".to_string(),
            Request::Verify { case } => format!("verifying {case}"),
            Request::Facts { case } => format!("loading {case}"),
            Request::Block(block) => format!("measuring {} {}", block.case, block.mode),
        }
    }
}

/// One block of samples over buffers of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockRequest {
    pub case: String,
    pub mode: Mode,
    /// Accepted samples, at least.
    pub least_samples: usize,
    /// Time that samples are taken for, flushes included, at least; seconds.
    pub least_seconds: f64,
    /// Launches before the first sample go on for so long; seconds. Every copy of the buffers is launched over at
    /// least once.
    pub warm_up_seconds: f64,
    /// Launches in a hot sample; `None` lets the worker choose. Two sides must use the same number, because what a
    /// series costs besides its launches is divided by it.
    pub launches: Option<u32>,
    /// Look at clocks before the first sample, and after the last one. A look takes about 10 ms.
    pub look_before: bool,
    pub look_after: bool,
    /// Compare one launch, drawn at random, byte for byte, which takes some 10 ms; the hashes of all of them are compared
    /// in any case.
    pub full_check: bool,
}

/// What a block's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds per launch of the whole operation.
    Seconds,
    /// Steps that the host emulator executed for one launch: a count, the same every time.
    Steps,
}

impl Unit {
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "seconds",
            Unit::Steps => "steps",
        }
    }
}

/// The samples of one block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    pub unit: Unit,
    /// Accepted samples in the order they were taken.
    pub values: Vec<f64>,
    /// Samples that were zero, negative or not a number.
    pub rejected: u32,
    /// Launches in each sample.
    pub launches: u32,
    pub before: Option<TelemetryReading>,
    pub after: Option<TelemetryReading>,
    /// Launches whose outputs were compared with those that were judged. They were equal: a block with wrong outputs is
    /// no block but a refusal.
    pub checked_launches: u64,
}

/// How a case was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Host seconds for inputs, reference, launches and judging.
    pub seconds: f64,
}

/// What a case's kernels are, without running them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseFacts {
    pub identity: CodeIdentity,
    /// Each kernel of the case in launch order, with what driver and code object say of it when it is launched so.
    pub kernels: Vec<(String, KernelAttributes)>,
    /// What all of them need together; `None` on the emulator.
    pub attributes: Option<KernelAttributes>,
}

/// What a child answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub(super) enum Answer {
    Alive,
    Verified(Verification),
    Facts(Box<CaseFacts>),
    Block(Box<Block>),
    /// The case cannot be measured. The worker goes on with others, unless its device is of no use to it any more.
    Refused {
        why: Refusal,
        reason: String,
        goes_on: bool,
    },
    /// The device has no memory left for it; the worker ends.
    OutOfMemory {
        reason: String,
    },
    /// A wait for the device took too long; the worker ends.
    Hung {
        reason: String,
    },
    /// The device does not answer this process any more; the worker ends.
    LostDevice {
        reason: String,
    },
    /// A defect in hipgauge; the worker ends.
    Fault {
        reason: String,
    },
}

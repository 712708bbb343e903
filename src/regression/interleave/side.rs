//! What takes turns.

use crate::backend::telemetry::TelemetryFacts;
use crate::operation::CodeIdentity;
use crate::regression::worker::{Block, BlockRequest, Worker, WorkerError};

/// One of the two that are compared.
pub trait Side {
    /// What messages call it.
    fn label(&self) -> &str;

    /// Has a case verified, once.
    fn verify(&mut self, case: &str) -> Result<(), WorkerError>;

    /// What its code for a case is; equal for equal code on one device.
    fn identity(&mut self, case: &str) -> Result<CodeIdentity, WorkerError>;

    fn block(&mut self, request: &BlockRequest) -> Result<Block, WorkerError>;

    /// Whether its blocks are counts of steps.
    fn is_emulated(&self) -> bool;

    /// What does not change about its device, to judge readings by.
    fn telemetry(&self) -> TelemetryFacts;
}

impl Side for Worker {
    fn label(&self) -> &str {
        Worker::label(self)
    }

    fn verify(&mut self, case: &str) -> Result<(), WorkerError> {
        Worker::verify(self, case).map(|_| ())
    }

    fn identity(&mut self, case: &str) -> Result<CodeIdentity, WorkerError> {
        self.code_identity(case)
    }

    fn block(&mut self, request: &BlockRequest) -> Result<Block, WorkerError> {
        Worker::block(self, request)
    }

    fn is_emulated(&self) -> bool {
        self.hello().device.emulated
    }

    fn telemetry(&self) -> TelemetryFacts {
        self.hello().telemetry.clone()
    }
}

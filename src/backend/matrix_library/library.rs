//! What a vendor's matrix library does, whichever vendor's it is.

use std::sync::Arc;

use crate::backend::{BackendError, Buffer};

use super::MatrixProductShape;

/// Where a matrix begins.
#[derive(Clone, Copy, Debug)]
pub struct MatrixOperand<'a> {
    pub buffer: &'a Buffer,
    /// Bytes from the buffer's start to the first element.
    pub offset: usize,
}

/// Matrix products by a library of the device's vendor. One handle and one workspace for each device: work of the device's
/// one stream runs in order, so products can share it.
pub trait MatrixLibrary: Send + Sync {
    /// `cuBLASLt`
    fn name(&self) -> &'static str;

    /// `12.8.4`
    fn version(&self) -> &str;

    /// The file that was loaded.
    fn place(&self) -> &str;

    /// Describes the product to the library and keeps the algorithm that its heuristic ranks first, of those that need no
    /// more than the workspace. Launches nothing.
    ///
    /// # Errors
    /// `NoMatrixAlgorithm` where the library has none for the shape, `InvalidUse` for an impossible shape, else the failed
    /// call with its status.
    fn prepare(&self, shape: &MatrixProductShape) -> Result<Arc<dyn PreparedProduct>, BackendError>;

    /// Like `prepare`, but runs the algorithms that the heuristic ranks highest and keeps the fastest. It waits for the
    /// device, and leaves in `y` whatever the runs left there.
    fn prepare_timed(
        &self,
        shape: &MatrixProductShape,
        x: MatrixOperand<'_>,
        weight: MatrixOperand<'_>,
        y: MatrixOperand<'_>,
    ) -> Result<Arc<dyn PreparedProduct>, BackendError>;
}

/// A product with its descriptors and its algorithm.
pub trait PreparedProduct: Send + Sync {
    fn shape(&self) -> &MatrixProductShape;

    /// Which of the heuristic's algorithms runs: 0 is the one that it ranks first.
    fn algorithm_rank(&self) -> usize;

    /// Enqueues the product on the device's stream. Allocates nothing and waits for nothing, so `Device::capture` records it.
    ///
    /// # Errors
    /// `InvalidUse` for a buffer of another device, one that is too small, or one that is aligned worse than the shape says.
    fn enqueue(
        &self,
        x: MatrixOperand<'_>,
        weight: MatrixOperand<'_>,
        y: MatrixOperand<'_>,
    ) -> Result<(), BackendError>;
}

//! The one device trait.

use std::sync::Arc;
use std::time::Duration;

use super::{
    AllocationLedger, Argument, BackendError, Buffer, DeviceInfo, Kernel, KernelAttributes, KernelId, LaunchDimensions,
    MatrixLibrary,
};

/// Bytes of known pattern that every allocation has before and after it, on every device.
pub const FENCE_BYTES: usize = 256;

/// The byte that fences are filled with.
pub const FENCE_PATTERN: u8 = 0xA5;

/// A write outside a buffer, found in its fences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceViolation {
    pub label: String,
    /// First damaged byte, counted from the buffer's first byte: negative before it, at least `bytes` behind it.
    pub offset: i64,
    pub bytes: usize,
}

/// A point on the device's stream. The backend's handle; freed when dropped.
pub trait Event: Send + Sync {
    /// For the backend that made it to find its own type again.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// Bytes that are on their way to the host.
pub trait Download: Send {
    /// Waits for them, and for nothing that was enqueued after them.
    fn wait(self: Box<Self>) -> Result<Vec<u8>, BackendError>;
}

/// They are there.
impl Download for Vec<u8> {
    fn wait(self: Box<Self>) -> Result<Vec<u8>, BackendError> {
        Ok(*self)
    }
}

/// A recorded sequence of launches that replays with one call.
pub trait Graph: Send + Sync {
    /// Enqueues one replay on the device's stream.
    fn replay(&self) -> Result<(), BackendError>;
}

/// One device with one stream. Work is enqueued in order; copies to and from the host wait for it, but for `download_later`.
///
/// All methods may be called from several threads; calls on a GPU are serialised by its stream.
pub trait Device: Send + Sync {
    fn info(&self) -> &DeviceInfo;

    /// What is allocated now and was at most.
    fn ledger(&self) -> &AllocationLedger;

    /// How long a wait for the stream may take before it fails with `BackendError::TimedOut`; `None`, the
    /// default, waits for ever. On `host` a launch that takes longer fails itself.
    fn set_deadline(&self, limit: Option<Duration>);

    /// Allocates `bytes`, aligned to 256 bytes, between two fences; contents undefined (poisoned on `host`).
    /// `label` names the buffer in errors.
    fn allocate(&self, bytes: usize, label: &str) -> Result<Buffer, BackendError>;

    /// Waits for the stream and compares a buffer's fences with their pattern.
    fn check_fences(&self, buffer: &Buffer) -> Result<Option<FenceViolation>, BackendError>;

    /// Copies host bytes to `destination` from byte `offset` on; returns when `source` may be reused.
    fn upload(&self, destination: &Buffer, offset: usize, source: &[u8]) -> Result<(), BackendError>;

    /// Waits for the stream, then copies device bytes to the host.
    fn download(&self, source: &Buffer, offset: usize, destination: &mut [u8]) -> Result<(), BackendError>;

    /// Enqueues a copy of device bytes to the host, to be waited for while later work runs. Where a device has no such copies it
    /// is an ordinary one.
    fn download_later(&self, source: &Buffer, offset: usize, bytes: usize) -> Result<Box<dyn Download>, BackendError> {
        let mut there = vec![0; bytes];
        self.download(source, offset, &mut there)?;
        Ok(Box::new(there))
    }

    /// Copies `bytes` between two places that do not overlap, on the stream.
    fn copy(
        &self,
        destination: &Buffer,
        destination_offset: usize,
        source: &Buffer,
        source_offset: usize,
        bytes: usize,
    ) -> Result<(), BackendError>;

    /// Sets `bytes` bytes to `value`, on the stream.
    fn fill(&self, buffer: &Buffer, offset: usize, bytes: usize, value: u8) -> Result<(), BackendError>;

    /// Loads one kernel of `kernels/`, compiling its module if no code object is embedded or cached.
    fn load(&self, kernel: &KernelId) -> Result<Kernel, BackendError>;

    /// Kernels loaded from now on come from modules loaded anew, elsewhere in the device's memory; those loaded before
    /// stay as they are. Where code has no place that matters, nothing happens.
    fn forget_modules(&self) {}

    /// What a kernel launched like that needs of a multiprocessor, and how many of its threads one holds. `None` where
    /// kernels are not machine code of a GPU: the emulator runs the host's, which has other registers and no
    /// occupancy.
    fn attributes(
        &self,
        _kernel: &Kernel,
        _dimensions: LaunchDimensions,
    ) -> Result<Option<KernelAttributes>, BackendError> {
        Ok(None)
    }

    /// Enqueues one launch. Argument count and types must be the kernel's.
    fn launch(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
    ) -> Result<(), BackendError>;

    /// As `launch`, but the kernel's blocks may start while earlier kernels still run, where the device can do that. The
    /// kernel waits for those itself before it touches a buffer (`wait_for_previous_kernels`), or reads no others than
    /// `Argument::Constant`, and of `Argument::Settled` what is; the emulator stops one that does not, and one that writes what
    /// was constant to another. Everything else on the stream sees it as an ordinary launch.
    fn launch_overlapped(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
    ) -> Result<(), BackendError> {
        self.launch(kernel, dimensions, arguments)
    }

    /// Waits until everything enqueued has run, and reports what failed in it.
    fn synchronize(&self) -> Result<(), BackendError>;

    /// What the host emulator's measure of cost says of the launches that the calling thread made since its last call:
    /// steps, as `host_backend/step_count.rs` defines them. They depend on the kernels, the wave size and the schedule,
    /// never on time or the number of cores, unless a kernel's control flow follows the order of its blocks. Launches
    /// that failed do not count. `None` where nothing counts: on a GPU, and in the emulator's unchecked copy.
    fn take_steps(&self) -> Option<u64> {
        None
    }

    /// Makes an event that can time.
    fn create_event(&self) -> Result<Box<dyn Event>, BackendError>;

    /// Enqueues `event` on the stream.
    fn record(&self, event: &dyn Event) -> Result<(), BackendError>;

    /// Waits for `stop`, then gives the seconds between two recorded events. May be negative for very
    /// short intervals on some drivers: the caller rejects such a sample, nobody clamps it.
    fn elapsed_seconds(&self, start: &dyn Event, stop: &dyn Event) -> Result<f64, BackendError>;

    /// Records what `work` enqueues into a graph, or `Ok(None)` where the device has no graphs.
    fn capture(
        &self,
        work: &mut dyn FnMut() -> Result<(), BackendError>,
    ) -> Result<Option<Box<dyn Graph>>, BackendError>;

    /// The vendor's library of matrix products. The first call loads it, which takes hundreds of megabytes of address
    /// space, and allocates its workspace; later ones give the same.
    ///
    /// # Errors
    /// `NoMatrixLibrary` where there is none, which is an ordinary answer. Anything else is about a library that is there.
    fn matrix_library(&self) -> Result<Arc<dyn MatrixLibrary>, BackendError> {
        let device = self.info().id.clone();
        Err(BackendError::NoMatrixLibrary { device, reason: "no vendor makes one for it".to_owned() })
    }
}

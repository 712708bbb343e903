//! The vendor calls that a GPU device is made of.

use std::ffi::{CStr, c_void};

use std::sync::Arc;

use crate::backend::matrix_library::{MatrixFunctions, NoMatrixFunctions};
use crate::backend::{BackendError, KernelAttributes, LaunchDimensions, MatrixTiles};

/// A pointer that the driver gave: a stream, an event, a module, a function, a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(pub usize);

impl Handle {
    pub fn from_pointer<T>(pointer: *mut T) -> Self {
        Self(pointer as usize)
    }

    pub fn pointer<T>(self) -> *mut T {
        self.0 as *mut T
    }
}

/// What a driver's error code means for what comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The call was refused; the device goes on.
    Refused,
    OutOfMemory,
    /// An earlier kernel did something undefined, and every later call of this process fails.
    KernelFault,
    /// The device itself failed, and every later call of this process fails.
    DeviceLost,
}

/// What a driver makes of a matrix' description for a copy engine; kernels take it by value.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct TensorMap(pub [u64; 16]);

/// A driver call that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverError {
    pub call: &'static str,
    pub code: i64,
    /// The driver's name and text for the code.
    pub message: String,
    pub kind: ErrorKind,
}

impl DriverError {
    /// The error of a device that is not used yet, with the arguments of the call.
    pub fn on(self, device: &str, arguments: String) -> BackendError {
        BackendError::Call {
            device: device.to_owned(),
            call: self.call,
            code: self.code,
            message: self.message,
            arguments,
            advice: "run the case alone, and see the driver's log (dmesg) if it fails again",
        }
    }
}

pub type DriverResult<T> = Result<T, DriverError>;

/// One device of one vendor's driver. Calls map one to one; nothing here waits unless it says so.
///
/// # Safety
/// Callers of the unsafe functions pass handles that this driver made and that are still alive, addresses
/// inside live allocations of at least the bytes named, and host memory that stays valid until the stream
/// has run. `make_current` was called on the same thread before.
pub trait GpuDriver: Send + Sync + 'static {
    /// Makes the device the calling thread's own: drivers keep that per thread.
    fn make_current(&self) -> DriverResult<()>;

    fn allocate(&self, bytes: usize) -> DriverResult<u64>;
    /// May wait for the whole device.
    unsafe fn free(&self, address: u64) -> DriverResult<()>;
    /// Host memory that copies to the host need not wait for.
    fn allocate_pinned(&self, bytes: usize) -> DriverResult<Handle>;
    /// No copy into it is under way.
    unsafe fn free_pinned(&self, pointer: Handle) -> DriverResult<()>;
    unsafe fn copy_to_device(&self, to: u64, from: *const c_void, bytes: usize, stream: Handle) -> DriverResult<()>;
    unsafe fn copy_to_host(&self, to: *mut c_void, from: u64, bytes: usize, stream: Handle) -> DriverResult<()>;
    unsafe fn copy_on_device(&self, to: u64, from: u64, bytes: usize, stream: Handle) -> DriverResult<()>;
    unsafe fn fill(&self, address: u64, value: u8, bytes: usize, stream: Handle) -> DriverResult<()>;

    /// A stream that does not wait for the default stream.
    fn create_stream(&self) -> DriverResult<Handle>;
    unsafe fn destroy_stream(&self, stream: Handle) -> DriverResult<()>;
    /// Whether everything enqueued has run.
    unsafe fn stream_is_idle(&self, stream: Handle) -> DriverResult<bool>;

    fn create_event(&self) -> DriverResult<Handle>;
    unsafe fn destroy_event(&self, event: Handle) -> DriverResult<()>;
    unsafe fn record_event(&self, event: Handle, stream: Handle) -> DriverResult<()>;
    unsafe fn event_has_passed(&self, event: Handle) -> DriverResult<bool>;
    unsafe fn elapsed_milliseconds(&self, start: Handle, stop: Handle) -> DriverResult<f32>;

    /// Loads a code object that this driver's compiler made; `image` is not kept.
    unsafe fn load_module(&self, image: &[u8]) -> DriverResult<Handle>;
    /// May wait for the whole device.
    unsafe fn unload_module(&self, module: Handle) -> DriverResult<()>;
    unsafe fn function(&self, module: Handle, name: &CStr) -> DriverResult<Handle>;
    unsafe fn attributes(&self, function: Handle) -> DriverResult<KernelAttributes>;
    /// Blocks of `threads` threads and `shared_bytes` of dynamic shared memory that one multiprocessor holds at a time.
    unsafe fn blocks_per_multiprocessor(&self, function: Handle, threads: u32, shared_bytes: u32) -> DriverResult<u32>;
    /// Threads that one multiprocessor has room for; 0 if the driver does not say.
    fn threads_per_multiprocessor(&self) -> u32;
    /// Allows launches of `function` with up to `bytes` of dynamic shared memory.
    unsafe fn allow_dynamic_shared(&self, function: Handle, bytes: u32) -> DriverResult<()>;
    /// `parameters` points to one pointer per kernel parameter, each to the parameter's bytes. The blocks of a launch that is
    /// `overlapped` may start while earlier kernels of the stream run; a driver without such launches makes an ordinary one.
    unsafe fn launch(
        &self,
        function: Handle,
        dimensions: LaunchDimensions,
        parameters: *mut *mut c_void,
        stream: Handle,
        overlapped: bool,
    ) -> DriverResult<()>;

    /// Describes the matrix at `address` to the device's copy engine; `None` where kernels take a null pointer instead.
    fn tensor_map(&self, address: u64, tiles: &MatrixTiles) -> DriverResult<Option<TensorMap>>;

    /// Whether the capture and graph calls below exist.
    fn has_graphs(&self) -> bool;
    unsafe fn begin_capture(&self, stream: Handle) -> DriverResult<()>;
    unsafe fn end_capture(&self, stream: Handle) -> DriverResult<Handle>;
    unsafe fn instantiate_graph(&self, graph: Handle) -> DriverResult<Handle>;
    unsafe fn destroy_graph(&self, graph: Handle) -> DriverResult<()>;
    unsafe fn launch_graph(&self, executable: Handle, stream: Handle) -> DriverResult<()>;
    unsafe fn destroy_executable(&self, executable: Handle) -> DriverResult<()>;

    /// The vendor's matrix library, looked for and loaded at the first call of the process.
    fn matrix_functions(&self) -> Result<Arc<MatrixFunctions>, NoMatrixFunctions>;
}

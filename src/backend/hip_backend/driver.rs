//! `GpuDriver` over the HIP runtime.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use hip_sys::hipError_t;

use crate::backend::gpu::{DriverError, ErrorKind, GpuDriver, Handle, TensorMap};
use crate::backend::matrix_library::{MatrixFunctions, NoMatrixFunctions};
use crate::backend::{KernelAttributes, LaunchDimensions, MatrixTiles};

use super::hipblaslt;
use super::properties::attribute_value;
use super::table::{GraphTable, HipTable};

type Result<T> = std::result::Result<T, DriverError>;

/// `hipStreamNonBlocking`, a macro in the C header.
const STREAM_NON_BLOCKING: u32 = 1;

/// One HIP device.
pub struct HipDriver {
    pub table: Arc<HipTable>,
    pub ordinal: c_int,
}

/// Turns a status into a result.
pub fn check(table: &HipTable, call: &'static str, status: hipError_t) -> Result<()> {
    if status == hip_sys::hipError_t_hipSuccess {
        return Ok(());
    }
    let text = |get: unsafe extern "C" fn(hipError_t) -> *const c_char| {
        // SAFETY: the runtime answers any code with a static string or null.
        let text = unsafe { get(status) };
        // SAFETY: see above.
        if text.is_null() { "unknown".into() } else { unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned() }
    };
    Err(DriverError {
        call,
        code: i64::from(status),
        message: format!("{}: {}", text(table.hipGetErrorName), text(table.hipGetErrorString)),
        kind: kind(status),
    })
}

/// Which errors leave the process in an inconsistent state. Most memory faults do not come back as one: the
/// ROCm runtime ends the process.
fn kind(status: hipError_t) -> ErrorKind {
    match status {
        hip_sys::hipError_t_hipErrorOutOfMemory => ErrorKind::OutOfMemory,
        hip_sys::hipError_t_hipErrorIllegalAddress
        | hip_sys::hipError_t_hipErrorLaunchFailure
        | hip_sys::hipError_t_hipErrorAssert => ErrorKind::KernelFault,
        hip_sys::hipError_t_hipErrorECCNotCorrectable
        | hip_sys::hipError_t_hipErrorLaunchTimeOut
        | hip_sys::hipError_t_hipErrorContextIsDestroyed => ErrorKind::DeviceLost,
        _ => ErrorKind::Refused,
    }
}

/// The refusal of a call that the runtime lacks.
fn not_there(call: &'static str, message: &str) -> DriverError {
    let code = i64::from(hip_sys::hipError_t_hipErrorNotSupported);
    DriverError { call, code, message: message.to_owned(), kind: ErrorKind::Refused }
}

/// Calls a function of the table by name and checks its status. The macro's users vouch for the arguments.
macro_rules! call {
    ($table:expr, $function:ident($($argument:expr),* $(,)?)) => {
        $crate::backend::hip_backend::driver::check(&$table, stringify!($function), ($table.$function)($($argument),*))
    };
}
pub(super) use call;

impl HipDriver {
    fn graphs(&self) -> Result<&GraphTable> {
        self.table.graphs.as_ref().ok_or_else(|| not_there("hipStreamBeginCapture", "the runtime has no graphs"))
    }

    fn idle(&self, call: &'static str, status: hipError_t) -> Result<bool> {
        match status {
            hip_sys::hipError_t_hipErrorNotReady => Ok(false),
            other => check(&self.table, call, other).map(|()| true),
        }
    }

    /// # Safety
    /// As for the trait's copies.
    unsafe fn copy(&self, to: *mut c_void, from: *const c_void, bytes: usize, kind: u32, stream: Handle) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { call!(self.table, hipMemcpyAsync(to, from, bytes, kind, stream.pointer())) }
    }
}

// SAFETY of every call below: results are written to locals; handles and addresses are valid by the trait's
// contract, and the device is current.
impl GpuDriver for HipDriver {
    fn make_current(&self) -> Result<()> {
        // SAFETY: takes an integer that the runtime checks.
        unsafe { call!(self.table, hipSetDevice(self.ordinal)) }
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        let mut address = ptr::null_mut();
        // SAFETY: `address` is writable.
        unsafe { call!(self.table, hipMalloc(&mut address, bytes)) }?;
        Ok(address as u64)
    }

    unsafe fn free(&self, address: u64) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(self.table, hipFree(address as *mut c_void)) }
    }

    fn allocate_pinned(&self, bytes: usize) -> Result<Handle> {
        let mut pointer = ptr::null_mut();
        // SAFETY: `pointer` is writable; 0 are the default flags.
        unsafe { call!(self.table, hipHostMalloc(&mut pointer, bytes, 0)) }?;
        Ok(Handle::from_pointer(pointer))
    }

    unsafe fn free_pinned(&self, pointer: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(self.table, hipHostFree(pointer.pointer())) }
    }

    unsafe fn copy_to_device(&self, to: u64, from: *const c_void, bytes: usize, stream: Handle) -> Result<()> {
        let kind = hip_sys::hipMemcpyKind_hipMemcpyHostToDevice;
        // SAFETY: see above.
        unsafe { self.copy(to as *mut c_void, from, bytes, kind, stream) }
    }

    unsafe fn copy_to_host(&self, to: *mut c_void, from: u64, bytes: usize, stream: Handle) -> Result<()> {
        let kind = hip_sys::hipMemcpyKind_hipMemcpyDeviceToHost;
        // SAFETY: see above.
        unsafe { self.copy(to, from as *const c_void, bytes, kind, stream) }
    }

    unsafe fn copy_on_device(&self, to: u64, from: u64, bytes: usize, stream: Handle) -> Result<()> {
        let kind = hip_sys::hipMemcpyKind_hipMemcpyDeviceToDevice;
        // SAFETY: see above.
        unsafe { self.copy(to as *mut c_void, from as *const c_void, bytes, kind, stream) }
    }

    unsafe fn fill(&self, address: u64, value: u8, bytes: usize, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(self.table, hipMemsetD8Async(address as *mut c_void, value, bytes, stream.pointer())) }
    }

    fn create_stream(&self) -> Result<Handle> {
        let mut stream = ptr::null_mut();
        // SAFETY: `stream` is writable.
        unsafe { call!(self.table, hipStreamCreateWithFlags(&mut stream, STREAM_NON_BLOCKING)) }?;
        Ok(Handle::from_pointer(stream))
    }

    unsafe fn destroy_stream(&self, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(self.table, hipStreamDestroy(stream.pointer())) }
    }

    unsafe fn stream_is_idle(&self, stream: Handle) -> Result<bool> {
        // SAFETY: see above.
        self.idle("hipStreamQuery", unsafe { (self.table.hipStreamQuery)(stream.pointer()) })
    }

    fn create_event(&self) -> Result<Handle> {
        let mut event = ptr::null_mut();
        // SAFETY: `event` is writable. No flags: the event times.
        unsafe { call!(self.table, hipEventCreateWithFlags(&mut event, 0)) }?;
        Ok(Handle::from_pointer(event))
    }

    unsafe fn destroy_event(&self, event: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(self.table, hipEventDestroy(event.pointer())) }
    }

    unsafe fn record_event(&self, event: Handle, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(self.table, hipEventRecord(event.pointer(), stream.pointer())) }
    }

    unsafe fn event_has_passed(&self, event: Handle) -> Result<bool> {
        // SAFETY: see above.
        self.idle("hipEventQuery", unsafe { (self.table.hipEventQuery)(event.pointer()) })
    }

    unsafe fn elapsed_milliseconds(&self, start: Handle, stop: Handle) -> Result<f32> {
        let mut milliseconds = 0.0;
        // SAFETY: see above.
        unsafe { call!(self.table, hipEventElapsedTime(&mut milliseconds, start.pointer(), stop.pointer())) }?;
        Ok(milliseconds)
    }

    unsafe fn load_module(&self, image: &[u8]) -> Result<Handle> {
        let mut module = ptr::null_mut();
        // SAFETY: see above; an ELF code object carries its own length.
        unsafe { call!(self.table, hipModuleLoadData(&mut module, image.as_ptr().cast())) }?;
        Ok(Handle::from_pointer(module))
    }

    unsafe fn unload_module(&self, module: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(self.table, hipModuleUnload(module.pointer())) }
    }

    unsafe fn function(&self, module: Handle, name: &CStr) -> Result<Handle> {
        let mut function = ptr::null_mut();
        // SAFETY: see above.
        unsafe { call!(self.table, hipModuleGetFunction(&mut function, module.pointer(), name.as_ptr())) }?;
        Ok(Handle::from_pointer(function))
    }

    unsafe fn attributes(&self, function: Handle) -> Result<KernelAttributes> {
        use hip_sys::*;
        // Runtimes differ in which of these they know: one that they do not know is `None`.
        let get = |attribute: hipFunction_attribute| {
            let mut value = 0;
            // SAFETY: see above.
            let found = unsafe { call!(self.table, hipFuncGetAttribute(&mut value, attribute, function.pointer())) };
            found.ok().and_then(|()| u32::try_from(value).ok())
        };
        Ok(KernelAttributes {
            registers: get(hipFunction_attribute_HIP_FUNC_ATTRIBUTE_NUM_REGS),
            shared_bytes: get(hipFunction_attribute_HIP_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES),
            scratch_bytes: get(hipFunction_attribute_HIP_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES),
            most_threads_per_block: get(hipFunction_attribute_HIP_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
            ..KernelAttributes::default()
        })
    }

    unsafe fn blocks_per_multiprocessor(&self, function: Handle, threads: u32, shared_bytes: u32) -> Result<u32> {
        const CALL: &str = "hipModuleOccupancyMaxActiveBlocksPerMultiprocessor";
        let occupancy = self.table.occupancy.ok_or_else(|| not_there(CALL, "the runtime does not tell occupancies"))?;
        let mut blocks = 0;
        let threads = c_int::try_from(threads).unwrap_or(c_int::MAX);
        // SAFETY: see above.
        let status = unsafe { occupancy(&mut blocks, function.pointer(), threads, shared_bytes as usize) };
        check(&self.table, CALL, status)?;
        Ok(u32::try_from(blocks).unwrap_or(0))
    }

    fn threads_per_multiprocessor(&self) -> u32 {
        let attribute = hip_sys::hipDeviceAttribute_t_hipDeviceAttributeMaxThreadsPerMultiProcessor;
        attribute_value(&self.table, attribute, self.ordinal)
    }

    unsafe fn allow_dynamic_shared(&self, _function: Handle, _bytes: u32) -> Result<()> {
        // HIP has no limit to raise on module functions: the launch itself checks against the LDS size.
        Ok(())
    }

    unsafe fn launch(
        &self,
        function: Handle,
        dimensions: LaunchDimensions,
        parameters: *mut *mut c_void,
        stream: Handle,
        _overlapped: bool,
    ) -> Result<()> {
        let ([x, y, z], [block_x, block_y, block_z]) = (dimensions.grid, dimensions.block);
        let shared = dimensions.dynamic_shared_bytes;
        let (function, stream, no_extra) = (function.pointer(), stream.pointer(), ptr::null_mut());
        // SAFETY: see above.
        unsafe {
            call!(
                self.table,
                hipModuleLaunchKernel(
                    function, x, y, z, block_x, block_y, block_z, shared, stream, parameters, no_extra
                )
            )
        }
    }

    fn tensor_map(&self, _address: u64, _tiles: &MatrixTiles) -> Result<Option<TensorMap>> {
        Ok(None)
    }

    fn has_graphs(&self) -> bool {
        self.table.graphs.is_some()
    }

    unsafe fn begin_capture(&self, stream: Handle) -> Result<()> {
        let mode = hip_sys::hipStreamCaptureMode_hipStreamCaptureModeRelaxed;
        // SAFETY: see above.
        let status = unsafe { (self.graphs()?.begin_capture)(stream.pointer(), mode) };
        check(&self.table, "hipStreamBeginCapture", status)
    }

    unsafe fn end_capture(&self, stream: Handle) -> Result<Handle> {
        let mut graph = ptr::null_mut();
        // SAFETY: see above.
        let status = unsafe { (self.graphs()?.end_capture)(stream.pointer(), &mut graph) };
        check(&self.table, "hipStreamEndCapture", status)?;
        Ok(Handle::from_pointer(graph))
    }

    unsafe fn instantiate_graph(&self, graph: Handle) -> Result<Handle> {
        let mut executable = ptr::null_mut();
        let (no_node, no_log) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: see above; node and log are optional.
        let status = unsafe { (self.graphs()?.instantiate)(&mut executable, graph.pointer(), no_node, no_log, 0) };
        check(&self.table, "hipGraphInstantiate", status)?;
        Ok(Handle::from_pointer(executable))
    }

    unsafe fn destroy_graph(&self, graph: Handle) -> Result<()> {
        // SAFETY: see above.
        check(&self.table, "hipGraphDestroy", unsafe { (self.graphs()?.destroy)(graph.pointer()) })
    }

    unsafe fn launch_graph(&self, executable: Handle, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        let status = unsafe { (self.graphs()?.launch)(executable.pointer(), stream.pointer()) };
        check(&self.table, "hipGraphLaunch", status)
    }

    unsafe fn destroy_executable(&self, executable: Handle) -> Result<()> {
        // SAFETY: see above.
        let status = unsafe { (self.graphs()?.destroy_executable)(executable.pointer()) };
        check(&self.table, "hipGraphExecDestroy", status)
    }

    fn matrix_functions(&self) -> std::result::Result<Arc<MatrixFunctions>, NoMatrixFunctions> {
        hipblaslt::load().0.clone()
    }
}

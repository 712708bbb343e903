//! `GpuDriver` over the CUDA driver.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use cudarc::driver::sys::{
    self, CUcontext, CUdevice, CUdevice_attribute, CUevent, CUevent_flags, CUfunction_attribute, CUresult,
    CUstream_flags, CUstreamCaptureMode,
};

use crate::backend::gpu::{DriverError, ErrorKind, GpuDriver, Handle, TensorMap};
use crate::backend::matrix_library::{MatrixFunctions, NoMatrixFunctions};
use crate::backend::{KernelAttributes, LaunchDimensions, MatrixTiles};

use super::cublaslt;

type Result<T> = std::result::Result<T, DriverError>;

/// One CUDA device with its primary context.
///
/// The context stays retained until the process ends: releasing it waits for running kernels, so it would
/// hang after a hung one.
pub struct CudaDriver {
    pub device: CUdevice,
    context: CUcontext,
    elapsed_time: ElapsedTime,
    /// Of CUDA, as the driver knows it.
    major: u32,
    /// Kernels can begin before those ahead of them are done, also in graphs.
    overlaps: bool,
    /// Kernels have a copy engine bring tiles to shared memory.
    copies_tiles: bool,
}

/// `cuEventElapsedTime`, which every driver has. The bindings know only its successor, which drivers before
/// 12.8 lack.
type ElapsedTime = unsafe extern "C" fn(*mut f32, CUevent, CUevent) -> CUresult;
const ELAPSED_TIME: &str = "cuEventElapsedTime";

// SAFETY: a context may be used from any thread that makes it current, which every call here relies on
// `make_current` for; the driver locks internally.
unsafe impl Send for CudaDriver {}
// SAFETY: as above.
unsafe impl Sync for CudaDriver {}

/// Turns a status into a result.
pub fn check(call: &'static str, status: CUresult) -> Result<()> {
    if status == CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    let text = |get: unsafe fn(CUresult, *mut *const c_char) -> CUresult| {
        let mut text = ptr::null();
        // SAFETY: `text` is writable; on success the driver points it at a static string.
        let found = unsafe { get(status, &mut text) } == CUresult::CUDA_SUCCESS && !text.is_null();
        // SAFETY: see above.
        if found { unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned() } else { "unknown".to_owned() }
    };
    Err(DriverError {
        call,
        code: status as i64,
        message: format!("{}: {}", text(sys::cuGetErrorName), text(sys::cuGetErrorString)),
        kind: kind(status),
    })
}

/// Which errors the driver documents as leaving the process in an inconsistent state.
fn kind(status: CUresult) -> ErrorKind {
    use CUresult::*;
    match status {
        CUDA_ERROR_OUT_OF_MEMORY => ErrorKind::OutOfMemory,
        CUDA_ERROR_ILLEGAL_ADDRESS
        | CUDA_ERROR_LAUNCH_FAILED
        | CUDA_ERROR_ASSERT
        | CUDA_ERROR_HARDWARE_STACK_ERROR
        | CUDA_ERROR_ILLEGAL_INSTRUCTION
        | CUDA_ERROR_MISALIGNED_ADDRESS
        | CUDA_ERROR_INVALID_ADDRESS_SPACE
        | CUDA_ERROR_INVALID_PC => ErrorKind::KernelFault,
        CUDA_ERROR_ECC_UNCORRECTABLE
        | CUDA_ERROR_NVLINK_UNCORRECTABLE
        | CUDA_ERROR_LAUNCH_TIMEOUT
        | CUDA_ERROR_CONTEXT_IS_DESTROYED
        | CUDA_ERROR_CONTAINED
        | CUDA_ERROR_EXTERNAL_DEVICE => ErrorKind::DeviceLost,
        _ => ErrorKind::Refused,
    }
}

/// Calls a driver function by name and checks its status. The macro's users vouch for the arguments.
macro_rules! call {
    ($function:ident($($argument:expr),* $(,)?)) => {
        check(stringify!($function), sys::$function($($argument),*))
    };
}

/// First major compute capability whose kernels can begin before those ahead of them are done.
const OVERLAPPING_GENERATION: u32 = 9;

/// First driver that keeps this in graphs: of CUDA 12.3.
const OVERLAPPING_DRIVER: c_int = 12_030;

/// First major compute capability with a tensor memory accelerator, and the first CUDA that describes matrices to it.
const COPYING_GENERATION: u32 = 9;
const FIRST_CUDA_WITH_TENSOR_MAPS: u32 = 12;

impl CudaDriver {
    /// Retains the primary context of the device with that ordinal. The driver library, of that major version of CUDA, must
    /// be loaded.
    pub fn open(ordinal: c_int, major: u32) -> Result<Self> {
        let mut device = 0;
        let mut context = ptr::null_mut();
        // SAFETY: both results are writable, and the driver checks the ordinal.
        unsafe {
            call!(cuDeviceGet(&mut device, ordinal))?;
            call!(cuDevicePrimaryCtxRetain(&mut context, device))?;
        }
        // SAFETY: the library is loaded for good, and the type is the function's.
        let elapsed_time = unsafe { sys::culib().get::<ElapsedTime>(ELAPSED_TIME) };
        let elapsed_time = *elapsed_time.map_err(|error| DriverError {
            call: ELAPSED_TIME,
            code: CUresult::CUDA_ERROR_NOT_FOUND as i64,
            message: error.to_string(),
            kind: ErrorKind::Refused,
        })?;
        let mut version = 0;
        // SAFETY: the result is writable.
        unsafe { call!(cuDriverGetVersion(&mut version)) }?;
        let generation = attribute(device, CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        let overlaps = generation >= OVERLAPPING_GENERATION && version >= OVERLAPPING_DRIVER;
        let copies_tiles = generation >= COPYING_GENERATION;
        Ok(Self { device, context, elapsed_time, major, overlaps, copies_tiles })
    }
}

/// One integer property of a device; 0 where the driver does not know it.
pub fn attribute(device: CUdevice, attribute: CUdevice_attribute) -> u32 {
    let mut value = 0;
    // SAFETY: `value` is writable, and the driver checks device and attribute.
    match unsafe { sys::cuDeviceGetAttribute(&mut value, attribute, device) } {
        CUresult::CUDA_SUCCESS => u32::try_from(value).unwrap_or(0),
        _ => 0,
    }
}

fn idle(call: &'static str, status: CUresult) -> Result<bool> {
    match status {
        CUresult::CUDA_ERROR_NOT_READY => Ok(false),
        other => check(call, other).map(|()| true),
    }
}

// SAFETY of every call below: results are written to locals; handles and addresses are valid by the trait's
// contract, and the device is current.
impl GpuDriver for CudaDriver {
    fn make_current(&self) -> Result<()> {
        // SAFETY: the context is retained for the life of the process.
        unsafe { call!(cuCtxSetCurrent(self.context)) }
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        let mut address = 0;
        // SAFETY: `address` is writable.
        unsafe { call!(cuMemAlloc_v2(&mut address, bytes)) }?;
        Ok(address)
    }

    unsafe fn free(&self, address: u64) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuMemFree_v2(address)) }
    }

    fn allocate_pinned(&self, bytes: usize) -> Result<Handle> {
        let mut pointer = ptr::null_mut();
        // SAFETY: `pointer` is writable.
        unsafe { call!(cuMemAllocHost_v2(&mut pointer, bytes)) }?;
        Ok(Handle::from_pointer(pointer))
    }

    unsafe fn free_pinned(&self, pointer: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuMemFreeHost(pointer.pointer())) }
    }

    unsafe fn copy_to_device(&self, to: u64, from: *const c_void, bytes: usize, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuMemcpyHtoDAsync_v2(to, from, bytes, stream.pointer())) }
    }

    unsafe fn copy_to_host(&self, to: *mut c_void, from: u64, bytes: usize, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuMemcpyDtoHAsync_v2(to, from, bytes, stream.pointer())) }
    }

    unsafe fn copy_on_device(&self, to: u64, from: u64, bytes: usize, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuMemcpyDtoDAsync_v2(to, from, bytes, stream.pointer())) }
    }

    unsafe fn fill(&self, address: u64, value: u8, bytes: usize, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuMemsetD8Async(address, value, bytes, stream.pointer())) }
    }

    fn create_stream(&self) -> Result<Handle> {
        let mut stream = ptr::null_mut();
        // SAFETY: `stream` is writable.
        unsafe { call!(cuStreamCreate(&mut stream, CUstream_flags::CU_STREAM_NON_BLOCKING as u32)) }?;
        Ok(Handle::from_pointer(stream))
    }

    unsafe fn destroy_stream(&self, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuStreamDestroy_v2(stream.pointer())) }
    }

    unsafe fn stream_is_idle(&self, stream: Handle) -> Result<bool> {
        // SAFETY: see above.
        idle("cuStreamQuery", unsafe { sys::cuStreamQuery(stream.pointer()) })
    }

    fn create_event(&self) -> Result<Handle> {
        let mut event = ptr::null_mut();
        // SAFETY: `event` is writable. The default flags time.
        unsafe { call!(cuEventCreate(&mut event, CUevent_flags::CU_EVENT_DEFAULT as u32)) }?;
        Ok(Handle::from_pointer(event))
    }

    unsafe fn destroy_event(&self, event: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuEventDestroy_v2(event.pointer())) }
    }

    unsafe fn record_event(&self, event: Handle, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuEventRecord(event.pointer(), stream.pointer())) }
    }

    unsafe fn event_has_passed(&self, event: Handle) -> Result<bool> {
        // SAFETY: see above.
        idle("cuEventQuery", unsafe { sys::cuEventQuery(event.pointer()) })
    }

    unsafe fn elapsed_milliseconds(&self, start: Handle, stop: Handle) -> Result<f32> {
        let mut milliseconds = 0.0;
        // SAFETY: see above.
        let status = unsafe { (self.elapsed_time)(&mut milliseconds, start.pointer(), stop.pointer()) };
        check(ELAPSED_TIME, status)?;
        Ok(milliseconds)
    }

    unsafe fn load_module(&self, image: &[u8]) -> Result<Handle> {
        let mut module = ptr::null_mut();
        // SAFETY: see above; a CUBIN carries its own length.
        unsafe { call!(cuModuleLoadData(&mut module, image.as_ptr().cast())) }?;
        Ok(Handle::from_pointer(module))
    }

    unsafe fn unload_module(&self, module: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuModuleUnload(module.pointer())) }
    }

    unsafe fn function(&self, module: Handle, name: &CStr) -> Result<Handle> {
        let mut function = ptr::null_mut();
        // SAFETY: see above.
        unsafe { call!(cuModuleGetFunction(&mut function, module.pointer(), name.as_ptr())) }?;
        Ok(Handle::from_pointer(function))
    }

    unsafe fn attributes(&self, function: Handle) -> Result<KernelAttributes> {
        use CUfunction_attribute::*;
        let get = |attribute| {
            let mut value = 0;
            // SAFETY: see above.
            unsafe { call!(cuFuncGetAttribute(&mut value, attribute, function.pointer())) }?;
            Ok(u32::try_from(value).ok())
        };
        Ok(KernelAttributes {
            registers: get(CU_FUNC_ATTRIBUTE_NUM_REGS)?,
            shared_bytes: get(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)?,
            scratch_bytes: get(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES)?,
            most_threads_per_block: get(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK)?,
            ..KernelAttributes::default()
        })
    }

    unsafe fn blocks_per_multiprocessor(&self, function: Handle, threads: u32, shared_bytes: u32) -> Result<u32> {
        let mut blocks = 0;
        let (function, threads) = (function.pointer(), c_int::try_from(threads).unwrap_or(c_int::MAX));
        let shared = shared_bytes as usize;
        // SAFETY: see above.
        unsafe { call!(cuOccupancyMaxActiveBlocksPerMultiprocessor(&mut blocks, function, threads, shared)) }?;
        Ok(u32::try_from(blocks).unwrap_or(0))
    }

    fn threads_per_multiprocessor(&self) -> u32 {
        attribute(self.device, CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR)
    }

    unsafe fn allow_dynamic_shared(&self, function: Handle, bytes: u32) -> Result<()> {
        let attribute = CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX);
        // SAFETY: see above; the driver refuses more than the device has.
        unsafe { call!(cuFuncSetAttribute(function.pointer(), attribute, bytes)) }
    }

    unsafe fn launch(
        &self,
        function: Handle,
        dimensions: LaunchDimensions,
        parameters: *mut *mut c_void,
        stream: Handle,
        overlapped: bool,
    ) -> Result<()> {
        let ([x, y, z], [block_x, block_y, block_z]) = (dimensions.grid, dimensions.block);
        let shared = dimensions.dynamic_shared_bytes;
        if overlapped && self.overlaps {
            let mut attribute = sys::CUlaunchAttribute {
                id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
                pad: [0; 4],
                value: sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
            };
            let configuration = sys::CUlaunchConfig {
                gridDimX: x,
                gridDimY: y,
                gridDimZ: z,
                blockDimX: block_x,
                blockDimY: block_y,
                blockDimZ: block_z,
                sharedMemBytes: shared,
                hStream: stream.pointer(),
                attrs: &mut attribute,
                numAttrs: 1,
            };
            // SAFETY: see above; configuration and attribute live until the call returns.
            return unsafe { call!(cuLaunchKernelEx(&configuration, function.pointer(), parameters, ptr::null_mut())) };
        }
        let (function, stream, no_extra) = (function.pointer(), stream.pointer(), ptr::null_mut());
        // SAFETY: see above.
        unsafe {
            call!(cuLaunchKernel(function, x, y, z, block_x, block_y, block_z, shared, stream, parameters, no_extra))
        }
    }

    fn tensor_map(&self, address: u64, tiles: &MatrixTiles) -> Result<Option<TensorMap>> {
        if !self.copies_tiles {
            return Ok(None);
        }
        if self.major < FIRST_CUDA_WITH_TENSOR_MAPS {
            return Err(DriverError {
                call: "cuTensorMapEncodeTiled",
                code: CUresult::CUDA_ERROR_NOT_FOUND as i64,
                message: format!("the driver is of CUDA {}, and this device's kernels need one of CUDA 12", self.major),
                kind: ErrorKind::Refused,
            });
        }
        let MatrixTiles { rows, columns, row_stride, tile_rows, tile_columns } = *tiles;
        let mut map = sys::CUtensorMap_st { opaque: [0; 16] };
        let sizes = [columns as u64, rows as u64];
        let row_bytes = [row_stride as u64 * 2];
        let tile = [tile_columns as u32, tile_rows as u32];
        let steps = [1_u32; 2];
        // SAFETY: the arrays have as many elements as the rank says, or one fewer for the strides; nothing is read at the address.
        unsafe {
            call!(cuTensorMapEncodeTiled(
                &mut map,
                sys::CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_UINT16,
                2,
                address as *mut c_void,
                sizes.as_ptr(),
                row_bytes.as_ptr(),
                tile.as_ptr(),
                steps.as_ptr(),
                sys::CUtensorMapInterleave::CU_TENSOR_MAP_INTERLEAVE_NONE,
                sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_128B,
                sys::CUtensorMapL2promotion::CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                sys::CUtensorMapFloatOOBfill::CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
            ))
        }?;
        Ok(Some(TensorMap(map.opaque)))
    }

    fn has_graphs(&self) -> bool {
        true
    }

    unsafe fn begin_capture(&self, stream: Handle) -> Result<()> {
        // Relaxed: the first launch of a lazily loaded kernel does things that stricter modes forbid.
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: see above.
        unsafe { call!(cuStreamBeginCapture_v2(stream.pointer(), mode)) }
    }

    unsafe fn end_capture(&self, stream: Handle) -> Result<Handle> {
        let mut graph = ptr::null_mut();
        // SAFETY: see above.
        unsafe { call!(cuStreamEndCapture(stream.pointer(), &mut graph)) }?;
        Ok(Handle::from_pointer(graph))
    }

    unsafe fn instantiate_graph(&self, graph: Handle) -> Result<Handle> {
        let mut executable = ptr::null_mut();
        // SAFETY: see above.
        unsafe { call!(cuGraphInstantiateWithFlags(&mut executable, graph.pointer(), 0)) }?;
        Ok(Handle::from_pointer(executable))
    }

    unsafe fn destroy_graph(&self, graph: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuGraphDestroy(graph.pointer())) }
    }

    unsafe fn launch_graph(&self, executable: Handle, stream: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuGraphLaunch(executable.pointer(), stream.pointer())) }
    }

    unsafe fn destroy_executable(&self, executable: Handle) -> Result<()> {
        // SAFETY: see above.
        unsafe { call!(cuGraphExecDestroy(executable.pointer())) }
    }

    fn matrix_functions(&self) -> std::result::Result<Arc<MatrixFunctions>, NoMatrixFunctions> {
        cublaslt::load(self.major).0.clone()
    }
}

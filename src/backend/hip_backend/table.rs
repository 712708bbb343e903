//! The functions of libamdhip64 that are used, looked up once. The bindings' own functions abort the process
//! where the library is missing, so only their types are used.

use std::ffi::{c_char, c_int, c_uint, c_void};

use hip_sys::{
    hipDeviceAttribute_t, hipDeviceptr_t, hipError_t, hipEvent_t, hipFunction_attribute, hipFunction_t, hipGraph_t,
    hipGraphExec_t, hipGraphNode_t, hipMemcpyKind, hipModule_t, hipStream_t, hipStreamCaptureMode,
};

use crate::backend::shared_library::LoadedLibrary;

/// Stream capture and graphs, complete or not there at all.
pub struct GraphTable {
    pub begin_capture: unsafe extern "C" fn(hipStream_t, hipStreamCaptureMode) -> hipError_t,
    pub end_capture: unsafe extern "C" fn(hipStream_t, *mut hipGraph_t) -> hipError_t,
    pub instantiate:
        unsafe extern "C" fn(*mut hipGraphExec_t, hipGraph_t, *mut hipGraphNode_t, *mut c_char, usize) -> hipError_t,
    pub destroy: unsafe extern "C" fn(hipGraph_t) -> hipError_t,
    pub launch: unsafe extern "C" fn(hipGraphExec_t, hipStream_t) -> hipError_t,
    pub destroy_executable: unsafe extern "C" fn(hipGraphExec_t) -> hipError_t,
}

/// `hipGetDeviceProperties` in one of its versions. The struct is not named: its layout differs between them.
pub type GetProperties = unsafe extern "C" fn(*mut c_void, c_int) -> hipError_t;

/// `hipModuleOccupancyMaxActiveBlocksPerMultiprocessor`: blocks, function, threads a block, dynamic shared bytes.
pub type GetOccupancy = unsafe extern "C" fn(*mut c_int, hipFunction_t, c_int, usize) -> hipError_t;

macro_rules! hip_table {
    ($($(#[$doc:meta])* $function:ident($($argument:ty),*) -> $result:ty;)*) => {
        /// Function pointers, named as in `hip_runtime_api.h`.
        #[allow(non_snake_case, reason = "the vendor's own names")]
        pub struct HipTable {
            $($(#[$doc])* pub $function: unsafe extern "C" fn($($argument),*) -> $result,)*
            /// `None` where the runtime lacks any of them.
            pub graphs: Option<GraphTable>,
            /// `None` where the runtime lacks it.
            pub occupancy: Option<GetOccupancy>,
            /// ROCm 6 and newer.
            pub properties_r0600: Option<GetProperties>,
            /// ROCm 5, and the name that newer ones keep for it.
            pub properties: Option<GetProperties>,
            library: LoadedLibrary,
        }

        impl HipTable {
            /// Looks every function up, or names the first one that is missing.
            pub fn new(library: LoadedLibrary) -> Result<Self, String> {
                let missing = |name: &str| {
                    format!("{} has no {name}: the HIP runtime is too old, install ROCm 5 or newer", library.place)
                };
                // SAFETY: each type is the one in `hip_runtime_api.h`.
                unsafe {
                    Ok(Self {
                        $($function: library
                            .function(stringify!($function))
                            .ok_or_else(|| missing(stringify!($function)))?,)*
                        graphs: GraphTable::new(&library),
                        occupancy: library.function("hipModuleOccupancyMaxActiveBlocksPerMultiprocessor"),
                        properties_r0600: library.function("hipGetDevicePropertiesR0600"),
                        properties: library.function("hipGetDeviceProperties"),
                        library,
                    })
                }
            }
        }
    };
}

hip_table! {
    hipInit(c_uint) -> hipError_t;
    hipGetDeviceCount(*mut c_int) -> hipError_t;
    hipSetDevice(c_int) -> hipError_t;
    hipDeviceGetName(*mut c_char, c_int, c_int) -> hipError_t;
    hipDeviceGetPCIBusId(*mut c_char, c_int, c_int) -> hipError_t;
    hipDeviceTotalMem(*mut usize, c_int) -> hipError_t;
    hipDeviceGetAttribute(*mut c_int, hipDeviceAttribute_t, c_int) -> hipError_t;
    hipRuntimeGetVersion(*mut c_int) -> hipError_t;
    hipDriverGetVersion(*mut c_int) -> hipError_t;
    hipGetErrorName(hipError_t) -> *const c_char;
    hipGetErrorString(hipError_t) -> *const c_char;
    hipMalloc(*mut *mut c_void, usize) -> hipError_t;
    hipFree(*mut c_void) -> hipError_t;
    hipHostMalloc(*mut *mut c_void, usize, c_uint) -> hipError_t;
    hipHostFree(*mut c_void) -> hipError_t;
    hipMemcpyAsync(*mut c_void, *const c_void, usize, hipMemcpyKind, hipStream_t) -> hipError_t;
    hipMemsetD8Async(hipDeviceptr_t, u8, usize, hipStream_t) -> hipError_t;
    hipStreamCreateWithFlags(*mut hipStream_t, c_uint) -> hipError_t;
    hipStreamDestroy(hipStream_t) -> hipError_t;
    hipStreamQuery(hipStream_t) -> hipError_t;
    hipEventCreateWithFlags(*mut hipEvent_t, c_uint) -> hipError_t;
    hipEventDestroy(hipEvent_t) -> hipError_t;
    hipEventRecord(hipEvent_t, hipStream_t) -> hipError_t;
    hipEventQuery(hipEvent_t) -> hipError_t;
    hipEventElapsedTime(*mut f32, hipEvent_t, hipEvent_t) -> hipError_t;
    hipModuleLoadData(*mut hipModule_t, *const c_void) -> hipError_t;
    hipModuleUnload(hipModule_t) -> hipError_t;
    hipModuleGetFunction(*mut hipFunction_t, hipModule_t, *const c_char) -> hipError_t;
    hipFuncGetAttribute(*mut c_int, hipFunction_attribute, hipFunction_t) -> hipError_t;
    hipModuleLaunchKernel(
        hipFunction_t, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, hipStream_t,
        *mut *mut c_void, *mut *mut c_void
    ) -> hipError_t;
}

impl HipTable {
    /// Where the library was found.
    pub fn place(&self) -> &str {
        &self.library.place
    }
}

impl GraphTable {
    fn new(library: &LoadedLibrary) -> Option<Self> {
        // SAFETY: each type is the one in `hip_runtime_api.h`.
        unsafe {
            Some(Self {
                begin_capture: library.function("hipStreamBeginCapture")?,
                end_capture: library.function("hipStreamEndCapture")?,
                instantiate: library.function("hipGraphInstantiate")?,
                destroy: library.function("hipGraphDestroy")?,
                launch: library.function("hipGraphLaunch")?,
                destroy_executable: library.function("hipGraphExecDestroy")?,
            })
        }
    }
}

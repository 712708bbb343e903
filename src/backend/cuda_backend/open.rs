//! Finds the CUDA driver and opens devices on it.

use std::borrow::Cow;
use std::sync::Arc;

use cudarc::driver::sys;

use crate::backend::gpu::{CodeObjectSource, DriverError, GpuDevice};
use crate::backend::kernel_cache::KernelCache;
use crate::backend::module_compiler::ModuleCompiler;
use crate::backend::shared_library::SearchPlan;
use crate::backend::{
    Attempt, BackendError, BackendKind, BackendSurvey, Device, DeviceInfo, KernelLibrary, KernelModule,
};

use super::driver::{CudaDriver, check};
use super::nvrtc;
use super::properties::{architecture, describe, version_text};

/// Oldest driver interface used: stream capture, graphs and NVRTC's CUBIN output work from 11.4 on.
const OLDEST_VERSION: i32 = 11_040;

/// Every driver function used. cudarc panics on one that is missing, so all are looked up before the first call.
const FUNCTIONS: [&str; 37] = [
    "cuInit",
    "cuDriverGetVersion",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDeviceTotalMem_v2",
    "cuDevicePrimaryCtxRetain",
    "cuCtxSetCurrent",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyDtoDAsync_v2",
    "cuMemsetD8Async",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamQuery",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventRecord",
    "cuEventQuery",
    "cuEventElapsedTime",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuModuleGetFunction",
    "cuFuncGetAttribute",
    "cuFuncSetAttribute",
    "cuLaunchKernel",
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphDestroy",
    "cuGraphLaunch",
    "cuGraphExecDestroy",
];

/// The driver after `cuInit`, with at least one device.
struct Driver {
    version: i32,
    devices: usize,
}

/// Loads the driver library, checks that it is whole and new enough, and counts devices. An error is one line.
fn load_driver(attempts: &mut Vec<Attempt>) -> Result<Driver, String> {
    let mut plan = SearchPlan::default();
    plan.try_file("libcuda.so.1");
    for folder in ["/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64"] {
        plan.try_folder(folder.as_ref(), &["libcuda.so.1"]);
    }
    let (library, tried) = plan.load("the NVIDIA driver library libcuda.so.1 was not found: install the driver");
    attempts.extend(tried);
    let library = library?;
    for function in FUNCTIONS {
        // SAFETY: only the symbol's presence is looked at.
        if unsafe { library.function::<unsafe extern "C" fn()>(function) }.is_none() {
            return Err(format!("{} has no {function}: the driver is too old, install 470 or newer", library.place));
        }
    }
    // cudarc opens the library by name; one that is loaded already is found by its name wherever it lies.
    // SAFETY: opens libraries by the driver's names.
    if !unsafe { sys::is_culib_present() } {
        return Err("libcuda.so.1 loaded but is not named so: put its folder on LD_LIBRARY_PATH".to_owned());
    }
    count_devices(&library.place)
}

/// `place` is where the library was found, for messages.
fn count_devices(place: &str) -> Result<Driver, String> {
    let line = |error: DriverError| {
        format!(
            "the NVIDIA driver was loaded from {place} but {} failed: {} ({}); check nvidia-smi and CUDA_VISIBLE_DEVICES",
            error.call, error.code, error.message
        )
    };
    let (mut version, mut devices) = (0, 0);
    // SAFETY: the results are writable integers; cuDriverGetVersion may be called before cuInit.
    unsafe {
        check("cuDriverGetVersion", sys::cuDriverGetVersion(&mut version)).map_err(line)?;
        if version < OLDEST_VERSION {
            let (found, oldest) = (version_text(version), version_text(OLDEST_VERSION));
            return Err(format!(
                "the driver {place} is too old: it knows CUDA {found}, install one for {oldest} or newer"
            ));
        }
        check("cuInit", sys::cuInit(0)).map_err(line)?;
        check("cuDeviceGetCount", sys::cuDeviceGetCount(&mut devices)).map_err(line)?;
    }
    match usize::try_from(devices) {
        Ok(devices) if devices > 0 => Ok(Driver { version, devices }),
        _ => Err(format!(
            "the NVIDIA driver was loaded from {place} but reports 0 devices; check nvidia-smi and CUDA_VISIBLE_DEVICES"
        )),
    }
}

/// Lists CUDA devices, or says why there are none.
pub fn survey() -> BackendSurvey {
    let mut attempts = Vec::new();
    let driver = load_driver(&mut attempts);
    let mut survey = BackendSurvey {
        backend: BackendKind::Cuda,
        runtime: None,
        devices: Vec::new(),
        absence: None,
        attempts: Vec::new(),
    };
    match driver {
        Err(reason) => survey.absence = Some(reason),
        Ok(driver) => {
            let (compiler, tried) = nvrtc::load(driver.version as u32 / 1000);
            attempts.extend(tried);
            let compiler =
                compiler.map_or_else(|reason| reason, |found| format!("{} ({})", found.version(), found.place));
            survey.runtime = Some(format!("CUDA driver {}", version_text(driver.version)));
            for ordinal in 0..driver.devices {
                match device_info(ordinal, driver.version, &compiler) {
                    Ok(info) => survey.devices.push(info),
                    Err(error) => survey.absence = Some(format!("cuda:{ordinal}: {}", error.message)),
                }
            }
        }
    }
    survey.attempts = attempts;
    survey
}

fn device_info(ordinal: usize, driver_version: i32, compiler: &str) -> Result<DeviceInfo, DriverError> {
    let mut device = 0;
    // SAFETY: `device` is writable, and the driver checks the ordinal.
    check("cuDeviceGet", unsafe { sys::cuDeviceGet(&mut device, ordinal as i32) })?;
    Ok(describe(ordinal, device, driver_version, compiler))
}

/// What kernels for an architecture are compiled for: of compute capability 9.0 with its products of warpgroups, which no other
/// has.
fn compiled_for(architecture: &str) -> &str {
    match architecture {
        "sm_90" => "sm_90a",
        other => other,
    }
}

/// Opens `cuda:ordinal`.
pub fn open(ordinal: usize, library: &Arc<KernelLibrary>) -> Result<Arc<dyn Device>, BackendError> {
    let id = format!("cuda:{ordinal}");
    let missing = |reason: String| BackendError::NoSuchDevice { requested: id.clone(), reason };
    let found = load_driver(&mut Vec::new()).map_err(missing)?;
    if ordinal >= found.devices {
        return Err(missing(format!("the driver reports {} device(s)", found.devices)));
    }
    let major = found.version as u32 / 1000;
    let (compiler, _) = nvrtc::load(major);
    let compiler = compiler.map_err(missing)?;
    let driver = CudaDriver::open(ordinal as i32, major).map_err(|error| error.on(&id, String::new()))?;
    let architecture = architecture(driver.device);
    let options = vec![
        format!("--gpu-architecture={}", compiled_for(&architecture)),
        "--std=c++17".to_owned(),
        "--device-as-default-execution-space".to_owned(),
        // Kernels say fused_multiply_add where they mean it, so that every device rounds alike.
        "--fmad=false".to_owned(),
    ];
    let compiler = ModuleCompiler { compiler, architecture, options, cache: KernelCache::from_environment() };
    let info = describe(ordinal, driver.device, found.version, &compiler.describe());
    Ok(Arc::new(GpuDevice::new(driver, info, Arc::clone(library), Box::new(compiler))?))
}

impl CodeObjectSource for ModuleCompiler {
    fn code_object(&self, library: &KernelLibrary, module: &KernelModule) -> Result<Cow<'static, [u8]>, BackendError> {
        self.compile(library, module).map(Cow::Owned)
    }
}

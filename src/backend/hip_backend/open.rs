//! Lists HIP devices and opens them.

use std::ffi::c_int;
use std::sync::Arc;

use crate::backend::gpu::{DriverError, ErrorKind, GpuDevice};
use crate::backend::{BackendError, BackendKind, BackendSurvey, Device, KernelLibrary};

use super::code_objects::HipCodeObjects;
use super::driver::{HipDriver, call};
use super::library::{load_compiler, load_runtime};
use super::properties::{describe, version, version_text};
use super::table::HipTable;

/// The runtime's devices, or one line that says why there are none.
fn count_devices(table: &HipTable) -> Result<c_int, String> {
    let no_device = |error: DriverError| {
        format!(
            "the HIP runtime was loaded from {} but no device was found: {} said {}; check /dev/kfd and its permissions",
            table.place(),
            error.call,
            error.message
        )
    };
    let mut devices = 0;
    // SAFETY: `devices` is writable; flags must be 0.
    let (initialised, counted) = unsafe { (call!(*table, hipInit(0)), call!(*table, hipGetDeviceCount(&mut devices))) };
    // The count's answer first: ROCm 5 says "invalid device" to the first call, whatever the cause is.
    counted.and(initialised).map_err(no_device)?;
    if devices > 0 {
        return Ok(devices);
    }
    Err(no_device(DriverError {
        call: "hipGetDeviceCount",
        code: 0,
        message: "0 devices".to_owned(),
        kind: ErrorKind::Refused,
    }))
}

/// Lists HIP devices, or says why there are none.
pub fn survey() -> BackendSurvey {
    let (table, attempts) = load_runtime();
    let (compiler, compiler_attempts) = load_compiler();
    let mut survey = BackendSurvey {
        backend: BackendKind::Hip,
        runtime: None,
        devices: Vec::new(),
        absence: None,
        attempts: attempts.iter().chain(compiler_attempts).cloned().collect(),
    };
    let table = match table {
        Ok(table) => table,
        Err(reason) => {
            survey.absence = Some(reason.clone());
            return survey;
        }
    };
    let compiler = match compiler {
        Ok(compiler) => format!("{} ({})", compiler.version(), compiler.place),
        Err(reason) => reason.clone(),
    };
    survey.runtime = Some(format!("HIP runtime {}, {compiler}", version_text(version(table.hipRuntimeGetVersion))));
    match count_devices(table) {
        Err(reason) => survey.absence = Some(reason),
        Ok(devices) => {
            for ordinal in 0..devices {
                match describe(table, ordinal, &compiler) {
                    Ok((info, _)) => survey.devices.push(info),
                    Err(reason) => survey.absence = Some(reason),
                }
            }
        }
    }
    survey
}

/// Opens `hip:ordinal`.
pub fn open(ordinal: usize, library: &Arc<KernelLibrary>) -> Result<Arc<dyn Device>, BackendError> {
    let id = format!("hip:{ordinal}");
    let missing = |reason: String| BackendError::NoSuchDevice { requested: id.clone(), reason };
    let table = load_runtime().0.clone().map_err(missing)?;
    let devices = count_devices(&table).map_err(missing)?;
    let found = c_int::try_from(ordinal).ok().filter(|ordinal| *ordinal < devices);
    let ordinal = found.ok_or_else(|| missing(format!("the runtime reports {devices} device(s)")))?;
    let (mut info, full_architecture) = describe(&table, ordinal, "").map_err(missing)?;
    let code_objects = HipCodeObjects::new(&id, &full_architecture);
    info.compiler = code_objects.describe(library);
    let driver = HipDriver { table, ordinal };
    Ok(Arc::new(GpuDevice::new(driver, info, Arc::clone(library), Box::new(code_objects))?))
}

//! The few functions of NVML that telemetry needs.

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};

use crate::backend::telemetry::absences::Absences;

use super::library::{Found, NvmlLibrary};

/// `nvmlDevice_t`: a pointer of the library's own.
pub type DeviceHandle = *mut c_void;

pub type GetHandle = unsafe extern "C" fn(*const c_char, *mut DeviceHandle) -> c_int;
pub type GetNumber = unsafe extern "C" fn(DeviceHandle, *mut c_uint) -> c_int;
pub type GetNumberOf = unsafe extern "C" fn(DeviceHandle, c_uint, *mut c_uint) -> c_int;
pub type GetTwoNumbers = unsafe extern "C" fn(DeviceHandle, *mut c_uint, *mut c_uint) -> c_int;
pub type GetMask = unsafe extern "C" fn(DeviceHandle, *mut c_ulonglong) -> c_int;
pub type GetText = unsafe extern "C" fn(DeviceHandle, *mut c_char, c_uint) -> c_int;
pub type GetSystemText = unsafe extern "C" fn(*mut c_char, c_uint) -> c_int;
pub type GetProcesses = unsafe extern "C" fn(DeviceHandle, *mut c_uint, *mut c_void) -> c_int;
pub type GetMemory = unsafe extern "C" fn(DeviceHandle, *mut Memory) -> c_int;
pub type GetViolation = unsafe extern "C" fn(DeviceHandle, c_uint, *mut Violation) -> c_int;

/// `nvmlMemory_t`, bytes.
#[repr(C)]
#[derive(Default)]
pub struct Memory {
    pub total: c_ulonglong,
    pub free: c_ulonglong,
    pub used: c_ulonglong,
}

/// `nvmlViolationTime_t`.
#[repr(C)]
#[derive(Default)]
pub struct Violation {
    /// Microseconds.
    pub reference: c_ulonglong,
    /// Nanoseconds.
    pub violation: c_ulonglong,
}

/// Each function under the newest name that this driver has; `None` with a reason noted where it has none.
pub struct Functions {
    pub clock: Option<Found<GetNumberOf>>,
    pub most_clock: Option<Found<GetNumberOf>>,
    pub default_clock: Option<Found<GetNumberOf>>,
    pub power: Option<Found<GetNumber>>,
    pub power_limit: Option<Found<GetNumber>>,
    pub temperature: Option<Found<GetNumberOf>>,
    pub reasons: Option<Found<GetMask>>,
    pub violation: Option<Found<GetViolation>>,
    pub processes: Option<Found<GetProcesses>>,
    pub memory: Option<Found<GetMemory>>,
    pub persistence: Option<Found<GetNumber>>,
    pub mig: Option<Found<GetTwoNumbers>>,
    pub link_generation: Option<Found<GetNumber>>,
    pub link_width: Option<Found<GetNumber>>,
    pub vbios: Option<Found<GetText>>,
    pub uuid: Option<Found<GetText>>,
    pub driver: Option<Found<GetSystemText>>,
}

impl Functions {
    pub fn find(library: &NvmlLibrary, absences: &Absences) -> Self {
        // SAFETY, for every line: the field's type is the signature that nvml.h gives each of its names; the
        // versions of `nvmlDeviceGetComputeRunningProcesses` differ only in what the last pointer points to,
        // which stays null here.
        macro_rules! find {
            ($value:literal, $($name:literal),+) => {
                // SAFETY: as above.
                absences.keep($value, unsafe { library.find(&[$($name),+]) })
            };
        }
        Self {
            clock: find!("clocks", "nvmlDeviceGetClockInfo"),
            most_clock: find!("highest clocks", "nvmlDeviceGetMaxClockInfo"),
            default_clock: find!("default clocks", "nvmlDeviceGetDefaultApplicationsClock"),
            power: find!("power", "nvmlDeviceGetPowerUsage"),
            power_limit: find!("power limit", "nvmlDeviceGetEnforcedPowerLimit"),
            temperature: find!("temperature", "nvmlDeviceGetTemperature"),
            reasons: find!(
                "throttle reasons",
                "nvmlDeviceGetCurrentClocksEventReasons",
                "nvmlDeviceGetCurrentClocksThrottleReasons"
            ),
            violation: find!("throttle counters", "nvmlDeviceGetViolationStatus"),
            processes: find!(
                "processes",
                "nvmlDeviceGetComputeRunningProcesses_v3",
                "nvmlDeviceGetComputeRunningProcesses_v2",
                "nvmlDeviceGetComputeRunningProcesses"
            ),
            memory: find!("memory used", "nvmlDeviceGetMemoryInfo"),
            persistence: find!("persistence mode", "nvmlDeviceGetPersistenceMode"),
            mig: find!("MIG mode", "nvmlDeviceGetMigMode"),
            link_generation: find!("PCIe generation", "nvmlDeviceGetCurrPcieLinkGeneration"),
            link_width: find!("PCIe width", "nvmlDeviceGetCurrPcieLinkWidth"),
            vbios: find!("VBIOS version", "nvmlDeviceGetVbiosVersion"),
            uuid: find!("UUID", "nvmlDeviceGetUUID"),
            driver: find!("driver version", "nvmlSystemGetDriverVersion"),
        }
    }
}

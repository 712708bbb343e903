//! One NVIDIA device.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong};
use std::path::PathBuf;
use std::ptr;

use crate::backend::telemetry::absences::Absences;
use crate::backend::telemetry::{
    Absence, PciBusId, Telemetry, TelemetryError, TelemetryFacts, TelemetryReading, ThrottleCounter, ThrottleReason,
};

use super::functions::{DeviceHandle, Functions, GetHandle, GetNumber, GetNumberOf, GetText, Memory, Violation};
use super::library::{Found, NvmlLibrary, SUCCESS};
use super::reasons::{decode, is_idle};

/// `nvmlClockType_t`.
const SM_CLOCK: c_uint = 1;
const MEMORY_CLOCK: c_uint = 2;

/// `NVML_TEMPERATURE_GPU`.
const GPU_SENSOR: c_uint = 0;

/// `NVML_ERROR_INSUFFICIENT_SIZE`: how a list says that it is longer than the room given, with its length.
const INSUFFICIENT_SIZE: c_int = 7;

/// `nvmlPerfPolicyType_t` of the limits that slow a device down.
const POLICIES: [(c_uint, ThrottleReason); 3] =
    [(0, ThrottleReason::PowerCap), (1, ThrottleReason::Thermal), (3, ThrottleReason::HardwareSlowdown)];

/// Longest text NVML gives: `NVML_DEVICE_UUID_V2_BUFFER_SIZE`.
const TEXT_BYTES: usize = 96;

/// Telemetry of an NVIDIA device, through NVML.
pub struct NvmlTelemetry {
    library: NvmlLibrary,
    functions: Functions,
    device: DeviceHandle,
    facts: TelemetryFacts,
    absences: Absences,
}

// SAFETY: NVML is thread safe (nvml.h, "NVML API Reference"), and the handle is valid on every thread.
unsafe impl Send for NvmlTelemetry {}
// SAFETY: as above.
unsafe impl Sync for NvmlTelemetry {}

impl NvmlTelemetry {
    /// Loads the first of `libraries` that there is and finds the device on `bus`.
    pub fn open(libraries: &[PathBuf], bus: PciBusId) -> Result<Self, TelemetryError> {
        let library = NvmlLibrary::open(libraries)?;
        let names = ["nvmlDeviceGetHandleByPciBusId_v2", "nvmlDeviceGetHandleByPciBusId"];
        // SAFETY: both versions have this signature.
        let get = unsafe { library.find::<GetHandle>(&names) }?;
        let place = CString::new(bus.to_string()).expect("a bus id has hexadecimal digits, colons and a dot");
        let mut device = ptr::null_mut();
        // SAFETY: both pointers are valid for the call.
        let code = unsafe { (get.call)(place.as_ptr(), &mut device) };
        library.check(get.name, || bus.to_string(), code)?;
        let absences = Absences::default();
        let functions = Functions::find(&library, &absences);
        let mut opened = Self { library, functions, device, facts: TelemetryFacts::default(), absences };
        opened.facts = opened.read_facts();
        Ok(opened)
    }

    fn read_facts(&self) -> TelemetryFacts {
        let found = &self.functions;
        let most_core = self.number_of("highest clocks", &found.most_clock, SM_CLOCK).map(f64::from);
        let most_memory = self.number_of("highest clocks", &found.most_clock, MEMORY_CLOCK).map(f64::from);
        let default = |clock| self.number_of("default clocks", &found.default_clock, clock).map(f64::from);
        let mut others = vec![
            ("pcie_link_generation", self.number("PCIe generation", &found.link_generation).map(|n| n.to_string())),
            ("pcie_link_width", self.number("PCIe width", &found.link_width).map(|n| n.to_string())),
            ("persistence_mode", self.number("persistence mode", &found.persistence).map(on_or_off)),
            ("uuid", self.text("UUID", &found.uuid)),
            ("vbios_version", self.text("VBIOS version", &found.vbios)),
        ];
        others.sort();
        TelemetryFacts {
            source: Some("nvml".to_owned()),
            driver_version: self.driver_version(),
            default_core_clock_mhz: default(SM_CLOCK).or(most_core),
            default_memory_clock_mhz: default(MEMORY_CLOCK).or(most_memory),
            most_core_clock_mhz: most_core,
            most_memory_clock_mhz: most_memory,
            power_limit_watts: self.number("power limit", &found.power_limit).map(milli),
            partition_mode: self.mig_mode().map(|mode| format!("MIG {mode}")),
            others: others.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect(),
        }
    }

    fn check(&self, value: &'static str, call: &'static str, code: c_int) -> Option<()> {
        self.absences.keep(value, self.library.check(call, || "this device".to_owned(), code))
    }

    fn number(&self, value: &'static str, function: &Option<Found<GetNumber>>) -> Option<u32> {
        let function = (*function)?;
        let mut number: c_uint = 0;
        // SAFETY: the handle came from this library, which is initialised as long as self lives.
        let code = unsafe { (function.call)(self.device, &mut number) };
        self.check(value, function.name, code).map(|()| number)
    }

    fn number_of(&self, value: &'static str, function: &Option<Found<GetNumberOf>>, of: c_uint) -> Option<u32> {
        let function = (*function)?;
        let mut number: c_uint = 0;
        // SAFETY: the handle came from this library, which is initialised as long as self lives.
        let code = unsafe { (function.call)(self.device, of, &mut number) };
        self.check(value, function.name, code).map(|()| number)
    }

    fn text(&self, value: &'static str, function: &Option<Found<GetText>>) -> Option<String> {
        let function = (*function)?;
        let mut text = [0; TEXT_BYTES];
        // SAFETY: the handle is this library's, and the room is as long as said.
        let code = unsafe { (function.call)(self.device, text.as_mut_ptr(), TEXT_BYTES as c_uint) };
        self.check(value, function.name, code).map(|()| terminated(text))
    }

    fn driver_version(&self) -> Option<String> {
        let function = self.functions.driver?;
        let mut text = [0; TEXT_BYTES];
        // SAFETY: the library is initialised, and the room is as long as said.
        let code = unsafe { (function.call)(text.as_mut_ptr(), TEXT_BYTES as c_uint) };
        self.check("driver version", function.name, code).map(|()| terminated(text))
    }

    fn mig_mode(&self) -> Option<String> {
        let function = self.functions.mig?;
        let (mut current, mut pending): (c_uint, c_uint) = (0, 0);
        // SAFETY: the handle is this library's.
        let code = unsafe { (function.call)(self.device, &mut current, &mut pending) };
        self.check("MIG mode", function.name, code).map(|()| on_or_off(current))
    }

    fn reason_mask(&self) -> Option<u64> {
        let function = self.functions.reasons?;
        let mut mask: c_ulonglong = 0;
        // SAFETY: the handle is this library's.
        let code = unsafe { (function.call)(self.device, &mut mask) };
        self.check("throttle reasons", function.name, code).map(|()| mask)
    }

    fn counter(&self, policy: c_uint, reason: ThrottleReason) -> Option<ThrottleCounter> {
        let function = self.functions.violation?;
        let mut time = Violation::default();
        // SAFETY: the handle is this library's, and the struct has the layout of nvmlViolationTime_t.
        let code = unsafe { (function.call)(self.device, policy, &mut time) };
        self.check("throttle counters", function.name, code)?;
        // The reference counts microseconds, the violation nanoseconds.
        Some(ThrottleCounter { reason, held_back: time.violation, elapsed: time.reference.saturating_mul(1000) })
    }

    /// The length of the list is all that is wanted, so no room is given for it.
    fn compute_processes(&self) -> Option<u32> {
        let function = self.functions.processes?;
        let mut count: c_uint = 0;
        // SAFETY: the handle is this library's; with a count of 0 nothing is written through the null pointer.
        let code = unsafe { (function.call)(self.device, &mut count, ptr::null_mut()) };
        let code = if code == INSUFFICIENT_SIZE { SUCCESS } else { code };
        self.check("processes", function.name, code).map(|()| count)
    }

    fn memory_used(&self) -> Option<u64> {
        let function = self.functions.memory?;
        let mut memory = Memory::default();
        // SAFETY: the handle is this library's, and the struct has the layout of nvmlMemory_t.
        let code = unsafe { (function.call)(self.device, &mut memory) };
        self.check("memory used", function.name, code).map(|()| memory.used)
    }
}

impl Telemetry for NvmlTelemetry {
    fn read(&self) -> TelemetryReading {
        let found = &self.functions;
        // The reasons first: a device that has just finished turns idle soon.
        let mask = self.reason_mask();
        TelemetryReading {
            core_clock_mhz: self.number_of("clocks", &found.clock, SM_CLOCK).map(f64::from),
            chain_steps_per_us: None,
            memory_clock_mhz: self.number_of("clocks", &found.clock, MEMORY_CLOCK).map(f64::from),
            power_watts: self.number("power", &found.power).map(milli),
            power_limit_watts: self.number("power limit", &found.power_limit).map(milli),
            temperature_celsius: self.number_of("temperature", &found.temperature, GPU_SENSOR).map(f64::from),
            hotspot_celsius: None,
            memory_celsius: None,
            idle: mask.map(is_idle),
            throttle_reasons: mask.map(decode),
            throttle_counters: POLICIES.iter().filter_map(|(policy, reason)| self.counter(*policy, *reason)).collect(),
            compute_processes: self.compute_processes(),
            memory_used_bytes: self.memory_used(),
        }
    }

    fn facts(&self) -> &TelemetryFacts {
        &self.facts
    }

    fn absences(&self) -> Vec<Absence> {
        self.absences.list()
    }
}

/// NVML counts power in milliwatts.
fn milli(number: u32) -> f64 {
    f64::from(number) / 1e3
}

fn on_or_off(number: u32) -> String {
    if number == 0 { "off" } else { "on" }.to_owned()
}

fn terminated(text: [c_char; TEXT_BYTES]) -> String {
    let bytes = text.map(|letter| letter as u8);
    CStr::from_bytes_until_nul(&bytes).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

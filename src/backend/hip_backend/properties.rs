//! What the HIP runtime says of a device, attribute by attribute: no struct layout is relied on.

use std::env;
use std::ffi::{CStr, c_char, c_int};

use hip_sys::hipDeviceAttribute_t;

use crate::backend::telemetry::{PCI_BUS_ID_DETAIL, PciBusId};
use crate::backend::{BackendKind, DeviceInfo};

use super::architecture::{architecture, base};
use super::driver::call;
use super::table::HipTable;

/// `70226015` is 7.2.26015.
pub fn version_text(version: c_int) -> String {
    format!("{}.{}.{}", version / 10_000_000, version / 100_000 % 100, version % 100_000)
}

/// One of the runtime's version numbers; 0 if it does not tell.
pub fn version(get: unsafe extern "C" fn(*mut c_int) -> hip_sys::hipError_t) -> c_int {
    let mut version = 0;
    // SAFETY: `version` is writable.
    match unsafe { get(&mut version) } {
        hip_sys::hipError_t_hipSuccess => version,
        _ => 0,
    }
}

/// Describes a device. `full_architecture` keeps features such as `:xnack-`.
pub fn describe(table: &HipTable, ordinal: c_int, compiler: &str) -> Result<(DeviceInfo, String), String> {
    use hip_sys::*;
    let get = |attribute| attribute_value(table, attribute, ordinal);
    let full_architecture = architecture(table, ordinal)
        .ok_or_else(|| format!("hip:{ordinal} does not tell its architecture: update ROCm"))?;
    let mut details = Vec::new();
    if let Ok(value) = env::var("HSA_OVERRIDE_GFX_VERSION") {
        details.push(("HSA_OVERRIDE_GFX_VERSION".to_owned(), value));
    }
    details.push(("gcn_arch_name".to_owned(), full_architecture.clone()));
    details.extend(pci_bus_id(table, ordinal).map(|id| (PCI_BUS_ID_DETAIL.to_owned(), id.to_string())));
    let info = DeviceInfo {
        id: format!("hip:{ordinal}"),
        backend: BackendKind::Hip,
        name: name(table, ordinal),
        architecture: base(&full_architecture).to_owned(),
        wave_size: get(hipDeviceAttribute_t_hipDeviceAttributeWarpSize),
        multiprocessors: get(hipDeviceAttribute_t_hipDeviceAttributeMultiprocessorCount),
        l2_bytes: u64::from(get(hipDeviceAttribute_t_hipDeviceAttributeL2CacheSize)),
        last_level_bytes: last_level_bytes(base(&full_architecture)),
        memory_bytes: memory_bytes(table, ordinal),
        shared_bytes_per_block: get(hipDeviceAttribute_t_hipDeviceAttributeMaxSharedMemoryPerBlock),
        max_threads_per_block: get(hipDeviceAttribute_t_hipDeviceAttributeMaxThreadsPerBlock),
        driver_version: version_text(version(table.hipDriverGetVersion)),
        runtime_version: format!("HIP {}", version_text(version(table.hipRuntimeGetVersion))),
        compiler: compiler.to_owned(),
        emulated: false,
        details,
    };
    Ok((info, full_architecture))
}

/// Bytes of Infinity Cache, which the runtime does not tell. From AMD's CDNA 3 white paper (256 MB on
/// MI300, behind every L2); 0 for devices that have none or several sizes under one architecture.
fn last_level_bytes(architecture: &str) -> u64 {
    match architecture {
        "gfx940" | "gfx941" | "gfx942" | "gfx950" => 256 << 20,
        _ => 0,
    }
}

/// One integer property of a device; 0 where the runtime does not know it.
pub fn attribute_value(table: &HipTable, attribute: hipDeviceAttribute_t, ordinal: c_int) -> u32 {
    let mut value = 0;
    // SAFETY: `value` is writable; the runtime checks attribute and ordinal.
    let found = unsafe { call!(*table, hipDeviceGetAttribute(&mut value, attribute, ordinal)) };
    found.ok().and_then(|()| u32::try_from(value).ok()).unwrap_or(0)
}

fn name(table: &HipTable, ordinal: c_int) -> String {
    let mut name = [0 as c_char; 256];
    // SAFETY: the runtime writes at most 256 bytes.
    let found = unsafe { call!(*table, hipDeviceGetName(name.as_mut_ptr(), name.len() as c_int - 1, ordinal)) };
    // SAFETY: the last byte stays zero.
    let text = unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy();
    if found.is_ok() && !text.is_empty() { text.into_owned() } else { "unknown".to_owned() }
}

/// `None` where the runtime does not tell: a made-up id would be some other device's.
fn pci_bus_id(table: &HipTable, ordinal: c_int) -> Option<PciBusId> {
    let mut text = [0 as c_char; 64];
    // SAFETY: the runtime writes at most 63 bytes, and the last byte stays zero.
    unsafe { call!(*table, hipDeviceGetPCIBusId(text.as_mut_ptr(), text.len() as c_int - 1, ordinal)) }.ok()?;
    // SAFETY: see above.
    unsafe { CStr::from_ptr(text.as_ptr()) }.to_str().ok()?.parse().ok()
}

fn memory_bytes(table: &HipTable, ordinal: c_int) -> u64 {
    let mut bytes = 0;
    // SAFETY: `bytes` is writable.
    unsafe { call!(*table, hipDeviceTotalMem(&mut bytes, ordinal)) }.map_or(0, |()| bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_rocm_writes_them() {
        assert_eq!(version_text(70_226_015), "7.2.26015");
        assert_eq!(version_text(50_731_921), "5.7.31921");
    }
}

//! What the CUDA driver says of a device.

use std::ffi::{CStr, c_char};

use cudarc::driver::sys::{self, CUdevice, CUdevice_attribute as Attribute, CUresult};

use crate::backend::telemetry::PCI_BUS_ID_DETAIL;
use crate::backend::{BackendKind, DeviceInfo};

use super::driver::attribute;

/// `12080` is 12.8.
pub fn version_text(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// `sm_90`
pub fn architecture(device: CUdevice) -> String {
    let major = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    let minor = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    format!("sm_{major}{minor}")
}

/// Describes a device; needs no context.
pub fn describe(ordinal: usize, device: CUdevice, driver_version: i32, compiler: &str) -> DeviceInfo {
    let get = |name| attribute(device, name);
    let (bus, slot) =
        (get(Attribute::CU_DEVICE_ATTRIBUTE_PCI_BUS_ID), get(Attribute::CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID));
    let domain = get(Attribute::CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID);
    let ecc = if get(Attribute::CU_DEVICE_ATTRIBUTE_ECC_ENABLED) == 1 { "on" } else { "off" };
    DeviceInfo {
        id: format!("cuda:{ordinal}"),
        backend: BackendKind::Cuda,
        name: name(device),
        architecture: architecture(device),
        wave_size: get(Attribute::CU_DEVICE_ATTRIBUTE_WARP_SIZE),
        multiprocessors: get(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        l2_bytes: u64::from(get(Attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)),
        last_level_bytes: 0,
        memory_bytes: memory_bytes(device),
        shared_bytes_per_block: get(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK),
        max_threads_per_block: get(Attribute::CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
        driver_version: kernel_module_version().unwrap_or_else(|| "unknown".to_owned()),
        runtime_version: format!("CUDA {}", version_text(driver_version)),
        compiler: compiler.to_owned(),
        emulated: false,
        details: vec![
            ("ecc".to_owned(), ecc.to_owned()),
            (PCI_BUS_ID_DETAIL.to_owned(), format!("{domain:04x}:{bus:02x}:{slot:02x}.0")),
        ],
    }
}

fn name(device: CUdevice) -> String {
    let mut name = [0 as c_char; 256];
    // SAFETY: the driver writes at most 256 bytes, the last of them zero.
    match unsafe { sys::cuDeviceGetName(name.as_mut_ptr(), name.len() as i32, device) } {
        // SAFETY: see above.
        CUresult::CUDA_SUCCESS => unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned(),
        _ => "unknown".to_owned(),
    }
}

fn memory_bytes(device: CUdevice) -> u64 {
    let mut bytes = 0;
    // SAFETY: `bytes` is writable.
    match unsafe { sys::cuDeviceTotalMem_v2(&mut bytes, device) } {
        CUresult::CUDA_SUCCESS => bytes as u64,
        _ => 0,
    }
}

/// `580.95.05`: the driver's release, which its interface does not tell.
fn kernel_module_version() -> Option<String> {
    let version = std::fs::read_to_string("/sys/module/nvidia/version").ok().or_else(|| {
        let text = std::fs::read_to_string("/proc/driver/nvidia/version").ok()?;
        let is_release = |word: &&str| word.contains('.') && word.starts_with(|first: char| first.is_ascii_digit());
        text.split_whitespace().find(is_release).map(str::to_owned)
    })?;
    Some(version.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_nvidia_writes_them() {
        assert_eq!(version_text(12080), "12.8");
        assert_eq!(version_text(13000), "13.0");
        assert_eq!(version_text(11040), "11.4");
    }
}

//! Opens the device that a user named.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BackendError, BackendKind, Device, HostDevice, HostOptions, KernelLibrary, cuda_backend, hip_backend};

/// What `--device` may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceRequest {
    /// The first of hip, cuda and host that has a device.
    Auto,
    Host,
    Hip(usize),
    Cuda(usize),
}

impl FromStr for DeviceRequest {
    type Err = BackendError;

    fn from_str(text: &str) -> Result<Self, BackendError> {
        let invalid = || BackendError::InvalidDeviceName { requested: text.to_owned() };
        match text {
            "auto" => return Ok(DeviceRequest::Auto),
            "host" => return Ok(DeviceRequest::Host),
            _ => {}
        }
        let (backend, ordinal) = text.split_once(':').ok_or_else(invalid)?;
        // `parse` alone would also take `+0`.
        if !ordinal.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let ordinal = ordinal.parse().map_err(|_| invalid())?;
        match backend {
            "hip" => Ok(DeviceRequest::Hip(ordinal)),
            "cuda" => Ok(DeviceRequest::Cuda(ordinal)),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for DeviceRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceRequest::Auto => formatter.write_str("auto"),
            DeviceRequest::Host => formatter.write_str("host"),
            DeviceRequest::Hip(ordinal) => write!(formatter, "hip:{ordinal}"),
            DeviceRequest::Cuda(ordinal) => write!(formatter, "cuda:{ordinal}"),
        }
    }
}

impl From<DeviceRequest> for String {
    fn from(request: DeviceRequest) -> Self {
        request.to_string()
    }
}

impl TryFrom<String> for DeviceRequest {
    type Error = BackendError;

    fn try_from(text: String) -> Result<Self, BackendError> {
        text.parse()
    }
}

/// How to open a device.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Where kernels come from, on every device.
    pub library: Arc<KernelLibrary>,
    /// How `host` runs them.
    pub host: HostOptions,
}

impl Default for OpenOptions {
    /// The embedded kernels, and the emulator's defaults.
    fn default() -> Self {
        Self { library: Arc::new(KernelLibrary::embedded()), host: HostOptions::default() }
    }
}

/// How a device was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceChoice {
    pub requested: DeviceRequest,
    /// For `auto`: each backend before the device's own. Empty for a device asked for by name.
    pub passed_over: Vec<PassedOver>,
}

/// A backend that `auto` had no device of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    pub backend: BackendKind,
    pub reason: String,
}

/// The device that was opened, and how it was chosen.
pub struct Selection {
    pub device: Arc<dyn Device>,
    pub choice: DeviceChoice,
}

/// Opens `auto`, `host`, `hip:N` or `cuda:N`.
///
/// `auto` takes the first device of hip, cuda and host, in this order, and says why it passed the others
/// over; a device asked for by name is that device or an error.
pub fn open(request: &str, options: &OpenOptions) -> Result<Selection, BackendError> {
    let requested: DeviceRequest = request.parse()?;
    let candidates = match requested {
        DeviceRequest::Auto => vec![DeviceRequest::Hip(0), DeviceRequest::Cuda(0), DeviceRequest::Host],
        named => vec![named],
    };
    let mut passed_over = Vec::new();
    for candidate in candidates {
        match open_candidate(candidate, options) {
            Ok(device) => return Ok(Selection { device, choice: DeviceChoice { requested, passed_over } }),
            Err(error) if requested != DeviceRequest::Auto => return Err(error),
            Err(error) => passed_over.push(PassedOver { backend: backend_of(candidate), reason: reason(error) }),
        }
    }
    let reason = passed_over.iter().map(|passed| format!("{}: {}", passed.backend.name(), passed.reason));
    Err(BackendError::NoSuchDevice { requested: requested.to_string(), reason: reason.collect::<Vec<_>>().join("; ") })
}

/// Why there is no device, without the advice to ask for another one, which `auto` does itself.
fn reason(error: BackendError) -> String {
    match error {
        BackendError::NoSuchDevice { reason, .. } => reason,
        other => other.to_string(),
    }
}

fn backend_of(request: DeviceRequest) -> BackendKind {
    match request {
        DeviceRequest::Hip(_) => BackendKind::Hip,
        DeviceRequest::Cuda(_) => BackendKind::Cuda,
        DeviceRequest::Auto | DeviceRequest::Host => BackendKind::Host,
    }
}

fn open_candidate(candidate: DeviceRequest, options: &OpenOptions) -> Result<Arc<dyn Device>, BackendError> {
    match candidate {
        DeviceRequest::Cuda(ordinal) => cuda_backend::open(ordinal, &options.library),
        DeviceRequest::Auto | DeviceRequest::Host => {
            Ok(Arc::new(HostDevice::new(options.host, Arc::clone(&options.library))?))
        }
        DeviceRequest::Hip(ordinal) => hip_backend::open(ordinal, &options.library),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_device_is_always_there_and_says_so() {
        let selection = open("host", &OpenOptions::default()).expect("no library is needed");
        assert_eq!(selection.device.info().id, "host");
        assert!(selection.device.info().emulated && selection.choice.passed_over.is_empty());
    }

    #[test]
    fn device_names_are_parsed_strictly() {
        for name in ["auto", "host", "hip:0", "cuda:11"] {
            assert_eq!(name.parse::<DeviceRequest>().expect(name).to_string(), name);
        }
        for name in [
            "",
            "gpu",
            "hip",
            "hip:",
            "hip:-1",
            "hip:+1",
            "cuda:x",
            "host:0",
            "hip:0:1",
            "HIP:0",
            "hip:99999999999999999999",
        ] {
            let error = name.parse::<DeviceRequest>().expect_err(name);
            assert!(error.to_string().ends_with("use auto, host, hip:N or cuda:N"), "{error}");
        }
    }
}

//! Why a value could not be read.

use std::path::PathBuf;

/// A value that this machine does not give, with the call or file that was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    #[error("the driver gave no PCI bus id for {device}; without one its clocks and power cannot be matched to it")]
    NoBusId { device: String },

    #[error("`{text}` is not a PCI bus id; it looks like 0000:c1:00.0")]
    BusId { text: String },

    #[error("no NVML: {attempts}; install the NVIDIA driver's user space (libnvidia-ml.so.1) to record clocks")]
    NoLibrary { attempts: String },

    #[error("{library} has none of {names}; a newer NVIDIA driver has it")]
    NoSymbol { library: String, names: String },

    #[error("{call}({arguments}) gave {code} ({message}); `nvidia-smi -q` shows what this driver supports")]
    Call { call: &'static str, arguments: String, code: i32, message: String },

    #[error("{}: {reason}; the kernel's driver for this device does not offer it", path.display())]
    File { path: PathBuf, reason: String },

    #[error("{}: cannot read {what} from `{text}`; please report this file's contents", path.display())]
    Format { path: PathBuf, what: &'static str, text: String },
}

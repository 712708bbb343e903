//! Finds the way to look at a device.

use std::path::PathBuf;

use crate::backend::{BackendKind, DeviceInfo};

use super::{
    Absence, AmdgpuTelemetry, HostTelemetry, NvmlTelemetry, PciBusId, Telemetry, TelemetryError, TelemetryFacts,
    TelemetryReading,
};

/// The key in `DeviceInfo::details` that holds a device's PCI bus id, as in `0000:c1:00.0`.
pub const PCI_BUS_ID_DETAIL: &str = "pci";

/// Where to look. The default is this machine; tests point it elsewhere.
#[derive(Clone, Debug)]
pub struct TelemetrySources {
    /// File names or paths of NVML, tried in turn.
    pub nvml_libraries: Vec<PathBuf>,
    /// Where sysfs is mounted.
    pub sysfs: PathBuf,
    /// Where procfs is mounted.
    pub procfs: PathBuf,
}

impl Default for TelemetrySources {
    fn default() -> Self {
        // The last one is where Windows' Linux subsystem keeps the driver's libraries.
        let libraries = ["libnvidia-ml.so.1", "libnvidia-ml.so", "/usr/lib/wsl/lib/libnvidia-ml.so.1"];
        Self {
            nvml_libraries: libraries.into_iter().map(PathBuf::from).collect(),
            sysfs: PathBuf::from("/sys"),
            procfs: PathBuf::from("/proc"),
        }
    }
}

/// A way to look at `device`. Where there is none, one that reads nothing and says why.
pub fn open_telemetry(device: &DeviceInfo, sources: &TelemetrySources) -> Box<dyn Telemetry> {
    let opened = match device.backend {
        BackendKind::Host => Ok(Box::new(HostTelemetry::open(sources)) as Box<dyn Telemetry>),
        BackendKind::Cuda => bus_id(device)
            .and_then(|bus| NvmlTelemetry::open(&sources.nvml_libraries, bus))
            .map(|opened| Box::new(opened) as Box<dyn Telemetry>),
        BackendKind::Hip => bus_id(device)
            .and_then(|bus| AmdgpuTelemetry::open(&sources.sysfs, bus))
            .map(|opened| Box::new(opened) as Box<dyn Telemetry>),
    };
    opened.unwrap_or_else(|error| Box::new(NoTelemetry::new(&error)))
}

fn bus_id(device: &DeviceInfo) -> Result<PciBusId, TelemetryError> {
    let detail = device.details.iter().find(|(key, _)| key == PCI_BUS_ID_DETAIL);
    let (_, text) = detail.ok_or_else(|| TelemetryError::NoBusId { device: device.id.clone() })?;
    text.parse()
}

/// Reads nothing.
struct NoTelemetry {
    facts: TelemetryFacts,
    absence: Absence,
}

impl NoTelemetry {
    fn new(error: &TelemetryError) -> Self {
        let absence = Absence { value: "all".to_owned(), reason: error.to_string() };
        Self { facts: TelemetryFacts::default(), absence }
    }
}

impl Telemetry for NoTelemetry {
    fn read(&self) -> TelemetryReading {
        TelemetryReading::default()
    }

    fn facts(&self) -> &TelemetryFacts {
        &self.facts
    }

    fn absences(&self) -> Vec<Absence> {
        vec![self.absence.clone()]
    }
}

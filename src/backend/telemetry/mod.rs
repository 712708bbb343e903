//! What a device and its host were doing: clocks, power, temperature, throttling, who else is there.
//!
//! Reads only: nothing here ever changes a setting. A library, symbol or file that is missing is an ordinary
//! answer: the field is `None` and the reason is kept once, in `Telemetry::absences`.

mod absences;
mod amdgpu;
mod error;
mod host;
mod nvml;
mod open;
mod pci_bus_id;
mod reading;

pub use absences::Absence;
pub use amdgpu::AmdgpuTelemetry;
pub use error::TelemetryError;
pub use host::{HostFacts, HostReading, HostTelemetry};
pub use nvml::NvmlTelemetry;
pub use open::{PCI_BUS_ID_DETAIL, TelemetrySources, open_telemetry};
pub use pci_bus_id::PciBusId;
pub use reading::{Telemetry, TelemetryFacts, TelemetryReading, ThrottleCounter, ThrottleReason};

//! What is read from a device around each measured block.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Absence;

/// Why a device runs slower than it could. Names follow NVML's clock event reasons; AMD's throttlers map to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleReason {
    /// The driver holds the device under its power limit.
    PowerCap,
    /// Current limits (TDC, EDC) of the voltage regulators.
    CurrentLimit,
    /// The driver keeps the device under its temperature limit.
    Thermal,
    /// The hardware protects itself from heat.
    HardwareThermal,
    /// An external signal from the power supply.
    PowerBrake,
    /// The hardware slowed down, for a cause that its driver does not tell.
    HardwareSlowdown,
    /// Clocks follow a slower device of the same group.
    SyncBoost,
    /// A user set these clocks.
    ApplicationClocks,
    /// A display asks for these clocks.
    DisplayClocks,
    /// A bit that this version does not know.
    Unrecognised(u8),
}

impl fmt::Display for ThrottleReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ThrottleReason::PowerCap => "power cap",
            ThrottleReason::CurrentLimit => "current limit",
            ThrottleReason::Thermal => "thermal",
            ThrottleReason::HardwareThermal => "hardware thermal",
            ThrottleReason::PowerBrake => "power brake",
            ThrottleReason::HardwareSlowdown => "hardware slowdown",
            ThrottleReason::SyncBoost => "sync boost",
            ThrottleReason::ApplicationClocks => "application clocks",
            ThrottleReason::DisplayClocks => "display clocks",
            ThrottleReason::Unrecognised(bit) => return write!(formatter, "unrecognised bit {bit}"),
        })
    }
}

/// How long a device was held back since some fixed moment. Two readings of it say what happened between
/// them, which a momentary state cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottleCounter {
    pub reason: ThrottleReason,
    /// Time held back, in the unit of `elapsed`.
    pub held_back: u64,
    /// The counter's own clock. Nanoseconds on NVIDIA, firmware ticks on AMD.
    pub elapsed: u64,
}

/// One look at a device. `None` where the machine does not say; `Telemetry::absences` has the reasons.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TelemetryReading {
    /// Clock of the multiprocessors or compute units, MHz; the first's where there are several.
    pub core_clock_mhz: Option<f64>,
    /// Dependent multiply-adds that one thread did per microsecond, measured by the kernel timer: it moves as the core clock
    /// really does. No driver gives it.
    pub chain_steps_per_us: Option<f64>,
    pub memory_clock_mhz: Option<f64>,
    pub power_watts: Option<f64>,
    /// Power that the driver keeps the device under.
    pub power_limit_watts: Option<f64>,
    /// NVIDIA: the GPU's sensor. AMD: the edge sensor, or the junction where there is no edge sensor.
    pub temperature_celsius: Option<f64>,
    /// AMD: the hottest place on the die.
    pub hotspot_celsius: Option<f64>,
    pub memory_celsius: Option<f64>,
    /// No work at this moment: idle clocks are low and say nothing about the work before or after.
    pub idle: Option<bool>,
    /// What holds the device back at this moment; empty when nothing does.
    pub throttle_reasons: Option<Vec<ThrottleReason>>,
    /// Empty where the device does not count.
    pub throttle_counters: Vec<ThrottleCounter>,
    /// Processes that compute on the device, this one included: more than one and times are shared.
    pub compute_processes: Option<u32>,
    pub memory_used_bytes: Option<u64>,
}

/// What does not change while a program runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TelemetryFacts {
    /// `nvml` or `amdgpu sysfs`; `None` where nothing could be read.
    pub source: Option<String>,
    pub driver_version: Option<String>,
    /// Clock without any limit, MHz: NVIDIA's default application clock, else the highest clock.
    pub default_core_clock_mhz: Option<f64>,
    pub default_memory_clock_mhz: Option<f64>,
    pub most_core_clock_mhz: Option<f64>,
    pub most_memory_clock_mhz: Option<f64>,
    pub power_limit_watts: Option<f64>,
    /// MIG on NVIDIA; compute and memory partition on AMD.
    pub partition_mode: Option<String>,
    /// Everything else, sorted by key: persistence mode, firmware, PCIe link, board id.
    pub others: Vec<(String, String)>,
}

/// A way to look at one device. Reads only.
pub trait Telemetry: Send + Sync {
    /// Looks now. On an H100 that takes 2 to 8 ms, so it stays outside timed intervals.
    fn read(&self) -> TelemetryReading;

    /// Read once, when it was opened.
    fn facts(&self) -> &TelemetryFacts;

    /// What could not be read so far, and why.
    fn absences(&self) -> Vec<Absence>;
}

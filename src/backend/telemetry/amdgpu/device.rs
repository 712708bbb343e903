//! One AMD device.

use std::path::{Path, PathBuf};

use crate::backend::telemetry::absences::Absences;
use crate::backend::telemetry::{Absence, PciBusId, Telemetry, TelemetryError, TelemetryFacts, TelemetryReading};

use super::compute_processes::compute_processes;
use super::dpm_clocks::DpmClocks;
use super::folder::Folder;
use super::gpu_metrics::{Throttling, read_throttling};

/// Most temperature sensors looked at; amdgpu has three.
const MOST_SENSORS: u32 = 8;

/// Telemetry of an AMD device, from sysfs.
pub struct AmdgpuTelemetry {
    sysfs: PathBuf,
    bus: PciBusId,
    device: Folder,
    /// The device's sensors; `None` in some virtual machines.
    sensors: Option<Folder>,
    facts: TelemetryFacts,
    absences: Absences,
}

impl AmdgpuTelemetry {
    /// Finds the device on `bus` under `sysfs`, which is `/sys` on a real machine.
    pub fn open(sysfs: &Path, bus: PciBusId) -> Result<Self, TelemetryError> {
        // The same folder that /sys/class/drm/card*/device points to, found without knowing the card's number.
        let device = Folder::open(sysfs.join("bus/pci/devices").join(bus.to_string()))?;
        let absences = Absences::default();
        let sensors = absences.keep("sensors", first_folder(device.path("hwmon")));
        let facts = TelemetryFacts::default();
        let mut opened = Self { sysfs: sysfs.to_owned(), bus, device, sensors, facts, absences };
        opened.facts = opened.read_facts();
        Ok(opened)
    }

    fn read_facts(&self) -> TelemetryFacts {
        let core = self.clocks("core clock levels", "pp_dpm_sclk").map(|clocks| clocks.most);
        let memory = self.clocks("memory clock levels", "pp_dpm_mclk").map(|clocks| clocks.most);
        let other = |name: &'static str| Some((name.to_owned(), self.text(name, name)?));
        TelemetryFacts {
            source: Some("amdgpu sysfs".to_owned()),
            driver_version: self.driver_version(),
            default_core_clock_mhz: core,
            default_memory_clock_mhz: memory,
            most_core_clock_mhz: core,
            most_memory_clock_mhz: memory,
            power_limit_watts: self.sensor("power limit", "power1_cap").map(micro),
            partition_mode: self.partition_mode(),
            others: [
                "current_link_speed",
                "current_link_width",
                "power_dpm_force_performance_level",
                "unique_id",
                "vbios_version",
            ]
            .into_iter()
            .filter_map(other)
            .collect(),
        }
    }

    fn text(&self, value: &'static str, name: &str) -> Option<String> {
        self.absences.keep(value, self.device.text(name))
    }

    /// Only the driver that AMD ships outside of the kernel has a version of its own.
    fn driver_version(&self) -> Option<String> {
        let module = Folder::open(self.sysfs.join("module/amdgpu")).and_then(|module| module.text("version"));
        self.absences.keep("driver version", module)
    }

    fn partition_mode(&self) -> Option<String> {
        let compute = self.text("compute partition", "current_compute_partition");
        let memory = self.text("memory partition", "current_memory_partition");
        let modes: Vec<String> = compute.into_iter().chain(memory).collect();
        (!modes.is_empty()).then(|| modes.join("/"))
    }

    fn clocks(&self, value: &'static str, name: &str) -> Option<DpmClocks> {
        let clocks = self.device.text(name).and_then(|text| {
            DpmClocks::parse(&text).ok_or_else(|| self.device.format(name, "clock levels such as `0: 500Mhz *`", &text))
        });
        self.absences.keep(value, clocks)
    }

    fn sensor(&self, value: &'static str, name: &str) -> Option<f64> {
        self.absences.keep(value, self.sensors.as_ref()?.number(name))
    }

    /// The sensor's clock in MHz, else the starred level.
    fn clock(&self, value: &'static str, sensor: &str, levels: &str) -> Option<f64> {
        let hertz = self.sensors.as_ref().and_then(|sensors| sensors.number(sensor).ok());
        hertz.map(|hertz| hertz / 1e6).or_else(|| self.clocks(value, levels)?.current)
    }

    /// Newer chips have a momentary power, older ones an average.
    fn power(&self) -> Option<f64> {
        let sensors = self.sensors.as_ref()?;
        let power = sensors.number("power1_input").or_else(|_| sensors.number("power1_average"));
        self.absences.keep("power", power).map(micro)
    }

    /// °C of the sensor with this label.
    fn temperature(&self, value: &'static str, label: &str) -> Option<f64> {
        let sensors = self.sensors.as_ref()?;
        let labelled = (1..=MOST_SENSORS)
            .find(|sensor| sensors.text(&format!("temp{sensor}_label")).is_ok_and(|found| found == label));
        match labelled {
            // sysfs counts in thousandths of a degree.
            Some(sensor) => self.sensor(value, &format!("temp{sensor}_input")).map(|milli| milli / 1e3),
            None => {
                self.absences.note(value, format!("{}: no sensor is labelled {label}", sensors.path("").display()));
                None
            }
        }
    }

    fn throttling(&self) -> Throttling {
        let table = self.device.bytes("gpu_metrics");
        let throttling = table.and_then(|table| {
            let header = format!("{} bytes that begin with {:?}", table.len(), &table[..table.len().min(4)]);
            read_throttling(&table).map_err(|what| self.device.format("gpu_metrics", what, &header))
        });
        self.absences.keep("throttle reasons", throttling).unwrap_or_default()
    }
}

impl Telemetry for AmdgpuTelemetry {
    fn read(&self) -> TelemetryReading {
        // Activity and clocks first: they fall as soon as the work ends.
        let busy = self.absences.keep("activity", self.device.number("gpu_busy_percent"));
        let core_clock_mhz = self.clock("core clock", "freq1_input", "pp_dpm_sclk");
        let throttling = self.throttling();
        let hotspot_celsius = self.temperature("hotspot temperature", "junction");
        TelemetryReading {
            core_clock_mhz,
            chain_steps_per_us: None,
            memory_clock_mhz: self.clock("memory clock", "freq2_input", "pp_dpm_mclk"),
            power_watts: self.power(),
            power_limit_watts: self.sensor("power limit", "power1_cap").map(micro),
            temperature_celsius: self.temperature("edge temperature", "edge").or(hotspot_celsius),
            hotspot_celsius,
            memory_celsius: self.temperature("memory temperature", "mem"),
            idle: busy.map(|percent| percent == 0.0),
            throttle_reasons: throttling.reasons,
            throttle_counters: throttling.counters,
            compute_processes: self.absences.keep("processes", compute_processes(&self.sysfs, self.bus)),
            memory_used_bytes: self
                .absences
                .keep("memory used", self.device.number("mem_info_vram_used"))
                .map(|bytes| bytes as u64),
        }
    }

    fn facts(&self) -> &TelemetryFacts {
        &self.facts
    }

    fn absences(&self) -> Vec<Absence> {
        self.absences.list()
    }
}

/// sysfs counts power in microwatts.
fn micro(number: f64) -> f64 {
    number / 1e6
}

fn first_folder(path: PathBuf) -> Result<Folder, TelemetryError> {
    let missing = TelemetryError::File { path: path.clone(), reason: "it is empty".to_owned() };
    Folder::open(path)?.folders()?.into_iter().next().ok_or(missing)
}

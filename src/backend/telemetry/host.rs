//! The host: what its processor was doing while it measured, or while it emulated.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::absences::Absences;
use super::{Absence, Telemetry, TelemetryError, TelemetryFacts, TelemetryReading, TelemetrySources};

/// What does not change about a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    pub processor: Option<String>,
    /// Frequency governors in use, usually one: `performance`, `powersave`, …
    pub governor: Option<String>,
    pub most_clock_mhz: Option<f64>,
}

/// One look at a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostReading {
    /// Mean over the processor's threads.
    pub clock_mhz: Option<f64>,
    /// Runnable threads, averaged over one minute.
    pub load_average: Option<f64>,
}

/// Looks at the host. Also the telemetry of the device `host`.
pub struct HostTelemetry {
    procfs: PathBuf,
    sysfs: PathBuf,
    host: HostFacts,
    facts: TelemetryFacts,
    absences: Absences,
}

impl HostTelemetry {
    pub fn open(sources: &TelemetrySources) -> Self {
        let mut opened = Self {
            procfs: sources.procfs.clone(),
            sysfs: sources.sysfs.clone(),
            host: HostFacts::default(),
            facts: TelemetryFacts::default(),
            absences: Absences::default(),
        };
        opened.host = opened.read_host_facts();
        opened.facts = TelemetryFacts {
            source: Some("procfs".to_owned()),
            default_core_clock_mhz: opened.host.most_clock_mhz,
            most_core_clock_mhz: opened.host.most_clock_mhz,
            others: opened.host.governor.iter().map(|governor| ("governor".to_owned(), governor.clone())).collect(),
            ..TelemetryFacts::default()
        };
        opened
    }

    pub fn host_facts(&self) -> &HostFacts {
        &self.host
    }

    pub fn read_host(&self) -> HostReading {
        HostReading {
            clock_mhz: self.absences.keep("processor clock", self.clock_mhz()),
            load_average: self.absences.keep("load average", self.load_average()),
        }
    }

    fn read_host_facts(&self) -> HostFacts {
        HostFacts {
            processor: self.absences.keep("processor name", self.processor()),
            governor: self.absences.keep("frequency governor", self.governor()),
            most_clock_mhz: self.absences.keep("highest processor clock", self.first_core_mhz("cpuinfo_max_freq")),
        }
    }

    fn processor(&self) -> Result<String, TelemetryError> {
        let path = self.procfs.join("cpuinfo");
        let text = read(&path)?;
        let name = cpuinfo_values(&text, "model name").next().map(str::to_owned);
        name.ok_or_else(|| format_error(&path, "a line `model name`", &text))
    }

    fn clock_mhz(&self) -> Result<f64, TelemetryError> {
        let path = self.procfs.join("cpuinfo");
        let text = read(&path)?;
        let clocks: Vec<f64> = cpuinfo_values(&text, "cpu MHz").filter_map(|value| value.parse().ok()).collect();
        if !clocks.is_empty() {
            return Ok(clocks.iter().sum::<f64>() / clocks.len() as f64);
        }
        // Arm has no clocks in cpuinfo.
        self.first_core_mhz("scaling_cur_freq")
    }

    fn load_average(&self) -> Result<f64, TelemetryError> {
        let path = self.procfs.join("loadavg");
        let text = read(&path)?;
        let first = text.split_whitespace().next().and_then(|number| number.parse().ok());
        first.ok_or_else(|| format_error(&path, "a load average", &text))
    }

    /// Cores of different kinds may have different governors.
    fn governor(&self) -> Result<String, TelemetryError> {
        let folder = self.sysfs.join("devices/system/cpu");
        let entries = fs::read_dir(&folder)
            .map_err(|error| TelemetryError::File { path: folder.clone(), reason: error.to_string() })?;
        let governors: BTreeSet<String> = entries
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("cpufreq/scaling_governor")).ok())
            .map(|text| text.trim().to_owned())
            .collect();
        if governors.is_empty() {
            let reason = "no processor has cpufreq/scaling_governor".to_owned();
            return Err(TelemetryError::File { path: folder, reason });
        }
        Ok(governors.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// A value of the first core; the others may differ.
    fn first_core_mhz(&self, name: &str) -> Result<f64, TelemetryError> {
        let path = self.sysfs.join("devices/system/cpu/cpu0/cpufreq").join(name);
        kilohertz(&path, &read(&path)?)
    }
}

impl Telemetry for HostTelemetry {
    fn read(&self) -> TelemetryReading {
        TelemetryReading { core_clock_mhz: self.read_host().clock_mhz, ..TelemetryReading::default() }
    }

    fn facts(&self) -> &TelemetryFacts {
        &self.facts
    }

    fn absences(&self) -> Vec<Absence> {
        self.absences.list()
    }
}

/// The values of all lines `key : value`.
fn cpuinfo_values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == key).then(|| value.trim())
    })
}

fn read(path: &Path) -> Result<String, TelemetryError> {
    let text = fs::read_to_string(path);
    text.map_err(|error| TelemetryError::File { path: path.to_owned(), reason: error.to_string() })
}

/// cpufreq counts in kHz; the result is in MHz.
fn kilohertz(path: &Path, text: &str) -> Result<f64, TelemetryError> {
    let number = text.trim().parse::<u32>().map_err(|_| format_error(path, "a clock in kHz", text))?;
    Ok(f64::from(number) / 1e3)
}

fn format_error(path: &Path, what: &'static str, text: &str) -> TelemetryError {
    // A line says enough: /proc/cpuinfo has thousands.
    let text = text.lines().next().unwrap_or("").to_owned();
    TelemetryError::Format { path: path.to_owned(), what, text }
}

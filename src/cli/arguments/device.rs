//! Which device runs, and how the host emulator behaves.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use hipgauge::backend::{Device, DeviceRequest, HostOptions, KernelLibrary, OpenOptions, Schedule, Selection, open};

use crate::cli::exit_code::Exit;
use crate::cli::failure::{Failure, OrExit, exit_of_backend};
use crate::cli::output::{FAINT, styled};

/// Whether something is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

/// Threads per wave, as AMD and NVIDIA have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wave {
    #[value(name = "32")]
    Of32,
    #[value(name = "64")]
    Of64,
}

impl Wave {
    pub const fn threads(self) -> u32 {
        match self {
            Wave::Of32 => 32,
            Wave::Of64 => 64,
        }
    }
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceArguments {
    /// Where kernels run: auto (hip, then cuda, then host), host, hip:N or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,

    /// Threads per wave on the host emulator: 32 or 64
    #[arg(long, value_name = "THREADS")]
    pub wave: Option<Wave>,

    /// Order in which the host emulator runs threads: in-order, reverse or random:SEED
    #[arg(long, value_name = "ORDER")]
    pub schedule: Option<Schedule>,

    /// Whether the host emulator checks every memory access
    #[arg(long, value_name = "SWITCH")]
    pub memory_check: Option<Switch>,

    /// Take kernels from this folder instead of those built in (its profiling/ is not used)
    #[arg(long, value_name = "DIR")]
    pub kernels: Option<PathBuf>,
}

impl DeviceArguments {
    /// The kernels that the device loads.
    pub fn library(&self) -> Result<KernelLibrary, Failure> {
        match &self.kernels {
            Some(folder) => KernelLibrary::from_directory(folder).or_exit(Exit::Usage),
            None => Ok(KernelLibrary::embedded()),
        }
    }

    /// Opens the device, and says on stderr what `auto` chose and why. `memory_check` is what the emulator does unless the command line says otherwise.
    pub fn open(&self, memory_check: Switch) -> Result<Selection, Failure> {
        let library = self.library()?;
        let default = HostOptions::default();
        let host = HostOptions {
            wave_size: self.wave.map_or(default.wave_size, Wave::threads),
            schedule: self.schedule.unwrap_or(default.schedule),
            memory_check: self.memory_check.unwrap_or(memory_check) == Switch::On,
        };
        let selection = open(&self.device, &OpenOptions { library: Arc::new(library), host })
            .map_err(|error| Failure::new(exit_of_backend(&error), error))?;
        if !selection.device.info().emulated && (self.wave.is_some() || self.schedule.is_some()) {
            let id = &selection.device.info().id;
            return Err(Failure::usage(format!(
                "--wave and --schedule are the emulator's, and {id} is not; add --device host"
            )));
        }
        if selection.choice.requested == DeviceRequest::Auto {
            anstream::eprintln!("{}", styled(FAINT, explain(&selection)));
        }
        Ok(selection)
    }

    /// The arguments that choose the same device and behaviour, kernels left out, for a worker.
    pub fn for_worker(&self) -> Vec<String> {
        let mut arguments = vec!["--device".to_string(), self.device.clone()];
        let mut add = |name: &str, value: Option<String>| {
            arguments.extend(value.into_iter().flat_map(|value| [name.to_string(), value]));
        };
        add("--wave", self.wave.map(|wave| wave.threads().to_string()));
        add("--schedule", self.schedule.map(|schedule| schedule.to_string()));
        let name = |switch: Switch| if switch == Switch::On { "on" } else { "off" };
        add("--memory-check", self.memory_check.map(|switch| name(switch).to_string()));
        arguments
    }

    /// The arguments that choose the same device and behaviour again, for a line that reproduces a case.
    pub fn reproduce(&self, device: &dyn Device) -> String {
        let mut text = format!("--device {}", device.info().id);
        if device.info().emulated {
            text.push_str(&format!(" --wave {}", device.info().wave_size));
        }
        if let Some(schedule) = &self.schedule {
            text.push_str(&format!(" --schedule {schedule}"));
        }
        match self.memory_check {
            Some(Switch::On) => text.push_str(" --memory-check on"),
            Some(Switch::Off) => text.push_str(" --memory-check off"),
            None => {}
        }
        if let Some(folder) = &self.kernels {
            text.push_str(&format!(" --kernels '{}'", folder.display()));
        }
        text
    }
}

/// One line: the device that `auto` chose, and why none before it.
fn explain(selection: &Selection) -> String {
    let passed = selection.choice.passed_over.iter();
    let reasons = passed.map(|passed| {
        // A reason from a driver may have lines of its own.
        let reason = passed.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("; no {}: {reason}", passed.backend.name())
    });
    format!("device {}, chosen by --device auto{}", selection.device.info().id, reasons.collect::<String>())
}

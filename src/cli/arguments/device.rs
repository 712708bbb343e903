//! Which device runs, and how the host emulator behaves.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use hipgauge::backend::{Device, OpenOptions, open};

use crate::cli::failure::{Failure, exit_of_backend};

/// Whether something is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceArguments {
    /// Where kernels run: auto (hip, then cuda, then host), host, hip:N or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,

    /// Threads per wave on the host emulator: 32 or 64
    #[arg(long, value_name = "THREADS", value_parser = ["32", "64"])]
    pub wave: Option<String>,

    /// Order in which the host emulator runs threads: in-order, reverse or random:SEED
    #[arg(long, value_name = "ORDER")]
    pub schedule: Option<String>,

    /// Whether the host emulator checks every memory access
    #[arg(long, value_name = "SWITCH")]
    pub memory_check: Option<Switch>,

    /// Take kernels from this folder instead of those built in
    #[arg(long, value_name = "DIR")]
    pub kernels: Option<PathBuf>,
}

impl DeviceArguments {
    /// Opens the device. `memory_check` is what the emulator does unless the command line says otherwise.
    pub fn open(&self, memory_check: Switch) -> Result<Arc<dyn Device>, Failure> {
        let _ = self.memory_check.unwrap_or(memory_check);
        let selection = open(&self.device, &OpenOptions::default())
            .map_err(|error| Failure::new(exit_of_backend(&error), error))?;
        Ok(selection.device)
    }

    /// The arguments that choose the same device and behaviour again, for a line that reproduces a case.
    pub fn reproduce(&self, device: &dyn Device) -> String {
        let mut text = format!("--device {}", device.info().id);
        if let Some(wave) = &self.wave {
            text.push_str(&format!(" --wave {wave}"));
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

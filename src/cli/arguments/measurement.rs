//! How times are taken, and where a run is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hipgauge::backend::{DeviceInfo, KernelLibrary};
use hipgauge::profiling::{Mode, TimerSettings};
use hipgauge::progress::parse_span;
use hipgauge::report::RunDirectory;
use hipgauge::sweep::{SweepOptions, TimeBudget};

use super::limits::seconds;

/// Where runs go that are not told where.
const REPORTS: &str = "reports";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeName {
    /// Caches flushed before each launch
    Cold,
    /// Launches back to back over copies of the buffers in turn
    Hot,
}

impl ModeName {
    /// The modes of these names, or both.
    pub fn modes(names: &[Self]) -> Vec<Mode> {
        let name = |mode: &Mode| match mode {
            Mode::Cold => ModeName::Cold,
            Mode::Hot => ModeName::Hot,
        };
        Mode::BOTH.into_iter().filter(|mode| names.is_empty() || names.contains(&name(mode))).collect()
    }
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Measurement")]
pub struct MeasurementArguments {
    /// Keep the run in this folder, which must be missing or empty [default: reports/TIME-DEVICE]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Measure in this mode only; may be repeated [default: both]
    #[arg(long = "mode", value_name = "MODE")]
    modes: Vec<ModeName>,

    /// Most seconds of sampling per case and mode [default: 1, on host 0.05]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    time_limit: Option<Duration>,

    /// Fit the whole job into this time, verifying included: 90s, 5m, 1h30m. Cases get fewer samples, never fewer
    /// than ten a mode; those that are not reached are listed [default: as long as it takes]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    time_budget: Option<Duration>,
}

impl MeasurementArguments {
    /// The modes that were named.
    pub fn modes(&self) -> &[ModeName] {
        &self.modes
    }

    /// The first argument that was given of those that limit sampling.
    pub fn first_limit(&self) -> Option<&'static str> {
        let given = [("--time-limit", self.time_limit.is_some()), ("--time-budget", self.time_budget.is_some())];
        given.into_iter().find_map(|(name, given)| given.then_some(name))
    }

    /// The folder that was asked for, or a new one under `reports/`.
    pub fn directory(&self, device: &DeviceInfo) -> PathBuf {
        self.folder(&device.id)
    }

    /// The same, with a name of its own for the new one.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| RunDirectory::fresh_path(Path::new(REPORTS), name))
    }

    /// Has the run kept there.
    pub fn keep_in(&mut self, folder: &Path) {
        self.out = Some(folder.to_path_buf());
    }

    /// The time that the job has from now on.
    pub fn budget(&self) -> Option<TimeBudget> {
        self.time_budget.and_then(TimeBudget::starting_now)
    }

    /// `seed` decides the order in which cases are measured; `library` is what the device loads.
    pub fn options(&self, device: &DeviceInfo, seed: u64, library: KernelLibrary) -> SweepOptions {
        let mut settings = TimerSettings::for_device(device);
        if let Some(limit) = self.time_limit {
            settings.time_limit = limit;
        }
        let modes = ModeName::modes(&self.modes);
        SweepOptions { modes, settings, seed, library: Arc::new(library) }
    }
}

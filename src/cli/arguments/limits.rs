//! How much runs at once, for how long, and when to stop.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use hipgauge::backend::DeviceInfo;

/// Enough to make inputs and judge while the GPU works; more would hold the tensors of more cases in memory.
const MOST_GPU_JOBS: NonZeroUsize = NonZeroUsize::new(4).expect("4 is not 0");

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArguments {
    /// Cases in work at a time [default: the cores on host, at most 4 on a GPU]
    #[arg(long, value_name = "COUNT")]
    pub jobs: Option<NonZeroUsize>,

    /// Stop at the first case that fails or cannot run
    #[arg(long)]
    pub fail_fast: bool,

    /// Give a case up after this many seconds on the device
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
}

impl LimitArguments {
    /// Cases in work at a time.
    pub fn jobs(&self, device: &DeviceInfo) -> NonZeroUsize {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.jobs.unwrap_or(if device.emulated { cores } else { cores.min(MOST_GPU_JOBS) })
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let advice = || "use a positive number of seconds, such as 30 or 0.5".to_string();
    let seconds: f64 = text.parse().map_err(|_| advice())?;
    if seconds > 0.0 { Duration::try_from_secs_f64(seconds).map_err(|_| advice()) } else { Err(advice()) }
}

//! How much runs at once, for how long, and when to stop.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

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

fn seconds(text: &str) -> Result<Duration, String> {
    let advice = || "use a positive number of seconds, such as 30 or 0.5".to_string();
    let seconds: f64 = text.parse().map_err(|_| advice())?;
    if seconds > 0.0 { Duration::try_from_secs_f64(seconds).map_err(|_| advice()) } else { Err(advice()) }
}

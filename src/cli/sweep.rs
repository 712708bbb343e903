//! `hipgauge sweep`: how fast are the kernels? Each case is verified first, because the speed of a wrong kernel
//! means nothing.

use clap::Args;

use super::failure::CommandResult;
use super::measured_run::{MeasuredRun, measured_run};

const EXAMPLES: &str = "\
Examples:
  hipgauge sweep --suite full --device hip:0
  hipgauge sweep --case rms_norm/bf16/2048x4096/normal --mode cold --format json";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    common: MeasuredRun,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    measured_run(&arguments.common, false)
}

//! `hipgauge run`: the main job, from cases to a report.

use clap::Args;

use super::failure::CommandResult;
use super::measured_run::{MeasuredRun, measured_run};

const EXAMPLES: &str = "\
Examples:
  hipgauge run                                   the quick suite on the best device there is
  hipgauge run --suite full --device hip:0 --out reports/mi300x
  hipgauge run --op rms_norm --dtype bf16 --mode cold --time-limit 5";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    common: MeasuredRun,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    measured_run(&arguments.common, true)
}

//! `hipgauge devices`: what is there, and for what is not, where it was looked for.

use clap::Args;

use super::failure::CommandResult;

#[derive(Args, Debug)]
pub struct Arguments {}

pub fn run(_arguments: &Arguments) -> CommandResult {
    Ok(super::exit_code::Exit::Good)
}

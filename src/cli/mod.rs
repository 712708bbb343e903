//! The command line: one file per command, argument groups in `arguments`, exit codes in `exit_code`.
//!
//! A new command is a file with `Arguments` (clap) and `run`, and one line in `Command`.

mod arguments;
mod devices;
mod exit_code;
mod failure;
mod output;
mod start;

pub use start::start;

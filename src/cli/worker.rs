//! `hipgauge worker`: the child that `compare`, `calibrate`, `gate` and `bisect` measure in. Not for people.

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;
use std::time::Duration;

use clap::Args;
use hipgauge::regression::worker::{ServeError, serve};
use hipgauge::report::Build;

use super::arguments::{DeviceArguments, Switch, seconds};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit, exit_of_backend};

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    device: DeviceArguments,

    /// Give a wait for the device up after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    device_deadline: Option<Duration>,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let output = take_stdout().or_exit(Exit::HarnessFault)?;
    let library = arguments.device.library()?;
    let dirty = env!("HIPGAUGE_DIRTY") == "true";
    let build = Build::new(env!("CARGO_PKG_VERSION"), env!("HIPGAUGE_COMMIT"), dirty, &library);
    let device = arguments.device.open(Switch::On)?.device;
    device.set_deadline(arguments.device_deadline);
    match serve(&device, &library, build, io::stdin().lock(), output) {
        Ok(()) => Ok(Exit::Good),
        Err(ServeError::Backend(error)) => Err(Failure::new(exit_of_backend(&error), error)),
        Err(error @ (ServeError::Stream(_) | ServeError::Request { .. })) => Err(Failure::new(Exit::Usage, error)),
    }
}

/// Standard output for the protocol alone: what a vendor's library prints there goes to standard error from now on.
pub(super) fn take_stdout() -> io::Result<File> {
    // SAFETY: both descriptors are open for the life of the process, and nobody else owns the new one.
    unsafe {
        let protocol = libc::dup(libc::STDOUT_FILENO);
        if protocol < 0 || libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(protocol))
    }
}

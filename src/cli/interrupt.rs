//! Ctrl-C: the first ends the run in good order, the second at once.

use std::sync::atomic::{AtomicBool, Ordering};

use super::exit_code::Exit;
use super::failure::{Failure, OrExit};

static STOP: AtomicBool = AtomicBool::new(false);

/// Becomes true at the first Ctrl-C. May be called more than once. A process that was started with SIGINT ignored,
/// as shells start background jobs, goes on ignoring it.
pub fn watch() -> Result<&'static AtomicBool, Failure> {
    let handler = || {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted.code().into());
        }
        anstream::eprintln!("stopping after the cases in work; Ctrl-C again to stop at once");
    };
    match ctrlc::try_set_handler(handler) {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(&STOP),
        Err(error) => Err(error).or_exit(Exit::HarnessFault),
    }
}

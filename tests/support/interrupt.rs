//! Signals for the program under test, however the tests themselves were started.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// A shell starts background jobs with Ctrl-C ignored; that would pass on to the program, which obeys it.
pub fn heed_interrupts(command: &mut Command) -> &mut Command {
    // SAFETY: no handler of this process is replaced, only the disposition in the forked child.
    let heed = || match unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    };
    // SAFETY: between fork and exec the closure calls only `signal`, which is async-signal-safe.
    unsafe { command.pre_exec(heed) }
}

/// Sends a signal to a child that has not been waited for.
pub fn signal(child: &Child, signal: libc::c_int) {
    let process = libc::pid_t::try_from(child.id()).expect("a process id");
    // SAFETY: a plain system call; the child has not been waited for, so its id cannot have passed to another process.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0, "{}", io::Error::last_os_error());
}

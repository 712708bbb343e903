//! How a request ended that has no answer: data, not the end of the run.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Why a case cannot be measured on a worker that is otherwise well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Its kernels do not compile, or are not there.
    Unbuildable,
    /// Its outputs are wrong, or a kernel did something undefined.
    WrongResult,
    /// Not on this device: a shape outside the contract, a capability that is missing.
    Impossible,
    /// No sample was acceptable.
    NoSample,
}

/// How a child, or its work on one case, ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum ChildEnd {
    /// Killed by a signal that this process did not send.
    Crashed {
        signal: i32,
    },
    /// Ended by itself without an answer.
    Exited {
        code: i32,
    },
    /// Gave no answer in time and was killed, or said that a kernel does not end.
    Hung {
        reason: String,
    },
    OutOfMemory {
        reason: String,
    },
    /// The device does not answer that process any more.
    LostDevice {
        reason: String,
    },
    /// Said something that is no answer.
    Garbled {
        line: String,
    },
    /// Speaks another version of the protocol.
    WrongProtocol {
        theirs: u32,
        ours: u32,
    },
    /// A defect in hipgauge.
    Fault {
        reason: String,
    },
    /// Well, but will not measure this case.
    Refused {
        why: Refusal,
        reason: String,
    },
}

impl ChildEnd {
    /// Whether the child is gone, so that a fresh one should ask whether the device is well.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, ChildEnd::Refused { .. })
    }

    /// Whether its program does not seem to be a hipgauge of this version.
    pub fn is_foreign(&self) -> bool {
        matches!(self, ChildEnd::Exited { .. } | ChildEnd::Garbled { .. } | ChildEnd::WrongProtocol { .. })
    }
}

impl fmt::Display for ChildEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChildEnd::Crashed { signal: libc::SIGKILL } => {
                formatter.write_str("was killed (SIGKILL), which a system short of memory does; free memory there")
            }
            ChildEnd::Crashed { signal } => write!(formatter, "crashed with {}", signal_name(*signal)),
            ChildEnd::Exited { code } => write!(formatter, "ended without an answer, with exit code {code}"),
            ChildEnd::Hung { reason } => write!(formatter, "hung: {reason}"),
            ChildEnd::OutOfMemory { reason } => write!(formatter, "ran out of memory: {reason}"),
            ChildEnd::LostDevice { reason } => write!(formatter, "lost the device: {reason}"),
            ChildEnd::Garbled { line } => {
                write!(formatter, "said what is no answer: `{line}`; its program must be a hipgauge of this version")
            }
            ChildEnd::WrongProtocol { theirs, ours } => {
                write!(formatter, "speaks protocol {theirs}, this program {ours}; build both from nearer versions")
            }
            ChildEnd::Fault { reason } => write!(formatter, "met a fault in hipgauge, please report it: {reason}"),
            ChildEnd::Refused { why: Refusal::WrongResult, reason } => write!(formatter, "wrong result: {reason}"),
            ChildEnd::Refused { reason, .. } => formatter.write_str(reason),
        }
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGSEGV => "SIGSEGV (a wild memory access)",
        libc::SIGBUS => "SIGBUS (a wild memory access)",
        libc::SIGABRT => "SIGABRT (a library gave up)",
        libc::SIGFPE => "SIGFPE (an arithmetic fault)",
        libc::SIGILL => "SIGILL (an instruction that this processor does not have)",
        libc::SIGTERM => "SIGTERM",
        libc::SIGINT => "SIGINT",
        libc::SIGHUP => "SIGHUP",
        libc::SIGPIPE => "SIGPIPE",
        other => return format!("signal {other}"),
    };
    name.to_string()
}

/// A worker that gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(
        "cannot start {} as the worker of {label}: {error}; give a hipgauge program that can be run",
        program.display()
    )]
    NotStarted { label: String, program: PathBuf, error: io::Error },

    #[error("{label}: {end} ({doing}){}", quoted(stderr))]
    Ended {
        label: String,
        /// What it was asked for: `measuring CASE cold`.
        doing: String,
        end: ChildEnd,
        /// The last of what the child wrote to its standard error; empty if nothing.
        stderr: String,
    },
}

impl WorkerError {
    /// How the child ended, if there was one.
    pub fn end(&self) -> Option<&ChildEnd> {
        match self {
            WorkerError::NotStarted { .. } => None,
            WorkerError::Ended { end, .. } => Some(end),
        }
    }
}

fn quoted(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("\nits standard error ends with:\n{stderr}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_read_as_sentences_and_only_a_refusal_leaves_the_child_alive() {
        let refused = ChildEnd::Refused { why: Refusal::WrongResult, reason: "y differs".to_string() };
        assert_eq!(refused.to_string(), "wrong result: y differs");
        assert!(!refused.is_fatal());
        let crashed = ChildEnd::Crashed { signal: libc::SIGSEGV };
        assert!(crashed.is_fatal() && crashed.to_string().contains("SIGSEGV"));
        assert!(ChildEnd::Crashed { signal: libc::SIGKILL }.to_string().contains("short of memory"));
        assert_eq!(ChildEnd::Crashed { signal: 63 }.to_string(), "crashed with signal 63");
    }

    #[test]
    fn an_error_names_the_side_what_it_did_and_what_it_said_last() {
        let error = WorkerError::Ended {
            label: "base".to_string(),
            doing: "probing the device".to_string(),
            end: ChildEnd::Exited { code: 64 },
            stderr: "error: no such command".to_string(),
        };
        let text = error.to_string();
        assert!(text.starts_with("base: ended without an answer, with exit code 64 (probing the device)"), "{text}");
        assert!(text.ends_with("error: no such command"), "{text}");
    }
}

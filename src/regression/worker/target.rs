//! What a worker runs, and how long each answer may take.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What is measured: a program with the kernels that it takes, on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What messages call it: `base`, a commit, a folder.
    pub label: String,
    /// A hipgauge program, by default this very one.
    pub program: PathBuf,
    /// A folder for `--kernels`; `None` for those built into the program.
    pub kernels: Option<PathBuf>,
    /// Arguments that choose the device: `--device`, `hip:0`.
    pub device: Vec<String>,
}

impl Target {
    /// This very program, with the kernels built in or those of a folder.
    pub fn this_program(label: &str, kernels: Option<PathBuf>, device: Vec<String>) -> io::Result<Self> {
        Ok(Self { label: label.to_string(), program: std::env::current_exe()?, kernels, device })
    }

    /// The arguments of the child.
    pub(super) fn arguments(&self) -> Vec<std::ffi::OsString> {
        let mut arguments = vec!["worker".into()];
        arguments.extend(self.device.iter().map(Into::into));
        if let Some(kernels) = &self.kernels {
            arguments.extend(["--kernels".into(), kernels.into()]);
        }
        arguments
    }
}

/// How long a child may take to answer before it is killed, by request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerLimits {
    /// From its start to its hello: opening the device.
    pub hello: Duration,
    /// A launch that does nothing.
    pub probe: Duration,
    /// Compiling a case's kernels, its reference, and two launches.
    pub verify: Duration,
    /// One block of samples.
    pub block: Duration,
    /// What the child itself grants a wait for the device, so that a hung kernel is named before the child is
    /// killed.
    pub device: Duration,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(60),
            probe: Duration::from_secs(30),
            verify: Duration::from_secs(600),
            block: Duration::from_secs(120),
            device: Duration::from_secs(60),
        }
    }
}

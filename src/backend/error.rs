//! What can go wrong on a device, with the failing call and what to do about it.

use super::KernelId;

/// A failed device operation. Every message ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    #[error("device `{requested}` is not available: {reason}; run `hipgauge devices` to see what was looked for")]
    NoSuchDevice { requested: String, reason: String },

    #[error("`{requested}` is not a device: use auto, host, hip:N or cuda:N")]
    InvalidDeviceName { requested: String },

    #[error("{call} failed on {device}: {code} ({message}); arguments: {arguments}; {advice}")]
    Call { device: String, call: &'static str, code: i64, message: String, arguments: String, advice: &'static str },

    #[error(
        "{device} is out of memory: {label} asked for {requested} bytes, {live} bytes are live; use fewer rows or --filter the case out{backtrace}"
    )]
    OutOfMemory {
        device: String,
        label: String,
        requested: usize,
        live: usize,
        /// Where it was asked for, on lines of its own; empty unless `HIPGAUGE_ALLOC_BACKTRACE=1`.
        backtrace: String,
    },

    #[error(
        "kernel {kernel} did not compile for {architecture} with {compiler}:\n{log}\nfix the source, or remove a stale copy from the kernel cache"
    )]
    Compile { kernel: String, architecture: String, compiler: String, log: String },

    #[error(
        "no kernel named {kernel} on {device}: {known}; a folder for --kernels is one of the same version as this program"
    )]
    UnknownKernel { kernel: KernelId, device: String, known: String },

    #[error(
        "{kernel} on {device} ran longer than {seconds} s and was given up; raise --timeout or look for an endless loop"
    )]
    TimedOut { device: String, kernel: String, seconds: f64 },

    #[error(
        "{device} is still busy with {kernel}, which ran too long and was given up; run the cases that are left again, without that one"
    )]
    StillBusy { device: String, kernel: String },

    #[error("{device} is lost to this process: {cause}; run the cases that are left again, without that one")]
    DeviceLost { device: String, cause: String },

    /// The kernel did something that is undefined on a GPU: the host emulator caught it, or the GPU stopped.
    #[error("{kernel}: {fault}")]
    KernelFault { kernel: String, fault: String },

    #[error("{device} has no matrix library: {reason}; `hipgauge devices --verbose` shows where it was looked for")]
    NoMatrixLibrary { device: String, reason: String },

    #[error("{device} has a matrix library that is no use: {reason}")]
    UnusableMatrixLibrary { device: String, reason: String },

    #[error(
        "{library} on {device} has no algorithm for {shape} with {workspace_bytes} bytes of workspace ({offered} offered, none usable); use matrix_product, or another shape"
    )]
    NoMatrixAlgorithm { device: String, library: String, shape: String, offered: usize, workspace_bytes: usize },

    #[error("{device} cannot do this: {capability} is not available; it is a capability to ask for first")]
    Unsupported { device: String, capability: &'static str },

    #[error("invalid use of {call}: {problem}; this is a defect in hipgauge, please report it")]
    InvalidUse { call: &'static str, problem: String },
}

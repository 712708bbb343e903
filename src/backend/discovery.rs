//! What is on this machine, backend by backend.

use super::{BackendKind, DeviceInfo, cuda_backend, hip_backend, host_backend};

/// One place that was looked at for a library, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// A path, or a bare file name that the loader searched for.
    pub place: String,
    /// `loaded`, or the loader's own words.
    pub outcome: String,
}

/// The answer of one backend: its devices, or exactly why there are none.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendSurvey {
    pub backend: BackendKind,
    /// The libraries that drive the devices, with their versions, as far as they loaded.
    pub runtime: Option<String>,
    pub devices: Vec<DeviceInfo>,
    /// Why there is no device, or why one that was counted cannot be used, in one line.
    pub absence: Option<String>,
    /// Everything that was looked for, in order.
    pub attempts: Vec<Attempt>,
}

/// Asks every backend, in the order in which `auto` prefers them. Missing libraries, libraries that are
/// too old and machines without a device are ordinary answers.
pub fn survey() -> Vec<BackendSurvey> {
    [BackendKind::Hip, BackendKind::Cuda, BackendKind::Host].into_iter().map(survey_backend).collect()
}

/// Asks one backend.
pub(super) fn survey_backend(backend: BackendKind) -> BackendSurvey {
    match backend {
        BackendKind::Cuda => cuda_backend::survey(),
        BackendKind::Host => host_backend::survey(),
        BackendKind::Hip => hip_backend::survey(),
    }
}

/// Every place where a backend's matrix library was looked for, in order; empty until a device was asked for one.
pub fn matrix_library_attempts(backend: BackendKind) -> &'static [Attempt] {
    match backend {
        BackendKind::Cuda => cuda_backend::matrix_library_attempts(),
        BackendKind::Hip => hip_backend::matrix_library_attempts(),
        BackendKind::Host => &[],
    }
}

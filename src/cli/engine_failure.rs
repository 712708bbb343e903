//! Exit codes of an engine that did not answer.

use hipgauge::engine::EngineError;
use hipgauge::engine::device_model::DeviceModelError;
use hipgauge::engine::host_model::HostModelError;

use super::exit_code::Exit;
use super::failure::{Failure, exit_of_backend};

/// An engine's error with its exit code.
pub fn engine_failure(error: EngineError) -> Failure {
    Failure::new(exit_of(&error), error)
}

/// A logit that is no finite number.
pub fn not_finite(position: usize, value: f32) -> Failure {
    engine_failure(HostModelError::NotFinite { position, value }.into())
}

fn exit_of(error: &EngineError) -> Exit {
    match error {
        EngineError::Model(_)
        | EngineError::Batch { .. }
        | EngineError::Lengths { .. }
        | EngineError::NoPrompt
        | EngineError::Sampling { .. } => Exit::Usage,
        EngineError::BrokenLogits { .. } => Exit::WrongResult,
        EngineError::Host(error) => exit_of_host(error),
        EngineError::Device(error) => exit_of_device(error),
    }
}

fn exit_of_host(error: &HostModelError) -> Exit {
    match error {
        HostModelError::NoTokens
        | HostModelError::NoSuchToken { .. }
        | HostModelError::TooLong { .. }
        | HostModelError::BeyondContext { .. } => Exit::Usage,
        HostModelError::Memory { .. } => Exit::NotReproducible,
        HostModelError::NotFinite { .. } => Exit::WrongResult,
    }
}

fn exit_of_device(error: &DeviceModelError) -> Exit {
    match error {
        DeviceModelError::ComputeType(_)
        | DeviceModelError::NoRoom
        | DeviceModelError::BeyondContext { .. }
        | DeviceModelError::TooLong { .. }
        | DeviceModelError::NoSuchToken { .. }
        | DeviceModelError::NoTokens => Exit::Usage,
        DeviceModelError::Memory { .. } | DeviceModelError::Contract(_) => Exit::NotReproducible,
        DeviceModelError::Backend(error) => exit_of_backend(error),
    }
}

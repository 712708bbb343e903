//! A command that could not do its work: the message for a person and the code for a script.

use super::exit_code::Exit;

/// An error with the exit code it ends the process with.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: anyhow::Error,
}

impl Failure {
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// Bad input, in one sentence.
    pub fn usage(message: impl std::fmt::Display) -> Self {
        Self::new(Exit::Usage, anyhow::anyhow!("{message}"))
    }
}

/// What every command returns.
pub type CommandResult = Result<Exit, Failure>;

/// Gives an error its exit code: `fs::read(path).or_exit(Exit::Usage, || format!("cannot read {path}"))?`.
pub trait OrExit<T> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
    fn or_exit_with(self, exit: Exit, context: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error))
    }

    fn or_exit_with(self, exit: Exit, context: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure { exit, error: error.into().context(context()) })
    }
}

/// The exit code of a device that could not be opened or used.
pub fn exit_of_backend(error: &hipgauge::backend::BackendError) -> Exit {
    use hipgauge::backend::BackendError as E;
    match error {
        E::InvalidDeviceName { .. } => Exit::Usage,
        E::NoSuchDevice { .. }
        | E::Call { .. }
        | E::OutOfMemory { .. }
        | E::TimedOut { .. }
        | E::StillBusy { .. }
        | E::DeviceLost { .. }
        | E::Unsupported { .. }
        | E::NoMatrixLibrary { .. }
        | E::UnusableMatrixLibrary { .. }
        | E::NoMatrixAlgorithm { .. } => Exit::NotReproducible,
        E::Compile { .. } | E::UnknownKernel { .. } => Exit::Undecided,
        E::KernelFault { .. } => Exit::WrongResult,
        E::InvalidUse { .. } => Exit::HarnessFault,
    }
}

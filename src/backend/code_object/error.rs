//! What can go wrong with a code object.

use super::offline_compiler::OfflineCompilerError;

/// A code object that could not be had or read.
#[derive(Debug, thiserror::Error)]
pub enum CodeObjectError {
    #[error(
        "there is no code object of {module} for {architecture}: embedded are [{embedded}], and no HIP compiler was found \
         to make one; install clang-19 (16 or newer, with lld; no ROCm is needed) or set HIPGAUGE_HIPCC"
    )]
    NoCompiler { module: String, architecture: String, embedded: String },

    #[error(transparent)]
    Compiler(#[from] OfflineCompilerError),

    #[error("cannot make a folder to compile in: {0}; set TMPDIR to a place that can be written")]
    NoFolder(#[from] std::io::Error),

    #[error("the code object of {module} cannot be read: {problem}; compile it again with clang 16 or newer")]
    Unreadable { module: String, problem: String },

    #[error("the code object of {module} is for {found}, not for {architecture}; give the --arch that it was made for")]
    OtherArchitecture { module: String, found: String, architecture: String },

    #[error("`{architecture}` is no AMD architecture whose limits are known; known are {known}")]
    UnknownArchitecture { architecture: String, known: String },
}

//! What can go wrong with a run directory.

use std::io;
use std::path::PathBuf;

/// A run directory that could not be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("{} exists and is not empty; choose another --out, or remove it first", path.display())]
    NotEmpty { path: PathBuf },

    #[error("cannot make the run directory {}: {source}; choose a place that can be written with --out", path.display())]
    NotCreated { path: PathBuf, source: io::Error },

    #[error("cannot write {}: {source}; free space there or choose another --out", file.display())]
    NotWritten { file: PathBuf, source: io::Error },

    #[error("{} is not a run directory: {problem}; give the directory that `hipgauge run` printed", path.display())]
    NotARun { path: PathBuf, problem: String },

    #[error("{} line {line}: {problem}; mend or remove that line, or restore the file", file.display())]
    Corrupt { file: PathBuf, line: u64, problem: String },

    #[error("cannot draw {}: {problem}; please report it with the run directory", file.display())]
    NotDrawn { file: PathBuf, problem: String },
}

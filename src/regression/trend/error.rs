//! What can go wrong with a trend.

use std::io;
use std::path::PathBuf;

use crate::regression::repository::RepositoryError;
use crate::report::ReportError;

/// Runs or annotations that a trend cannot be made of.
#[derive(Debug, thiserror::Error)]
pub enum TrendError {
    #[error("there is no run in {}; give run directories, or folders that hold some", path.display())]
    NoRuns { path: PathBuf },

    #[error("cannot list {}: {error}; give run directories, or folders that hold some", path.display())]
    Unlisted { path: PathBuf, error: io::Error },

    #[error(transparent)]
    Run(#[from] ReportError),

    #[error(transparent)]
    Repository(#[from] RepositoryError),

    #[error("{} cannot be read: {problem}; mend it, or remove it and annotate again", file.display())]
    Annotations { file: PathBuf, problem: String },

    #[error("cannot write {}: {error}; choose a place that can be written", file.display())]
    NotWritten { file: PathBuf, error: io::Error },

    #[error("`{pattern}` is not a glob: {problem}; use * and ?, and quote it for the shell")]
    Glob { pattern: String, problem: String },

    #[error("`{commit}` is no commit: give 7 to 40 hexadecimal digits of its hash, as `trend` prints them")]
    Commit { commit: String },

    #[error("an annotation needs a reason; say in --expected why the change was meant to be")]
    NoReason,
}

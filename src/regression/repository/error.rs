//! What can go wrong with a repository.

use std::io;
use std::path::PathBuf;

use crate::regression::bisect::HistoryError;

/// A repository that did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error("cannot run git: {error}; install git, or add it to PATH")]
    NoGit { error: io::Error },

    #[error("`git {command}` failed in {}: {message}", folder.display())]
    Git { folder: PathBuf, command: String, message: String },

    #[error("`{revision}` names no commit in {}: give a hash, a tag or a branch of that repository", folder.display())]
    NoCommit { folder: PathBuf, revision: String },

    #[error("{good} is not an ancestor of {bad}; {advice}")]
    NotAncestor { good: String, bad: String, advice: String },

    #[error(transparent)]
    History(#[from] HistoryError),

    #[error("`git {command}` said what cannot be read: `{line}`")]
    Unreadable { command: &'static str, line: String },

    #[error("cannot {action} {}: {error}; choose a place that can be written with --cache", path.display())]
    Cache { action: &'static str, path: PathBuf, error: io::Error },

    #[error("{} is in use by another hipgauge; wait for it, or give another --cache", path.display())]
    InUse { path: PathBuf },
}

impl RepositoryError {
    pub(super) fn cache(action: &'static str, path: &std::path::Path, error: io::Error) -> Self {
        Self::Cache { action, path: path.to_path_buf(), error }
    }
}

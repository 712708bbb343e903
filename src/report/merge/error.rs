//! Runs that cannot be put together.

use std::path::PathBuf;

use crate::profiling::Difference;

use super::super::ReportError;

/// Why runs do not make one.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error(transparent)]
    Report(#[from] ReportError),

    #[error("{} is a whole run and no part of one; merge runs that were made with --partition I/N", path.display())]
    NotAPart { path: PathBuf },

    #[error(
        "{} and {} differ in {}; merge only parts of one suite, of one commit, on one kind of device",
        first.display(), other.display(), list(differences)
    )]
    Differ { first: PathBuf, other: PathBuf, differences: Vec<Difference> },

    #[error("{} and {} are both part {part}; leave one of them out", first.display(), other.display())]
    SamePart { part: u32, first: PathBuf, other: PathBuf },

    #[error("{} and {} both have {case}; leave one of them out", first.display(), other.display())]
    SameCase { case: String, first: PathBuf, other: PathBuf },
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

//! What can go wrong with a run directory.

use std::io;
use std::path::{Path, PathBuf};

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

    #[error("{} has no samples of `{case}`; {advice}", path.display())]
    NoSamples { path: PathBuf, case: String, advice: String },

    #[error("cannot draw {}: {problem}; please report it with the run directory", file.display())]
    NotDrawn { file: PathBuf, problem: String },
}

impl ReportError {
    /// With the case whose id is nearest to the one asked for.
    pub(super) fn no_samples<'a>(path: &Path, case: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let nearest = known.min_by_key(|known| strsim::osa_distance(case, known));
        let advice = match nearest {
            Some(nearest) => format!("the nearest measured case is `{nearest}`, and summary.csv has all of them"),
            None => "nothing was measured in this run".to_string(),
        };
        Self::NoSamples { path: path.to_path_buf(), case: case.to_string(), advice }
    }
}

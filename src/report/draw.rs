//! Draws everything that a person looks at from what a run has left on disk.

use std::fs;
use std::path::{Path, PathBuf};

use super::headline::Headline;
use super::html::render_page;
use super::markdown::render_markdown;
use super::plots::draw_figures;
use super::{ReportError, RunData};

/// A drawn report.
#[derive(Clone, Debug)]
pub struct Report {
    pub page: PathBuf,
    pub headline: Headline,
    pub run: RunData,
}

/// Reads the run in `path` and writes plots, `index.html` and `summary.md` beside its rows. Needs no device.
pub fn draw_report(path: &Path) -> Result<Report, ReportError> {
    let run = RunData::load(path)?;
    let figures = draw_figures(&run, &[])?;
    let page = path.join("index.html");
    write(&page, &render_page(&run, &figures))?;
    write(&path.join("summary.md"), &render_markdown(&run))?;
    Ok(Report { page, headline: Headline::new(&run), run })
}

fn write(file: &Path, text: &str) -> Result<(), ReportError> {
    fs::write(file, text).map_err(|source| ReportError::NotWritten { file: file.to_path_buf(), source })
}

//! Draws everything that a person looks at from what a run has left on disk.

use std::fs;
use std::path::{Path, PathBuf};

use super::headline::Headline;
use super::html::render_page;
use super::json_export::write_json;
use super::junit::Junit;
use super::markdown::render_markdown;
use super::plots::draw_figures;
use super::sample_digest::{Digester, SampleDigests};
use super::{ReportError, RunData};

/// A drawn report.
#[derive(Clone, Debug)]
pub struct Report {
    pub page: PathBuf,
    pub headline: Headline,
    pub run: RunData,
}

/// Reads the run in `path` and writes plots, `index.html`, `summary.md`, `report.json` and `junit.xml` beside its
/// rows. Needs no device.
pub fn draw_report(path: &Path) -> Result<Report, ReportError> {
    draw_report_with(path, &[])
}

/// The same, with the raw samples of `cases` among the figures, whether or not they call for a look.
pub fn draw_report_with(path: &Path, cases: &[String]) -> Result<Report, ReportError> {
    let run = RunData::load(path)?;
    for case in cases {
        if run.samples.of_case(case)?.is_empty() {
            let known = run.measurements.iter().map(|measurement| measurement.case.as_str());
            return Err(ReportError::no_samples(path, case, known));
        }
    }
    let figures = draw_figures(&run, cases)?;
    let samples = digest(&run)?;
    let page = path.join("index.html");
    write(&page, &render_page(&run, &samples, &figures))?;
    write(&path.join("summary.md"), &render_markdown(&run))?;
    write_json(&path.join("report.json"), &run, &samples, &figures)?;
    write_junit(&path.join("junit.xml"), &run)?;
    Ok(Report { page, headline: Headline::new(&run), run })
}

/// One case after the other, in the order of the measurements.
fn digest(run: &RunData) -> Result<SampleDigests, ReportError> {
    let mut digester = Digester::new(run.measurements.len());
    let mut cases: Vec<&str> = run.measurements.iter().map(|one| one.case.as_str()).collect();
    cases.dedup();
    for case in cases {
        for row in run.samples.of_case(case)? {
            digester.push(&row);
        }
    }
    Ok(digester.finish())
}

fn write_junit(file: &Path, run: &RunData) -> Result<(), ReportError> {
    let not_written = |source| ReportError::NotWritten { file: file.to_path_buf(), source };
    Junit::of(run).write(fs::File::create(file).map_err(not_written)?).map_err(not_written)
}

fn write(file: &Path, text: &str) -> Result<(), ReportError> {
    fs::write(file, text).map_err(|source| ReportError::NotWritten { file: file.to_path_buf(), source })
}

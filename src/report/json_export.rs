//! `report.json`: everything on the page, for programs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::sweep::{Measurement, Problem};
use crate::verify::Verdict;

use super::headline::Headline;
use super::operation_table::{OperationRow, operation_table};
use super::plots::Figure;
use super::sample_digest::SampleDigests;
use super::{ReportError, RunData, RunRecord};

/// The layout of the file. Fields may be added without another number.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Export<'a> {
    format: u32,
    headline: HeadlineExport,
    warnings: &'a [String],
    run: &'a RunRecord,
    operations: Vec<OperationRow<'a>>,
    verdicts: &'a [Verdict],
    measurements: &'a [Measurement],
    problems: &'a [Problem],
    samples: &'a SampleDigests,
    figures: Vec<FigureExport<'a>>,
}

#[derive(Serialize)]
struct HeadlineExport {
    sentence: String,
    good: bool,
    partial: bool,
    #[serde(flatten)]
    counts: Headline,
}

#[derive(Serialize)]
struct FigureExport<'a> {
    id: &'a str,
    group: &'a str,
    title: &'a str,
    caption: &'a str,
    description: &'a str,
    /// Paths inside the run directory.
    svg: String,
    png: String,
}

/// Writes the file row by row, so that it costs no memory of its own.
pub fn write_json(file: &Path, run: &RunData, samples: &SampleDigests, figures: &[Figure]) -> Result<(), ReportError> {
    let headline = Headline::new(run);
    let export = Export {
        format: FORMAT,
        headline: HeadlineExport {
            sentence: headline.sentence(),
            good: headline.is_good(),
            partial: run.record.is_partial(),
            counts: headline,
        },
        warnings: &run.warnings,
        run: &run.record,
        operations: operation_table(run),
        verdicts: &run.verdicts,
        measurements: &run.measurements,
        problems: &run.problems,
        samples,
        figures: figures
            .iter()
            .map(|figure| FigureExport {
                id: &figure.id,
                group: figure.group.heading(),
                title: &figure.title,
                caption: &figure.caption,
                description: &figure.description,
                svg: format!("plots/{}.svg", figure.id),
                png: format!("plots/{}.png", figure.id),
            })
            .collect(),
    };
    let not_written = |source| ReportError::NotWritten { file: file.to_path_buf(), source };
    let mut to = BufWriter::new(File::create(file).map_err(not_written)?);
    serde_json::to_writer(&mut to, &export)
        .map_err(std::io::Error::from)
        .and_then(|()| to.write_all(b"\n"))
        .and_then(|()| to.flush())
        .map_err(not_written)
}

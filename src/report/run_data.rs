//! A run directory read again.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sweep::{Measurement, Problem};
use crate::verify::{Status, Verdict};

use super::csv_file::read_csv;
use super::rows::VerdictRow;
use super::run_directory::{PROBLEMS, RUN_JSON, SAMPLES, SUMMARY, VERDICTS};
use super::run_record::FORMAT;
use super::{ReportError, RunRecord, StoredSamples};

/// Everything a report is drawn from.
#[derive(Clone, Debug)]
pub struct RunData {
    pub path: PathBuf,
    pub record: RunRecord,
    pub verdicts: Vec<Verdict>,
    /// On disk; `samples.of_case(id)` reads those of one case.
    pub samples: StoredSamples,
    pub measurements: Vec<Measurement>,
    pub problems: Vec<Problem>,
    /// What is missing or odd about the files themselves.
    pub warnings: Vec<String>,
}

impl RunData {
    /// Reads the run in `path`, complete or not.
    pub fn load(path: &Path) -> Result<Self, ReportError> {
        let record = read_record(path)?;
        let mut warnings = Vec::new();
        if record.is_partial() {
            warnings.push("the run did not come to its end; everything here was measured before it stopped".into());
        }
        let verdict_rows: Vec<(u64, VerdictRow)> = rows(path, VERDICTS, &mut warnings)?;
        let verdicts = verdict_rows
            .into_iter()
            .map(|(line, row)| {
                let corrupt = |problem| ReportError::Corrupt { file: path.join(VERDICTS), line, problem };
                row.into_verdict().map_err(corrupt)
            })
            .collect::<Result<_, _>>()?;
        let (samples, warning) = StoredSamples::open(&path.join(SAMPLES))?;
        warnings.extend(warning);
        let mut run = Self {
            path: path.to_path_buf(),
            record,
            verdicts,
            samples,
            measurements: values(rows(path, SUMMARY, &mut warnings)?),
            problems: values(rows(path, PROBLEMS, &mut warnings)?),
            warnings: Vec::new(),
        };
        run.warnings = warnings;
        // Cases were measured in a shuffled order; people look for them in the suite's.
        run.measurements.sort_by_key(|measurement| measurement.suite_position);
        Ok(run)
    }

    pub fn count(&self, status: Status) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.status == status).count()
    }

    /// Operations in the order in which they first appear.
    pub fn operations(&self) -> Vec<String> {
        let named = self.verdicts.iter().map(|verdict| &verdict.operation);
        let mut operations: Vec<String> = Vec::new();
        for operation in named.chain(self.measurements.iter().map(|measurement| &measurement.operation)) {
            if !operations.contains(operation) {
                operations.push(operation.clone());
            }
        }
        operations
    }
}

fn rows<T: serde::de::DeserializeOwned>(
    path: &Path,
    name: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<(u64, T)>, ReportError> {
    let read = read_csv(&path.join(name))?;
    warnings.extend(read.warning);
    Ok(read.rows)
}

fn values<T>(rows: Vec<(u64, T)>) -> Vec<T> {
    rows.into_iter().map(|(_, row)| row).collect()
}

fn read_record(path: &Path) -> Result<RunRecord, ReportError> {
    let file = path.join(RUN_JSON);
    let text = fs::read_to_string(&file).map_err(|error| ReportError::NotARun {
        path: path.to_path_buf(),
        problem: format!("{RUN_JSON} cannot be read: {error}"),
    })?;
    let record: RunRecord = serde_json::from_str(&text).map_err(|error| ReportError::Corrupt {
        file: file.clone(),
        line: error.line() as u64,
        problem: error.to_string(),
    })?;
    if record.format != FORMAT {
        let problem = format!("{RUN_JSON} has format {}, and this program reads {FORMAT}", record.format);
        return Err(ReportError::NotARun { path: path.to_path_buf(), problem });
    }
    Ok(record)
}

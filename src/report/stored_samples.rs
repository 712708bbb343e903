//! The samples of a run, left on disk until a case's are asked for.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::ReportError;
use super::csv_file::visit_csv;
use super::rows::SampleRow;

/// `samples.csv` of a run. A large run on a GPU has millions of rows: only where each case's rows are is held in
/// memory.
#[derive(Clone, Debug)]
pub struct StoredSamples {
    file: PathBuf,
    /// Rows in the file, those that do not count included.
    count: u64,
    stretches: HashMap<String, Vec<Stretch>>,
}

/// Neighbouring rows of one case.
#[derive(Clone, Debug)]
struct Stretch {
    bytes: Range<u64>,
    first_line: u64,
}

impl StoredSamples {
    /// Reads every row once and notes where each case's are. Gives the warning of a row that was cut off.
    pub(super) fn open(file: &Path) -> Result<(Self, Option<String>), ReportError> {
        let mut samples = Self { file: file.to_path_buf(), count: 0, stretches: HashMap::new() };
        let mut current = String::new();
        let warning = visit_csv::<SampleRow>(file, &mut |row| {
            samples.count += 1;
            if row.value.case == current
                && let Some(stretch) = samples.stretches.get_mut(&current).and_then(|of_case| of_case.last_mut())
            {
                stretch.bytes.end = row.bytes.end;
                return;
            }
            current = row.value.case;
            let stretch = Stretch { bytes: row.bytes, first_line: row.line };
            samples.stretches.entry(current.clone()).or_default().push(stretch);
        })?;
        Ok((samples, warning))
    }

    /// Rows in the file, rejected samples and discarded blocks included.
    pub fn len(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The samples of one case in the order they were taken, of both modes and all blocks; none of a case that
    /// has none. Reads only that case's part of the file.
    pub fn of_case(&self, case: &str) -> Result<Vec<SampleRow>, ReportError> {
        let mut rows = Vec::new();
        if let Some(stretches) = self.stretches.get(case) {
            let mut file = File::open(&self.file).map_err(|error| self.unreadable(&error))?;
            for stretch in stretches {
                self.read(&mut file, stretch, &mut rows)?;
            }
        }
        Ok(rows)
    }

    fn read(&self, file: &mut File, stretch: &Stretch, rows: &mut Vec<SampleRow>) -> Result<(), ReportError> {
        let Range { start, end } = stretch.bytes;
        file.seek(SeekFrom::Start(start)).map_err(|error| self.unreadable(&error))?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.take(end - start));
        for row in reader.deserialize() {
            rows.push(row.map_err(|error| ReportError::Corrupt {
                file: self.file.clone(),
                line: stretch.first_line + error.position().map_or(0, |position| position.line() - 1),
                problem: format!("changed since the run was opened: {error}"),
            })?);
        }
        Ok(())
    }

    fn unreadable(&self, error: &io::Error) -> ReportError {
        let folder = self.file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        ReportError::NotARun { path: folder, problem: format!("samples.csv cannot be read: {error}") }
    }
}

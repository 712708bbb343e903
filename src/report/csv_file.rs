//! CSV files that lose nothing but a row cut in half.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ReportError;

/// A CSV file being written; every row reaches the operating system before the next one is made.
pub struct CsvFile {
    writer: csv::Writer<File>,
}

impl CsvFile {
    /// Makes the file with its header, `columns`.
    pub fn create(path: &Path, columns: &str) -> Result<Self, ReportError> {
        let failed = |source| ReportError::NotWritten { file: path.to_path_buf(), source };
        let mut file = File::create(path).map_err(failed)?;
        writeln!(file, "{columns}").map_err(failed)?;
        Ok(Self { writer: csv::WriterBuilder::new().has_headers(false).from_writer(file) })
    }

    pub fn append(&mut self, row: &impl Serialize) -> io::Result<()> {
        self.writer.serialize(row)?;
        self.writer.flush()
    }
}

/// The rows of a file, and a warning when its last row was cut off by a crash.
pub struct CsvRows<T> {
    /// Each with the line it starts on.
    pub rows: Vec<(u64, T)>,
    pub warning: Option<String>,
}

/// Reads all rows of a file. A last row without its end is dropped with a warning; anything else that is not a
/// row is an error that names the line.
pub fn read_csv<T: DeserializeOwned>(file: &Path) -> Result<CsvRows<T>, ReportError> {
    let bytes = fs::read(file).map_err(|error| ReportError::NotARun {
        path: file.parent().map_or_else(PathBuf::new, Path::to_path_buf),
        problem: format!("{} cannot be read: {error}", name_of(file)),
    })?;
    let corrupt = |line, problem: String| ReportError::Corrupt { file: file.to_path_buf(), line, problem };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
    let header = reader.byte_headers().map_err(|error| corrupt(1, problem_of(&error)))?.clone();
    let mut records = Vec::new();
    for record in reader.into_byte_records() {
        records.push(record.map_err(|error| corrupt(line_of(&error), problem_of(&error)))?);
    }
    let mut warning = None;
    if cut_off(&bytes) {
        let dropped = records.pop().and_then(|record| record.position().map(csv::Position::line)).unwrap_or(1);
        warning = Some(format!("{} line {dropped} was cut off and is left out", name_of(file)));
    }
    let mut rows = Vec::with_capacity(records.len());
    for record in records {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != header.len() {
            return Err(corrupt(line, format!("{} columns instead of {}", record.len(), header.len())));
        }
        let row = record.deserialize(Some(&header)).map_err(|error| corrupt(line, row_problem(&error, &header)))?;
        rows.push((line, row));
    }
    Ok(CsvRows { rows, warning })
}

/// Every row ends with a line feed outside of quotes.
fn cut_off(bytes: &[u8]) -> bool {
    let quotes = bytes.iter().filter(|&&byte| byte == b'"').count();
    !bytes.ends_with(b"\n") || quotes % 2 == 1
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn line_of(error: &csv::Error) -> u64 {
    error.position().map_or(1, csv::Position::line)
}

fn problem_of(error: &csv::Error) -> String {
    error.to_string()
}

fn row_problem(error: &csv::Error, header: &csv::ByteRecord) -> String {
    let csv::ErrorKind::Deserialize { err, .. } = error.kind() else { return error.to_string() };
    let column = err.field().and_then(|field| header.get(field as usize));
    match column {
        Some(column) => format!("column {}: {}", String::from_utf8_lossy(column), err.kind()),
        None => err.kind().to_string(),
    }
}

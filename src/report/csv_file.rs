//! CSV files that lose nothing but a row cut in half.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use csv::ByteRecord;
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

/// One row of a file.
pub struct CsvRow<T> {
    /// The line that it starts on, from 1.
    pub line: u64,
    /// Its bytes in the file, line feed included.
    pub bytes: Range<u64>,
    pub value: T,
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
    let mut rows = Vec::new();
    let warning = visit_csv(file, &mut |row| rows.push((row.line, row.value)))?;
    Ok(CsvRows { rows, warning })
}

/// The same one row after the other, however long the file is. Gives the warning.
pub fn visit_csv<T: DeserializeOwned>(
    file: &Path,
    visit: &mut dyn FnMut(CsvRow<T>),
) -> Result<Option<String>, ReportError> {
    let unreadable = |error: io::Error| ReportError::NotARun {
        path: file.parent().map_or_else(PathBuf::new, Path::to_path_buf),
        problem: format!("{} cannot be read: {error}", name_of(file)),
    };
    let mut stream = Watched::new(File::open(file).map_err(unreadable)?);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(&mut stream);
    let mut visitor = Visitor { file, header: ByteRecord::new(), visit };
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => unreadable(error),
        other => ReportError::Corrupt { file: file.to_path_buf(), line: 1, problem: format!("{other:?}") },
    };
    visitor.header = reader.byte_headers().map_err(failed)?.clone();
    // A row is known to be whole only when the next one begins, or at the file's end.
    let mut waiting: Option<ByteRecord> = None;
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(failed)? {
        if let Some(whole) = waiting.replace(std::mem::take(&mut record)) {
            let end = waiting.as_ref().and_then(ByteRecord::position).map_or(0, csv::Position::byte);
            visitor.row(&whole, end)?;
        }
    }
    drop(reader);
    if stream.cut_off() {
        let dropped = waiting.as_ref().and_then(ByteRecord::position).map_or(1, csv::Position::line);
        return Ok(Some(format!("{} line {dropped} was cut off and is left out", name_of(file))));
    }
    if let Some(last) = waiting {
        visitor.row(&last, stream.bytes)?;
    }
    Ok(None)
}

struct Visitor<'a, T> {
    file: &'a Path,
    header: ByteRecord,
    visit: &'a mut dyn FnMut(CsvRow<T>),
}

impl<T: DeserializeOwned> Visitor<'_, T> {
    /// Takes the whole row that ends before the byte `end`.
    fn row(&mut self, record: &ByteRecord, end: u64) -> Result<(), ReportError> {
        let (line, start) = record.position().map_or((0, 0), |position| (position.line(), position.byte()));
        let corrupt = |problem| ReportError::Corrupt { file: self.file.to_path_buf(), line, problem };
        if record.len() != self.header.len() {
            return Err(corrupt(format!("{} columns instead of {}", record.len(), self.header.len())));
        }
        let value =
            record.deserialize(Some(&self.header)).map_err(|error| corrupt(row_problem(&error, &self.header)))?;
        (self.visit)(CsvRow { line, bytes: start..end, value });
        Ok(())
    }
}

/// A file on its way to the parser, watched for whether its last row has an end.
struct Watched {
    file: File,
    bytes: u64,
    quotes: u64,
    last: u8,
}

impl Watched {
    fn new(file: File) -> Self {
        Self { file, bytes: 0, quotes: 0, last: 0 }
    }

    /// Every row ends with a line feed outside of quotes.
    fn cut_off(&self) -> bool {
        self.last != b'\n' || self.quotes % 2 == 1
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let bytes = &buffer[..count];
        self.bytes += count as u64;
        self.quotes += bytes.iter().filter(|&&byte| byte == b'"').count() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
        Ok(count)
    }
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn row_problem(error: &csv::Error, header: &csv::ByteRecord) -> String {
    let csv::ErrorKind::Deserialize { err, .. } = error.kind() else { return error.to_string() };
    let column = err.field().and_then(|field| header.get(field as usize));
    match column {
        Some(column) => format!("column {}: {}", String::from_utf8_lossy(column), err.kind()),
        None => err.kind().to_string(),
    }
}

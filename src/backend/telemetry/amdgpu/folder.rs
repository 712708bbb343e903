//! Small text files of a folder in sysfs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::backend::telemetry::TelemetryError;

/// A folder whose files hold one value each.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder, if there is one.
    pub fn open(path: PathBuf) -> Result<Self, TelemetryError> {
        fs::read_dir(&path).map_err(|error| unreadable(&path, &error))?;
        Ok(Self(path))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, TelemetryError> {
        let path = self.path(name);
        fs::read(&path).map_err(|error| unreadable(&path, &error))
    }

    /// The text without the white space around it.
    pub fn text(&self, name: &str) -> Result<String, TelemetryError> {
        Ok(String::from_utf8_lossy(&self.bytes(name)?).trim().to_owned())
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Result<f64, TelemetryError> {
        let text = self.text(name)?;
        let number = text.parse::<i64>();
        number.map(|number| number as f64).map_err(|_| self.format(name, "a whole number", &text))
    }

    /// Folders inside this one, sorted by name.
    pub fn folders(&self) -> Result<Vec<Folder>, TelemetryError> {
        let entries = fs::read_dir(&self.0).map_err(|error| unreadable(&self.0, &error))?;
        let mut paths: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
        paths.sort();
        Ok(paths.into_iter().map(Self).collect())
    }

    pub fn format(&self, name: &str, what: &'static str, text: &str) -> TelemetryError {
        TelemetryError::Format { path: self.path(name), what, text: text.to_owned() }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> TelemetryError {
    TelemetryError::File { path: path.to_owned(), reason: error.to_string() }
}

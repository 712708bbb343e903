//! The metadata of a GGUF file, by key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::ModelFileError;
use super::metadata_value::{MetadataArray, MetadataValue};

/// Keys and typed values of a GGUF file. Each accessor gives `None` for a key that is not there, and
/// [`ModelFileError::WrongType`] for a value of another type.
#[derive(Clone, Debug)]
pub struct Metadata {
    path: PathBuf,
    entries: BTreeMap<String, MetadataValue>,
}

impl Metadata {
    pub(super) fn new(path: PathBuf, entries: BTreeMap<String, MetadataValue>) -> Self {
        Self { path, entries }
    }

    /// The file that the metadata came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value of that key, whatever its type.
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        self.entries.get(key)
    }

    /// All keys and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MetadataValue)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        wanted: &'static str,
        read: impl FnOnce(&'a MetadataValue) -> Option<T>,
    ) -> Result<Option<T>, ModelFileError> {
        let Some(value) = self.entries.get(key) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| ModelFileError::WrongType {
            path: self.path.clone(),
            key: key.to_string(),
            found: value.kind(),
            wanted,
        })
    }

    pub fn string(&self, key: &str) -> Result<Option<&str>, ModelFileError> {
        self.typed(key, "a string", |value| match value {
            MetadataValue::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A whole number that is not negative, stored in any integer type.
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>, ModelFileError> {
        self.typed(key, "a whole number that is not negative", MetadataValue::as_unsigned)
    }

    /// A number stored as f32 or f64.
    pub fn float(&self, key: &str) -> Result<Option<f64>, ModelFileError> {
        self.typed(key, "a floating-point number", MetadataValue::as_float)
    }

    pub fn boolean(&self, key: &str) -> Result<Option<bool>, ModelFileError> {
        self.typed(key, "a bool", |value| match value {
            MetadataValue::Bool(value) => Some(*value),
            _ => None,
        })
    }

    pub fn strings(&self, key: &str) -> Result<Option<&[String]>, ModelFileError> {
        self.typed(key, "an array of strings", |value| match value {
            MetadataValue::Array(MetadataArray::String(texts)) => Some(texts.as_slice()),
            _ => None,
        })
    }

    pub fn floats(&self, key: &str) -> Result<Option<&[f32]>, ModelFileError> {
        self.typed(key, "an array of f32", |value| match value {
            MetadataValue::Array(MetadataArray::F32(values)) => Some(values.as_slice()),
            _ => None,
        })
    }

    /// An array of i32, as token types are.
    pub fn integers(&self, key: &str) -> Result<Option<&[i32]>, ModelFileError> {
        self.typed(key, "an array of i32", |value| match value {
            MetadataValue::Array(MetadataArray::I32(values)) => Some(values.as_slice()),
            _ => None,
        })
    }
}

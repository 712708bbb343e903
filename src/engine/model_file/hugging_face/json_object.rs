//! Keys of a JSON file with their types checked.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::super::ModelFileError;

/// A JSON object and the file it came from. A key that is `null` counts as absent, as in transformers.
pub struct JsonObject {
    pub path: PathBuf,
    entries: Map<String, Value>,
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl JsonObject {
    pub fn read(path: &Path) -> Result<Self, ModelFileError> {
        let text = fs::read(path).map_err(|source| ModelFileError::Unreadable { path: path.to_path_buf(), source })?;
        let entries = serde_json::from_slice(&text).map_err(|error| ModelFileError::Damaged {
            path: path.to_path_buf(),
            place: format!("line {}", error.line()),
            problem: error.to_string(),
        })?;
        Ok(Self { path: path.to_path_buf(), entries })
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        wanted: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ModelFileError> {
        let Some(value) = self.entries.get(key).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| ModelFileError::WrongType {
            path: self.path.clone(),
            key: key.to_string(),
            found: kind(value),
            wanted,
        })
    }

    pub fn number(&self, key: &str) -> Result<Option<usize>, ModelFileError> {
        self.typed(key, "a whole number that is not negative", |value| {
            value.as_u64().map(|number| usize::try_from(number).unwrap_or(usize::MAX))
        })
    }

    pub fn float(&self, key: &str) -> Result<Option<f64>, ModelFileError> {
        self.typed(key, "a number", Value::as_f64)
    }

    pub fn boolean(&self, key: &str) -> Result<Option<bool>, ModelFileError> {
        self.typed(key, "a bool", Value::as_bool)
    }

    pub fn string(&self, key: &str) -> Result<Option<&str>, ModelFileError> {
        self.typed(key, "a string", Value::as_str)
    }

    /// An object inside this one, which keeps the name of the file.
    pub fn object(&self, key: &str) -> Result<Option<JsonObject>, ModelFileError> {
        let inner = self.typed(key, "an object", Value::as_object)?;
        Ok(inner.map(|entries| JsonObject { path: self.path.clone(), entries: entries.clone() }))
    }

    /// One token id or a list of them.
    pub fn token_ids(&self, key: &str) -> Result<Vec<u32>, ModelFileError> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids = self.typed(key, "a token id or a list of them", |value| match value {
            Value::Array(values) => values.iter().map(id).collect::<Option<Vec<_>>>(),
            one => id(one).map(|id| vec![id]),
        })?;
        Ok(ids.unwrap_or_default())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, ModelFileError> {
        value.ok_or_else(|| ModelFileError::Missing { path: self.path.clone(), what: format!("`{key}`") })
    }

    pub fn unsupported(&self, key: &str, found: impl Into<String>, supported: &str) -> ModelFileError {
        ModelFileError::Unsupported {
            path: self.path.clone(),
            what: format!("`{key}`"),
            found: found.into(),
            supported: supported.to_string(),
        }
    }
}

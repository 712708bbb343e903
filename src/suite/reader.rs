//! Typed access to parsed TOML that keeps the place of everything, so that each error can name it.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Source, SuiteError};
use super::suggestion::unknown_name;

/// A value and its place.
pub type Value<'a> = Spanned<DeValue<'a>>;

/// One table of the file, all of whose keys are known.
pub struct Section<'a> {
    pub source: Source<'a>,
    table: &'a DeTable<'a>,
    pub span: std::ops::Range<usize>,
}

impl<'a> Section<'a> {
    /// Refuses keys that are not in `known`.
    pub fn new(
        source: Source<'a>,
        table: &'a DeTable<'a>,
        span: std::ops::Range<usize>,
        known: &[&str],
    ) -> Result<Self, SuiteError> {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                return Err(source.error(&key.span(), unknown_name("key", name, known)));
            }
        }
        Ok(Self { source, table, span })
    }

    /// The table that a value must be.
    pub fn from_value(source: Source<'a>, value: &'a Value<'a>, known: &[&str]) -> Result<Self, SuiteError> {
        match value.get_ref().as_table() {
            Some(table) => Section::new(source, table, value.span(), known),
            None => Err(wrong_type(source, value, "a table")),
        }
    }

    pub fn get(&self, key: &str) -> Option<&'a Value<'a>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// The keys with their places, in alphabetical order.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, std::ops::Range<usize>, &'a Value<'a>)> {
        self.table.iter().map(|(name, value)| (name.get_ref().as_ref(), name.span(), value))
    }

    /// A string that must be there and not be empty.
    pub fn required_string(&self, key: &str, why: &str) -> Result<Spanned<String>, SuiteError> {
        let value = self.get(key).ok_or_else(|| self.source.error(&self.span, format!("`{key}` is missing: {why}")))?;
        let text = string(self.source, value)?;
        if text.get_ref().trim().is_empty() {
            return Err(self.source.error(&value.span(), format!("`{key}` is empty: {why}")));
        }
        Ok(text)
    }

    /// The elements of an axis: an array of them or a single one. `None` where the key is not there.
    pub fn axis<T>(
        &self,
        key: &str,
        element: impl Fn(Source<'a>, &'a Value<'a>) -> Result<T, SuiteError>,
    ) -> Result<Option<Vec<T>>, SuiteError> {
        self.get(key).map(|value| axis(self.source, value, element)).transpose()
    }
}

/// The elements of an array, or a single element; an empty array is an error, as it would silently make no case.
pub fn axis<'a, T>(
    source: Source<'a>,
    value: &'a Value<'a>,
    element: impl Fn(Source<'a>, &'a Value<'a>) -> Result<T, SuiteError>,
) -> Result<Vec<T>, SuiteError> {
    match value.get_ref().as_array() {
        Some(array) if array.is_empty() => {
            Err(source.error(&value.span(), "an empty list makes no case; leave the key out to get its default"))
        }
        Some(array) => array.iter().map(|value| element(source, value)).collect(),
        None => Ok(vec![element(source, value)?]),
    }
}

pub fn string<'a>(source: Source<'a>, value: &'a Value<'a>) -> Result<Spanned<String>, SuiteError> {
    match value.get_ref().as_str() {
        Some(text) => Ok(Spanned::new(value.span(), text.to_string())),
        None => Err(wrong_type(source, value, "a string")),
    }
}

/// A whole number from 0 on.
pub fn count<'a>(source: Source<'a>, value: &'a Value<'a>) -> Result<Spanned<u64>, SuiteError> {
    let number = integer(value).and_then(|number| u64::try_from(number).ok());
    number.map(|number| Spanned::new(value.span(), number)).ok_or_else(|| wrong_type(source, value, "a whole number"))
}

pub fn flag<'a>(source: Source<'a>, value: &'a Value<'a>) -> Result<bool, SuiteError> {
    value.get_ref().as_bool().ok_or_else(|| wrong_type(source, value, "true or false"))
}

/// The value as an integer, in any of TOML's bases.
pub fn integer(value: &Value<'_>) -> Option<i64> {
    let integer = value.get_ref().as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

pub fn wrong_type(source: Source<'_>, value: &Value<'_>, wanted: &str) -> SuiteError {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer (negative, too large, or not wanted here)",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    source.error(&value.span(), format!("expected {wanted}, found {found}"))
}

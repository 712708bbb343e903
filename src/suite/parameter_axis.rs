//! One value of a parameter's axis: a number, a flag, or a count that follows the columns of each shape.

use toml::de::DeValue;

use crate::operation::ParameterValue;

use super::error::{Source, SuiteError};
use super::reader::{Value, integer, wrong_type};

/// A parameter's value as a suite writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AxisValue {
    Fixed(ParameterValue),
    /// `"columns"`, `"columns-1"`, `"columns+1"`: k at and around the vocabulary.
    ColumnsPlus(i64),
}

impl AxisValue {
    pub fn for_columns(self, columns: usize) -> ParameterValue {
        match self {
            AxisValue::Fixed(value) => value,
            AxisValue::ColumnsPlus(offset) => {
                ParameterValue::Integer(i64::try_from(columns).unwrap_or(i64::MAX).saturating_add(offset))
            }
        }
    }

    pub fn read<'a>(source: Source<'a>, value: &'a Value<'a>) -> Result<Self, SuiteError> {
        let wanted = "a number, true, false, or a count such as \"columns-1\"";
        let fixed = match value.get_ref() {
            DeValue::Boolean(flag) => ParameterValue::Flag(*flag),
            DeValue::Integer(_) => {
                let number = integer(value).ok_or_else(|| source.error(&value.span(), "the number is too large"))?;
                ParameterValue::Integer(number)
            }
            DeValue::Float(float) => {
                let number = float.as_str().parse().map_err(|_| wrong_type(source, value, wanted))?;
                ParameterValue::Float(number)
            }
            DeValue::String(text) => {
                let offset = columns_offset(text);
                return offset.map(AxisValue::ColumnsPlus).ok_or_else(|| wrong_type(source, value, wanted));
            }
            _ => return Err(wrong_type(source, value, wanted)),
        };
        Ok(AxisValue::Fixed(fixed))
    }
}

fn columns_offset(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("columns")?;
    if rest.is_empty() {
        return Some(0);
    }
    if rest.starts_with(['+', '-']) { rest.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_the_columns() {
        assert_eq!(columns_offset("columns"), Some(0));
        assert_eq!(columns_offset("columns-1"), Some(-1));
        assert_eq!(columns_offset("columns+2"), Some(2));
        assert_eq!(columns_offset("columns2"), None);
        assert_eq!(columns_offset("rows"), None);
        assert_eq!(AxisValue::ColumnsPlus(-1).for_columns(64), ParameterValue::Integer(63));
    }
}

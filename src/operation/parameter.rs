//! Parameters of an operation: specifications with ranges, and checked values.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ContractError;

/// A parameter's type and allowed range, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParameterKind {
    Integer { least: i64, most: i64 },
    Float { least: f64, most: f64 },
    Flag,
}

/// One parameter of an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParameterSpec {
    pub name: &'static str,
    pub kind: ParameterKind,
    pub default: ParameterValue,
    /// One line for `hipgauge list --operations` and error messages, with units.
    pub summary: &'static str,
}

/// A parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    Flag(bool),
    Integer(i64),
    Float(f64),
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterValue::Flag(value) => write!(formatter, "{value}"),
            ParameterValue::Integer(value) => write!(formatter, "{value}"),
            ParameterValue::Float(value) if *value != 0.0 && value.abs() < 1e-3 => write!(formatter, "{value:e}"),
            ParameterValue::Float(value) => write!(formatter, "{value}"),
        }
    }
}

/// Checked values for every parameter of one operation, in the order of its specifications.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    values: Vec<(String, ParameterValue)>,
}

impl Parameters {
    /// Fills in defaults and refuses unknown names, wrong types and values out of range.
    pub fn new(
        operation: &'static str,
        specs: &[ParameterSpec],
        given: &[(String, ParameterValue)],
    ) -> Result<Self, ContractError> {
        for (name, _) in given {
            if !specs.iter().any(|spec| spec.name == name) {
                let known: Vec<_> = specs.iter().map(|spec| spec.name).collect();
                let known = if known.is_empty() { "none".to_string() } else { known.join(", ") };
                return Err(ContractError::UnknownParameter { operation, parameter: name.clone(), known });
            }
        }
        let values = specs
            .iter()
            .map(|spec| {
                let value =
                    given.iter().rev().find(|(name, _)| name == spec.name).map_or(spec.default, |(_, value)| *value);
                let value = spec.accept(operation, value)?;
                Ok((spec.name.to_string(), value))
            })
            .collect::<Result<_, ContractError>>()?;
        Ok(Self { values })
    }

    fn value(&self, name: &str) -> ParameterValue {
        let found = self.values.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("operation reads parameter `{name}` that it does not specify")).1
    }

    /// An integer parameter of the operation's own specification.
    pub fn integer(&self, name: &str) -> i64 {
        match self.value(name) {
            ParameterValue::Integer(value) => value,
            other => panic!("parameter `{name}` is not an integer: {other}"),
        }
    }

    /// A float parameter of the operation's own specification.
    pub fn float(&self, name: &str) -> f64 {
        match self.value(name) {
            ParameterValue::Float(value) => value,
            other => panic!("parameter `{name}` is not a float: {other}"),
        }
    }

    /// A flag of the operation's own specification.
    pub fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            ParameterValue::Flag(value) => value,
            other => panic!("parameter `{name}` is not a flag: {other}"),
        }
    }

    /// Every parameter with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ParameterValue)> {
        self.values.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// `name=value` of those that differ from their default; a flag that is on is its bare name.
    pub fn id_parts(&self, specs: &[ParameterSpec]) -> Vec<String> {
        self.values
            .iter()
            .zip(specs)
            .filter(|((_, value), spec)| *value != spec.default)
            .map(|((name, value), _)| match value {
                ParameterValue::Flag(true) => name.clone(),
                value => format!("{name}={value}"),
            })
            .collect()
    }
}

impl ParameterSpec {
    fn accept(&self, operation: &'static str, value: ParameterValue) -> Result<ParameterValue, ContractError> {
        let refused = |rule: String| ContractError::OutOfRange {
            operation,
            parameter: self.name.to_string(),
            value: value.to_string(),
            rule,
        };
        match (self.kind, value) {
            (ParameterKind::Flag, ParameterValue::Flag(_)) => Ok(value),
            (ParameterKind::Integer { least, most }, ParameterValue::Integer(number)) => {
                if (least..=most).contains(&number) { Ok(value) } else { Err(refused(format!("{least} to {most}"))) }
            }
            (ParameterKind::Float { least, most }, ParameterValue::Integer(_) | ParameterValue::Float(_)) => {
                let number = match value {
                    ParameterValue::Integer(number) => number as f64,
                    ParameterValue::Float(number) => number,
                    ParameterValue::Flag(_) => unreachable!("matched above"),
                };
                if number >= least && number <= most {
                    Ok(ParameterValue::Float(number))
                } else {
                    Err(refused(format!("{least} to {most}")))
                }
            }
            (ParameterKind::Flag, _) => Err(refused("true or false".to_string())),
            (ParameterKind::Integer { .. }, _) => Err(refused("a whole number".to_string())),
            (ParameterKind::Float { .. }, _) => Err(refused("a number".to_string())),
        }
    }
}

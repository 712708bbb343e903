//! Reasons for values that are not there, kept once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::TelemetryError;

/// A value that this machine does not give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    pub value: String,
    pub reason: String,
}

/// The first reason for each value. Readings are taken thousands of times; their reasons are told once.
#[derive(Debug, Default)]
pub struct Absences(Mutex<BTreeMap<&'static str, String>>);

impl Absences {
    /// The value, or `None` with the reason noted.
    pub fn keep<T>(&self, value: &'static str, outcome: Result<T, TelemetryError>) -> Option<T> {
        outcome.inspect_err(|error| self.note(value, error.to_string())).ok()
    }

    pub fn note(&self, value: &'static str, reason: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(value).or_insert(reason);
    }

    /// Sorted by value.
    pub fn list(&self) -> Vec<Absence> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.iter().map(|(value, reason)| Absence { value: (*value).to_owned(), reason: reason.clone() }).collect()
    }
}

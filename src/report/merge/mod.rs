//! One run directory out of the parts of one list of cases that several runners took.

mod agreement;
mod error;
mod parts;

#[cfg(test)]
mod merge_tests;

pub use error::MergeError;
pub use parts::{Merged, merge_runs};

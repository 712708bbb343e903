//! Runs cases on a device and judges them against their references.

mod verdict;

pub use verdict::{Status, Verdict};

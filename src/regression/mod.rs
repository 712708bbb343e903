//! Verdicts on a change: is the candidate slower, faster or the same, and how sure is that?

pub mod bisect;
pub mod calibration;
pub mod comparison;
pub mod decision;
pub mod detection;
pub mod first_token;
pub mod gate;
pub mod grading;
pub mod injection;
pub mod interleave;
pub mod live;
pub mod repository;
mod static_difference;
pub mod trend;
pub mod worker;

pub use static_difference::{StaticDifference, StaticProperty, static_differences};

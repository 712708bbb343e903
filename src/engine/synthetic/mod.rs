//! Models of published shapes with made-up weights, so that time can be measured without a download.

mod error;
mod generator;
mod preset;
mod synthetic_model;

pub use error::SyntheticError;
pub use generator::{Spread, fill};
pub use preset::{PRESETS, Preset};
pub use synthetic_model::SyntheticModel;

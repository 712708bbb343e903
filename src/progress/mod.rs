//! How long the rest takes, and how spans of time are read and written.

mod estimator;
mod span_text;

pub use estimator::{Estimator, Part};
pub use span_text::{parse_span, span_text};

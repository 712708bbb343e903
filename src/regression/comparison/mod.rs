//! Two sides compared over many cases: a verdict on each case, and what is written of it.

mod agreement;
mod case;
mod comparability;
mod csv_table;
mod device_drift;
mod distribution;
mod error;
mod files;
mod json;
mod markdown;
mod outcome;
mod page;
mod paired;
mod runs;
mod side;
mod text;
mod whole;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod render_tests;
#[cfg(test)]
mod runs_tests;

pub use agreement::{Agreement, AgreementRow, ClockAgreement};
pub use case::{ComparedCase, Distributions, SideValue, Unit};
pub use csv_table::comparison_csv;
pub use error::ComparisonError;
pub use files::{ComparisonFiles, write_comparison};
pub use json::comparison_json;
pub use markdown::comparison_markdown;
pub(in crate::regression) use outcome::kind as outcome_kind;
pub use outcome::{Outcome, OutcomeKind};
pub use page::comparison_page;
pub use runs::{ComparisonOptions, NoiseSource, compare_runs};
pub use side::SideInfo;
pub use text::{interval_text, share_text, shift_text, value_text};
pub use whole::{Comparison, Conclusion, Method};

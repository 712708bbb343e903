//! Two runs of time to first token: what changed, and which operation's change explains which part of it.

mod attribution;
mod comparison;
mod csv_table;
mod error;
mod markdown;

#[cfg(test)]
mod comparison_tests;

pub use attribution::{Attribution, Origin, Share};
pub use comparison::{Compared, FirstTokenComparison, FirstTokenOptions, compare_first_tokens};
pub use csv_table::first_token_csv;
pub use error::FirstTokenError;
pub use markdown::first_token_markdown;

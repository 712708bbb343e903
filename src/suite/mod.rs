//! Suites: TOML files that expand to cases, the cases' ids, and what is picked of them.

mod case_id;
mod document;
mod embedded;
mod error;
mod expand;
#[cfg(test)]
mod expand_tests;
#[cfg(test)]
pub(crate) mod fake_operation;
mod filter;
mod parameter_axis;
mod partition;
mod reader;
mod selection;
mod suggestion;

pub use case_id::{CaseIdError, parse_case_id, parse_parameter_value};
pub use document::Skip;
pub use embedded::{EMBEDDED_SUITES, EmbeddedSuite};
pub use error::SuiteError;
pub use expand::{Suite, SuiteCase};
pub use filter::{Filter, FilterError};
pub use partition::{ParsePartitionError, Partition, digest_of_ids};
pub use selection::{DEFAULT_HOST_BUDGET, SelectedCase, select_for_device};
pub use suggestion::{find_operation, unknown_name};

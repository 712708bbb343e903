//! The run directory: what a run writes, how it is read again, and what is drawn from it.

mod csv_file;
mod error;
mod machine;
mod rows;
mod run_data;
mod run_directory;
mod run_record;
mod utc_time;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod run_directory_tests;

pub use error::ReportError;
pub use machine::Machine;
pub use rows::{SampleRow, VerdictRow};
pub use run_data::RunData;
pub use run_directory::RunDirectory;
pub use run_record::{Build, RunRecord, RunStatus, Selection};
pub use utc_time::UtcTime;

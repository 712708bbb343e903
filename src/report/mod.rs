//! The run directory: what a run writes, how it is read again, and what is drawn from it.

mod csv_file;
mod draw;
mod error;
mod headline;
mod html;
mod json_export;
mod junit;
mod machine;
mod markdown;
mod merge;
mod operation_table;
mod overlay;
pub(crate) mod plots;
mod rows;
mod run_data;
mod run_directory;
mod run_record;
mod sample_digest;
mod stored_samples;
mod trace;
pub mod ttft;
mod utc_time;

#[cfg(test)]
mod draw_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod realistic;
#[cfg(test)]
mod run_directory_tests;

pub use draw::{Report, draw_report, draw_report_with};
pub use error::ReportError;
pub use headline::Headline;
pub use junit::Junit;
pub use machine::Machine;
pub use merge::{MergeError, Merged, merge_runs};
pub use overlay::{Overlay, OverlayRun, RatioRow, draw_overlay};
pub use rows::{SampleRow, VerdictRow};
pub use run_data::RunData;
pub use run_directory::RunDirectory;
pub use run_record::{BudgetRecord, Build, PartRecord, RunRecord, RunStatus, Selection};
pub use stored_samples::StoredSamples;
pub use utc_time::UtcTime;

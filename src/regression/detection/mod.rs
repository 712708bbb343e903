//! How often a slow-down of a known size is found, and how often one is found where there is none.

mod prepare;
mod record;
mod study;
mod table;

pub use prepare::{PreparedCase, TunedSize};
pub use record::{DuelRecord, duels_csv};
pub use study::{Study, StudyError, StudyPlan, StudySink, study};
pub use table::{DetectionRow, detection_rows};

//! A gate for CI: measured, compared, alarms confirmed, allowances applied, one conclusion.

mod allowance;
mod contest;
mod date;
mod markdown;
mod report;

#[cfg(test)]
mod gate_tests;

pub use allowance::{AllowError, AllowList, Allowance};
pub use contest::Contest;
pub use date::CalendarDate;
pub use markdown::gate_markdown;
pub use report::{AllowedCase, GateReport, run_gate};

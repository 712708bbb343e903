//! What a search ends with, for people: Markdown, a page, a plot.

mod files;
mod markdown;
mod page;
mod plot;
mod summary;

pub use files::{ReportFiles, write_report};
pub use markdown::markdown;
pub use page::page;
pub use plot::plot;
pub use summary::{explanations, headline};

//! Many runs over commits or days: where times changed, and whether somebody expected it.

mod analysis;
mod annotations;
mod change_points;
mod energy;
mod error;
mod history;
mod plot;
mod text;

#[cfg(test)]
mod change_points_tests;
#[cfg(test)]
mod trend_tests;

pub use analysis::{FEWEST_POINTS, Trend, TrendChange, TrendSeries};
pub use annotations::{ANNOTATIONS, Annotation, Annotations};
pub use change_points::{ChangePoint, ChangePointSettings, change_points};
pub use error::TrendError;
pub use history::{History, TrendGroup, TrendPoint, TrendRun, find_runs};
pub use plot::draw_series;
pub use text::{csv, markdown, series_table};

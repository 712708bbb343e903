//! Pure statistics over samples: no I/O, no clock, the same answer on every machine.

mod bootstrap;
mod quantile;
mod spread;

pub use bootstrap::{Interval, bootstrap_median_interval};
pub use quantile::{median, percentile, sorted};
pub use spread::{median_absolute_deviation, relative_standard_error, standard_error_of_median};

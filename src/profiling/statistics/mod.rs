//! Pure statistics over samples: no I/O, no clock, the same answer on every machine.

mod autocorrelation;
mod binomial;
mod block_bootstrap;
mod bootstrap;
mod correction;
mod correlated_error;
mod groups;
mod hodges_lehmann;
mod hypothesis;
mod interval;
mod mann_whitney;
mod moments;
mod pairs;
mod quantile;
mod random;
mod ranks;
mod signed_rank;
mod spread;
mod student;
mod tails;
mod welch;

pub use autocorrelation::{autocorrelation, effective_sample_size, integrated_time};
pub use binomial::{rate_interval, rate_upper_bound};
pub use block_bootstrap::{automatic_block_length, block_bootstrap_median_interval};
pub use bootstrap::median_interval;
pub use correction::{benjamini_hochberg, holm};
pub use correlated_error::{
    correlated_error_of_mean, correlated_error_of_median, correlated_mean_interval, correlated_median_interval,
    integrated_time_of_median,
};
pub use groups::{error_between_groups, interval_between_groups, location_of_groups};
pub use hodges_lehmann::{Shift, shift_between, shift_of_pairs};
pub use hypothesis::{Alternative, NullDistribution};
pub use interval::{Confidence, Interval};
pub use mann_whitney::{MannWhitney, mann_whitney, mann_whitney_by};
pub use moments::{mean, variance};
pub use quantile::{median, percentile, sorted};
pub use random::SplitMix64;
pub use signed_rank::{SignedRank, signed_rank, signed_rank_by};
pub use spread::{median_absolute_deviation, standard_error_of_median};
pub use student::student;
pub use tails::{normal_quantile, normal_upper_tail, student_quantile, student_two_sided};
pub use welch::{Welch, welch};

//! How a gate measures: the seam between its rules and what runs kernels.

use crate::profiling::Mode;
use crate::regression::comparison::Comparison;

/// Compares the candidate with the baseline, as often as it is asked to.
pub trait Contest {
    type Error;

    /// Every case of the gate.
    fn compare(&mut self) -> Result<Comparison, Self::Error>;

    /// The same for these cases only, measured anew: nothing of the first time may be used again for the candidate.
    fn compare_again(&mut self, cases: &[(String, Mode)]) -> Result<Comparison, Self::Error>;
}

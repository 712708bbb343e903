//! What the tests of a hypothesis have in common.

/// The alternative to "no difference".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    TwoSided,
    /// The first samples, or the differences, tend to be smaller.
    Less,
    /// The first samples, or the differences, tend to be larger.
    Greater,
}

/// How the distribution under "no difference" was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullDistribution {
    /// Every rearrangement counted, ties included.
    Exact,
    /// Normal approximation, corrected for ties and for continuity.
    Normal,
}

impl Alternative {
    /// The p-value, from the probability of a statistic at most, and at least, as large as the one observed.
    pub(super) fn probability(self, at_most: f64, at_least: f64) -> f64 {
        match self {
            Self::TwoSided => (2.0 * at_most.min(at_least)).min(1.0),
            Self::Less => at_most,
            Self::Greater => at_least,
        }
    }
}

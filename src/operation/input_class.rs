//! Named classes of input values, ordinary and adversarial.

use std::fmt;
use std::str::FromStr;

/// How input values are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InputClass {
    /// Normal, mean 0; logits have standard deviation 3.
    Normal,
    /// Uniform in [-1, 1).
    Uniform,
    /// Every element the same.
    AllEqual,
    /// Few levels, with a run of equal values across the k-th place.
    BoundaryTies,
    /// 1 + 1e-6 r, where rounding decides the order.
    NearlyEqual,
    /// Every element -inf.
    AllNegativeInfinity,
    /// One finite element, the rest -inf.
    OneFinite,
    /// Five finite elements, the rest -inf, so that k may exceed them.
    FewFinite,
    /// Normal with +inf and -inf strewn in.
    Infinities,
    /// Normal with a NaN as the first element.
    NanFirst,
    /// Normal with a NaN in the middle.
    NanMiddle,
    /// Normal with a NaN as the last element.
    NanLast,
    /// Subnormal magnitudes of the storage type.
    Denormals,
    /// Magnitudes up to the largest finite value.
    LargestFinite,
    /// +0 and -0 only.
    SignedZeros,
    /// Sorted ascending.
    Ascending,
    /// Sorted descending.
    Descending,
    /// One element far above the rest.
    Dominant,
}

/// The name given is not an input class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown input class `{name}`: use one of {known}")]
pub struct ParseInputClassError {
    pub name: String,
    pub known: String,
}

impl InputClass {
    pub const ALL: [InputClass; 18] = [
        InputClass::Normal,
        InputClass::Uniform,
        InputClass::AllEqual,
        InputClass::BoundaryTies,
        InputClass::NearlyEqual,
        InputClass::AllNegativeInfinity,
        InputClass::OneFinite,
        InputClass::FewFinite,
        InputClass::Infinities,
        InputClass::NanFirst,
        InputClass::NanMiddle,
        InputClass::NanLast,
        InputClass::Denormals,
        InputClass::LargestFinite,
        InputClass::SignedZeros,
        InputClass::Ascending,
        InputClass::Descending,
        InputClass::Dominant,
    ];

    /// The name used in case ids and suites.
    pub const fn name(self) -> &'static str {
        match self {
            InputClass::Normal => "normal",
            InputClass::Uniform => "uniform",
            InputClass::AllEqual => "all_equal",
            InputClass::BoundaryTies => "boundary_ties",
            InputClass::NearlyEqual => "nearly_equal",
            InputClass::AllNegativeInfinity => "all_negative_infinity",
            InputClass::OneFinite => "one_finite",
            InputClass::FewFinite => "few_finite",
            InputClass::Infinities => "infinities",
            InputClass::NanFirst => "nan_first",
            InputClass::NanMiddle => "nan_middle",
            InputClass::NanLast => "nan_last",
            InputClass::Denormals => "denormals",
            InputClass::LargestFinite => "largest_finite",
            InputClass::SignedZeros => "signed_zeros",
            InputClass::Ascending => "ascending",
            InputClass::Descending => "descending",
            InputClass::Dominant => "dominant",
        }
    }
}

impl fmt::Display for InputClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for InputClass {
    type Err = ParseInputClassError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        InputClass::ALL.into_iter().find(|class| class.name() == text).ok_or_else(|| ParseInputClassError {
            name: text.to_string(),
            known: InputClass::ALL.map(InputClass::name).join(", "),
        })
    }
}

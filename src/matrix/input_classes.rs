//! Inputs that sums of products are tried with.

use crate::operation::InputClass;

/// All that leave a sum of products defined. Of a product of vectors or matrices, the class is that of the activations.
pub const CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::Uniform,
    InputClass::AllEqual,
    InputClass::Infinities,
    InputClass::NanFirst,
    InputClass::NanMiddle,
    InputClass::NanLast,
    InputClass::Denormals,
    InputClass::SignedZeros,
    InputClass::Ascending,
    InputClass::Dominant,
];

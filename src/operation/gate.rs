//! What an element, and a tensor as a whole, must satisfy to be right.

use crate::tensor::{DType, is_subnormal, ulp_distance};

/// Differences allowed to a small tensor whose gate asks for a share of equal bits. A share of n elements allows
/// n/100, which below 600 elements is too few to tell a wrong rounding from chance: f32 arithmetic moves about
/// one f16 element in 3,000 across a rounding boundary, so that six among 600 happen once in 10^7 cases. It is no
/// loophole: each of the six must still be within the element gate (1 ULP), the NMSE gate still holds, and every
/// suite has larger shapes of the same kernel, where 99 % means 99 %.
const MISSES_ALWAYS_ALLOWED: u64 = 6;

/// Results this close to the overflow threshold, relatively, may round to either side of it.
const OVERFLOW_BAND: f64 = 9.5367431640625e-7; // 2^-20

/// What an element, and the tensor as a whole, must satisfy (DESIGN §7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElementGate {
    /// Units in the last place of the storage type.
    pub ulp: u64,
    /// Added to the ULP term, relative to the unrounded reference.
    pub relative: f64,
    /// Least share of elements with the reference's very bits, 0 to 1.
    pub bit_equal: f64,
    /// Limit of the normalised mean squared error against the unrounded reference.
    pub nmse: Option<f64>,
    /// Whether zero is accepted for a reference below 2^-126.
    pub flush_accepted: bool,
}

impl ElementGate {
    /// Every bit as in the reference.
    pub const EXACT: ElementGate =
        ElementGate { ulp: 0, relative: 0.0, bit_equal: 1.0, nmse: None, flush_accepted: false };

    /// The gate of a 16-bit output computed in f32: 1 ULP everywhere and 99 % of the bits.
    pub fn half(dtype: DType) -> Self {
        let nmse = if dtype == DType::F16 { 1.5e-7 } else { 1e-5 };
        Self { ulp: 1, relative: 0.0, bit_equal: 0.99, nmse: Some(nmse), flush_accepted: false }
    }

    /// The gate of an f32 output.
    pub fn single(ulp: u64, relative: f64, flush_accepted: bool) -> Self {
        Self { ulp, relative, bit_equal: 0.0, nmse: Some(1e-12), flush_accepted }
    }

    /// The gate of an output whose elements bring tolerances of their own, see `NumericOutput::within`.
    pub fn toleranced(dtype: DType) -> Self {
        let nmse = if dtype == DType::F32 { Some(1e-12) } else { Self::half(dtype).nmse };
        Self { ulp: 0, relative: 0.0, bit_equal: 0.0, nmse, flush_accepted: false }
    }

    /// How many elements may differ from the reference in their bits.
    pub(super) fn allowed_misses(&self, elements: u64) -> u64 {
        if self.bit_equal >= 1.0 {
            return 0;
        }
        let share = ((1.0 - self.bit_equal) * elements as f64 + 1e-9).floor() as u64;
        share.max(MISSES_ALWAYS_ALLOWED)
    }

    /// Whether `actual`, a value of `dtype`, is right where the unrounded reference is `exact`.
    pub(super) fn accepts(&self, dtype: DType, exact: f64, rounded: f64, actual: f64) -> bool {
        if exact.is_nan() || actual.is_nan() {
            return exact.is_nan() && actual.is_nan();
        }
        if self.bit_equal >= 1.0 {
            return actual.to_bits() == rounded.to_bits();
        }
        if rounded.is_infinite() || actual.is_infinite() {
            let near = |factor: f64| dtype.round(exact * factor) == actual;
            return actual == rounded || near(1.0 - OVERFLOW_BAND) || near(1.0 + OVERFLOW_BAND);
        }
        if self.flush_accepted && actual == 0.0 && is_subnormal(exact) {
            return true;
        }
        ulp_distance(dtype, actual, rounded) <= self.ulp
            || (actual - exact).abs() <= self.ulp as f64 * spacing(dtype, rounded) + self.relative * exact.abs()
    }

    /// The gate in words, for messages.
    pub(super) fn describe(&self) -> String {
        match (self.ulp, self.relative) {
            (0, 0.0) => "bit-exact".to_string(),
            (ulp, 0.0) => format!("{ulp} ULP"),
            (ulp, relative) => format!("{ulp} ULP + {relative:.2e} relative"),
        }
    }
}

/// Mantissa bits and the exponent of the smallest normal value.
pub(super) fn format_of(dtype: DType) -> (i32, i32) {
    match dtype {
        DType::F32 | DType::U32 => (23, -126),
        DType::F16 => (10, -14),
        DType::BF16 => (7, -126),
    }
}

/// Whether `actual`, a value of `dtype`, is some number within `tolerance` of `exact`, rounded once.
pub(super) fn accepts_within(dtype: DType, exact: f64, tolerance: f64, actual: f64) -> bool {
    if exact.is_nan() || actual.is_nan() {
        return exact.is_nan() && actual.is_nan();
    }
    dtype.round(exact - tolerance) <= actual && actual <= dtype.round(exact + tolerance)
}

/// Distance between `value` and the next larger magnitude of `dtype`.
fn spacing(dtype: DType, value: f64) -> f64 {
    let (mantissa, least_exponent) = format_of(dtype);
    let exponent = ((value.abs().to_bits() >> 52) as i32 - 1023).max(least_exponent);
    2f64.powi(exponent - mantissa)
}

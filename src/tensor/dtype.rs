//! Storage types of tensors, and their conversion to and from f64.

use std::fmt;
use std::str::FromStr;

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

/// Storage type of one tensor element. Arithmetic on a device is always f32 (or integer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    F32,
    F16,
    BF16,
    U32,
}

/// The name given is not a storage type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown dtype `{0}`: use one of f32, f16, bf16")]
pub struct ParseDTypeError(pub String);

impl DType {
    /// The floating-point storage types that suites may ask for.
    pub const FLOATS: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            DType::F32 | DType::U32 => 4,
            DType::F16 | DType::BF16 => 2,
        }
    }

    /// The name used in case ids, suites and kernel names.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::U32 => "u32",
        }
    }

    /// Largest finite value of the type.
    pub fn largest_finite(self) -> f64 {
        match self {
            DType::F32 => f64::from(f32::MAX),
            DType::F16 => f16::MAX.to_f64(),
            DType::BF16 => bf16::MAX.to_f64(),
            DType::U32 => f64::from(u32::MAX),
        }
    }

    /// Smallest positive subnormal value of the type.
    pub fn smallest_subnormal(self) -> f64 {
        match self {
            DType::F32 => f64::from(f32::from_bits(1)),
            DType::F16 => f16::from_bits(1).to_f64(),
            DType::BF16 => bf16::from_bits(1).to_f64(),
            DType::U32 => 1.0,
        }
    }

    /// Writes `value`, rounded once to nearest even, into `bytes` (exactly `self.size()` long).
    pub fn encode(self, value: f64, bytes: &mut [u8]) {
        match self {
            DType::F32 => bytes.copy_from_slice(&(value as f32).to_le_bytes()),
            DType::F16 => bytes.copy_from_slice(&f16::from_f32(to_f32_odd(value)).to_le_bytes()),
            DType::BF16 => bytes.copy_from_slice(&bf16::from_f32(to_f32_odd(value)).to_le_bytes()),
            DType::U32 => bytes.copy_from_slice(&(value as u32).to_le_bytes()),
        }
    }

    /// Reads one element; exact for every type.
    pub fn decode(self, bytes: &[u8]) -> f64 {
        match self {
            DType::F32 => f64::from(f32::from_le_bytes(bytes.try_into().expect("4 bytes"))),
            DType::F16 => f16::from_le_bytes(bytes.try_into().expect("2 bytes")).to_f64(),
            DType::BF16 => bf16::from_le_bytes(bytes.try_into().expect("2 bytes")).to_f64(),
            DType::U32 => f64::from(u32::from_le_bytes(bytes.try_into().expect("4 bytes"))),
        }
    }

    /// `value` rounded once to this type and widened again.
    pub fn round(self, value: f64) -> f64 {
        let mut bytes = [0u8; 4];
        let bytes = &mut bytes[..self.size()];
        self.encode(value, bytes);
        self.decode(bytes)
    }
}

/// Narrows to f32 rounding to odd: an inexact result gets an odd last bit, so that a second rounding, to
/// nearest even in 11 or 8 bits, gives what one rounding from f64 would (Boldo and Melquiond, "When double
/// rounding is odd", 2005). `half`'s own `from_f64` rounds twice or drops low bits.
fn to_f32_odd(value: f64) -> f32 {
    let nearest = value as f32;
    let back = f64::from(nearest);
    if back == value || !value.is_finite() || nearest.to_bits() & 1 == 1 {
        return nearest;
    }
    // The neighbour on the other side of `value` is the odd one; away from zero is the next bit pattern up.
    if back.abs() < value.abs() { f32::from_bits(nearest.to_bits() + 1) } else { f32::from_bits(nearest.to_bits() - 1) }
}

impl fmt::Display for DType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for DType {
    type Err = ParseDTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DType::FLOATS.into_iter().find(|dtype| dtype.name() == text).ok_or_else(|| ParseDTypeError(text.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for dtype in DType::FLOATS {
            assert_eq!(dtype.name().parse::<DType>(), Ok(dtype));
        }
        assert!("f8".parse::<DType>().unwrap_err().to_string().contains("bf16"));
    }

    #[test]
    fn encode_rounds_to_nearest_even_once() {
        // 1 + 2^-8 is exactly between two bf16 neighbours: ties go to the even mantissa, 1.0.
        assert_eq!(DType::BF16.round(1.0 + 2f64.powi(-8)), 1.0);
        // A hair above the tie must go up; rounding through f32 first would lose the hair.
        assert_eq!(DType::BF16.round(1.0 + 2f64.powi(-8) + 2f64.powi(-40)), 1.0 + 2f64.powi(-7));
        assert_eq!(DType::F16.round(1.0 + 2f64.powi(-11) + 2f64.powi(-40)), 1.0 + 2f64.powi(-10));
        assert_eq!(DType::F16.round(65520.0), f64::INFINITY);
    }
}

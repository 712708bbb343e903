//! Distance between two values of one storage type in units in the last place.

use super::DType;

/// Maps the bits of a non-NaN float to an integer that orders as the value does; +0 and -0 map to 0.
pub fn ordered_bits(dtype: DType, value: f64) -> i64 {
    let mut bytes = [0u8; 4];
    dtype.encode(value, &mut bytes[..dtype.size()]);
    let bits = i64::from(u32::from_le_bytes(bytes));
    match dtype {
        DType::U32 => bits,
        DType::F32 => sign_magnitude(bits, 31),
        DType::F16 | DType::BF16 => sign_magnitude(bits, 15),
    }
}

fn sign_magnitude(bits: i64, sign_bit: u32) -> i64 {
    let sign = 1i64 << sign_bit;
    if bits & sign == 0 { bits } else { -(bits & (sign - 1)) }
}

/// Number of representable values between `a` and `b`, both exactly representable in `dtype`.
/// Two NaNs are 0 apart; a NaN and a number are `u64::MAX` apart, so that a NaN can never pass a
/// gate; an infinity is one step beyond the largest finite value.
pub fn ulp_distance(dtype: DType, a: f64, b: f64) -> u64 {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => 0,
        (false, false) => ordered_bits(dtype, a).abs_diff(ordered_bits(dtype, b)),
        _ => u64::MAX,
    }
}

/// Whether `value` lies below the smallest normal f32 (and bf16) magnitude, 2^-126, but is not zero.
pub fn is_subnormal(value: f64) -> bool {
    value != 0.0 && value.abs() < f64::from(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_apart_across_zero() {
        let tiny = DType::F32.smallest_subnormal();
        assert_eq!(ulp_distance(DType::F32, tiny, -tiny), 2);
        assert_eq!(ulp_distance(DType::F32, 0.0, -0.0), 0);
        assert_eq!(ulp_distance(DType::BF16, 1.0, 1.0 + 2f64.powi(-7)), 1);
        assert_eq!(ulp_distance(DType::F16, DType::F16.largest_finite(), f64::INFINITY), 1);
    }

    #[test]
    fn a_nan_is_never_close_to_a_number() {
        assert_eq!(ulp_distance(DType::F32, f64::NAN, 1.0), u64::MAX);
        assert_eq!(ulp_distance(DType::F32, 1.0, f64::NAN), u64::MAX);
        assert_eq!(ulp_distance(DType::F32, f64::NAN, f64::NAN), 0);
    }
}

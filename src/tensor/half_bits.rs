//! f16 to f32 in integer arithmetic: no question to the CPU for each number, and a loop of it vectorises.

/// Magnitudes from here on are normal, then infinite or NaN: exponents 1 and 31.
const NORMAL: u32 = 1 << 10;
const INFINITE: u32 = 31 << 10;

/// The f16 of two little-endian bytes, exactly; a signalling NaN becomes a quiet one, as in hardware. Nothing on the way is a
/// subnormal f32, with which many CPUs are slow: scales of blocks often are subnormal as f16.
#[inline(always)]
pub fn widen_half(bytes: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(bytes));
    let (sign, magnitude) = ((bits & 0x8000) << 16, bits & 0x7FFF);
    // Exponents are biased by 15 in f16, by 127 in f32.
    let normal = (magnitude << 13) + ((127 - 15) << 23);
    // With the exponent of the smallest normal number the mantissa counts its steps; the number itself is taken off.
    let least = (127 - 14) << 23;
    let subnormal = (f32::from_bits((magnitude << 13) + least) - f32::from_bits(least)).to_bits();
    let quiet = if magnitude > INFINITE { 1 << 22 } else { 0 };
    let infinite = 0x7F80_0000 | (magnitude & 0x3FF) << 13 | quiet;
    let finite = if magnitude >= NORMAL { normal } else { subnormal };
    f32::from_bits(sign | if magnitude >= INFINITE { infinite } else { finite })
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn all_halves_are_widened_as_by_the_half_crate() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (widen_half(bits.to_le_bytes()), f16::from_bits(bits).to_f32());
            assert_eq!(ours.to_bits(), theirs.to_bits(), "{bits:04x}: {ours}, not {theirs}");
        }
    }
}

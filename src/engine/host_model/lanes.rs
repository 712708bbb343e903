//! Vectors of eight f32 for the loops in which a forward pass spends its time: with AVX2, FMA and F16C where the CPU has them,
//! and as plain arrays elsewhere, which compilers vectorise with what the target always has.

#[cfg(target_arch = "x86_64")]
use super::avx2_lanes::Avx2;
use crate::engine::model_file::widen_bfloat;
use crate::tensor::widen_half;

/// Numbers in a vector.
pub const LANES: usize = 8;

/// Words of eight codes that become vectors together: those of a group of quantised weights.
pub const CODE_WORDS: usize = 4;

/// Operations on vectors. A value of the type is a proof that the CPU has the instructions.
pub trait Lanes: Copy + Send + Sync {
    type Vector: Copy;

    /// Calls `work` so that everything inlined into it may use the instructions.
    fn run<W: Work>(self, work: W) -> W::Output;

    fn splat(self, value: f32) -> Self::Vector;
    fn load(self, values: &[f32; LANES]) -> Self::Vector;
    fn store(self, vector: Self::Vector) -> [f32; LANES];
    /// A vector for each word of eight signed bytes, the first in the lowest.
    fn widen_codes(self, codes: [u64; CODE_WORDS]) -> [Self::Vector; CODE_WORDS];
    /// Of f16, little-endian.
    fn widen_halves(self, halves: &[[u8; 2]; LANES]) -> Self::Vector;
    /// Of bf16, little-endian.
    fn widen_bfloats(self, bfloats: &[[u8; 2]; LANES]) -> Self::Vector;
    fn multiply(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn subtract(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    /// `left * right + sum`, rounded once where the CPU has an instruction for that, twice elsewhere.
    fn multiply_add(self, left: Self::Vector, right: Self::Vector, sum: Self::Vector) -> Self::Vector;

    /// Of little-endian f32 that lie anywhere.
    #[inline(always)]
    fn widen_floats(self, floats: &[[u8; 4]; LANES]) -> Self::Vector {
        let mut values = [0.0; LANES];
        for (value, bytes) in values.iter_mut().zip(floats) {
            *value = f32::from_le_bytes(*bytes);
        }
        self.load(&values)
    }
}

/// What is done with vectors, whichever there are. `call` must be inlined: `#[inline(always)]`.
pub trait Work {
    type Output;
    fn call<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Does `work` with the best vectors of this CPU.
pub fn with_lanes<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = Avx2::try_new() {
        return lanes.run(work);
    }
    Portable.run(work)
}

/// Plain arrays.
#[derive(Clone, Copy)]
pub struct Portable;

/// Eight results of one operation.
#[inline(always)]
fn each<T>(operation: impl Fn(usize) -> T) -> [T; LANES] {
    std::array::from_fn(operation)
}

impl Lanes for Portable {
    type Vector = [f32; LANES];

    #[inline(always)]
    fn run<W: Work>(self, work: W) -> W::Output {
        work.call(self)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::Vector {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> Self::Vector {
        *values
    }

    #[inline(always)]
    fn store(self, vector: Self::Vector) -> [f32; LANES] {
        vector
    }

    #[inline(always)]
    fn widen_codes(self, codes: [u64; CODE_WORDS]) -> [Self::Vector; CODE_WORDS] {
        codes.map(|word| word.to_le_bytes().map(|code| f32::from(code as i8)))
    }

    #[inline(always)]
    fn widen_halves(self, halves: &[[u8; 2]; LANES]) -> Self::Vector {
        halves.map(widen_half)
    }

    #[inline(always)]
    fn widen_bfloats(self, bfloats: &[[u8; 2]; LANES]) -> Self::Vector {
        bfloats.map(widen_bfloat)
    }

    #[inline(always)]
    fn multiply(self, left: Self::Vector, right: Self::Vector) -> Self::Vector {
        each(|lane| left[lane] * right[lane])
    }

    #[inline(always)]
    fn subtract(self, left: Self::Vector, right: Self::Vector) -> Self::Vector {
        each(|lane| left[lane] - right[lane])
    }

    #[inline(always)]
    fn multiply_add(self, left: Self::Vector, right: Self::Vector, sum: Self::Vector) -> Self::Vector {
        // A fused operation without an instruction for it is a call.
        if cfg!(target_arch = "aarch64") {
            each(|lane| left[lane].mul_add(right[lane], sum[lane]))
        } else {
            each(|lane| left[lane] * right[lane] + sum[lane])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit patterns of 16 bits as f16 and as bf16; NaN by being NaN, for CPUs quiet them or do not.
    struct AllHalves;

    impl Work for AllHalves {
        type Output = ();

        fn call<L: Lanes>(self, lanes: L) {
            for first in (0..=u16::MAX).step_by(LANES) {
                let bytes = each(|lane| (first + lane as u16).to_le_bytes());
                let widened = [
                    (lanes.store(lanes.widen_halves(&bytes)), bytes.map(widen_half)),
                    (lanes.store(lanes.widen_bfloats(&bytes)), bytes.map(widen_bfloat)),
                ];
                for (found, expected) in
                    widened.into_iter().flat_map(|(found, expected)| found.into_iter().zip(expected))
                {
                    let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                    assert!(same, "{found} instead of {expected}");
                }
            }
        }
    }

    struct Arithmetic;

    impl Work for Arithmetic {
        type Output = [[f32; LANES]; 4];

        fn call<L: Lanes>(self, lanes: L) -> Self::Output {
            let word = u64::from_le_bytes([-128i8, -7, -1, 0, 1, 5, 100, 127].map(|code| code as u8));
            let [codes, zeros, minus_ones, fives] = lanes.widen_codes([word, 0, u64::MAX, 0x0505_0505_0505_0505]);
            assert_eq!(lanes.store(zeros), [0.0; LANES]);
            assert_eq!(lanes.store(minus_ones), [-1.0; LANES]);
            assert_eq!(lanes.store(fives), [5.0; LANES]);
            let (half, one) = (lanes.splat(0.5), lanes.widen_floats(&[1.0f32.to_le_bytes(); LANES]));
            let results =
                [codes, lanes.multiply(codes, half), lanes.subtract(codes, one), lanes.multiply_add(codes, half, one)];
            results.map(|vector| lanes.store(vector))
        }
    }

    #[test]
    fn the_vectors_of_this_cpu_compute_as_plain_arrays() {
        with_lanes(AllHalves);
        Portable.run(AllHalves);
        let codes = [-128.0f32, -7.0, -1.0, 0.0, 1.0, 5.0, 100.0, 127.0];
        let expected = [codes, codes.map(|x| x * 0.5), codes.map(|x| x - 1.0), codes.map(|x| x * 0.5 + 1.0)];
        assert_eq!(with_lanes(Arithmetic), expected);
        assert_eq!(Portable.run(Arithmetic), expected);
    }
}

//! Vectors of eight f32 with AVX2, FMA and F16C. Proofs of instructions are those of the crate `pulp`.

use std::arch::x86_64::{__m128i, __m256i, _mm256_cvtph_ps};

use pulp::x86::V3;
use pulp::{NullaryFnOnce, f32x8, u16x8};

use super::lanes::{CODE_WORDS, LANES, Lanes, Work};

pulp::simd_type! {
    /// `V3` and the conversion of f16, which it leaves out.
    struct Features {
        avx: "avx",
        avx2: "avx2",
        fma: "fma",
        f16c: "f16c",
    }
}

/// A proof that the CPU has the instructions.
#[derive(Clone, Copy)]
pub struct Avx2 {
    v3: V3,
    features: Features,
}

impl Avx2 {
    pub fn try_new() -> Option<Self> {
        Some(Self { v3: V3::try_new()?, features: Features::try_new()? })
    }
}

struct Call<W>(Avx2, W);

impl<W: Work> NullaryFnOnce for Call<W> {
    type Output = W::Output;

    #[inline(always)]
    fn call(self) -> W::Output {
        self.1.call(self.0)
    }
}

impl Lanes for Avx2 {
    type Vector = f32x8;

    #[inline(always)]
    fn run<W: Work>(self, work: W) -> W::Output {
        self.features.vectorize(Call(self, work))
    }

    #[inline(always)]
    fn splat(self, value: f32) -> f32x8 {
        self.v3.splat_f32x8(value)
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> f32x8 {
        bytemuck::cast(*values)
    }

    #[inline(always)]
    fn store(self, vector: f32x8) -> [f32; LANES] {
        bytemuck::cast(vector)
    }

    #[inline(always)]
    fn widen_codes(self, codes: [u64; CODE_WORDS]) -> [f32x8; CODE_WORDS] {
        let (v3, codes): (V3, __m256i) = (self.v3, bytemuck::cast(codes));
        let (first, third) = (v3.avx._mm256_castsi256_si128(codes), v3.avx2._mm256_extracti128_si256::<1>(codes));
        let second = v3.sse2._mm_unpackhi_epi64(first, first);
        let fourth = v3.sse2._mm_unpackhi_epi64(third, third);
        [
            v3.convert_i32x8_to_f32x8(v3.convert_i8x16_to_i32x8(bytemuck::cast(first))),
            v3.convert_i32x8_to_f32x8(v3.convert_i8x16_to_i32x8(bytemuck::cast(second))),
            v3.convert_i32x8_to_f32x8(v3.convert_i8x16_to_i32x8(bytemuck::cast(third))),
            v3.convert_i32x8_to_f32x8(v3.convert_i8x16_to_i32x8(bytemuck::cast(fourth))),
        ]
    }

    #[inline(always)]
    fn widen_halves(self, halves: &[[u8; 2]; LANES]) -> f32x8 {
        let halves: __m128i = bytemuck::cast(*halves);
        // SAFETY: a value of `Features` is a proof of F16C.
        bytemuck::cast(unsafe { _mm256_cvtph_ps(halves) })
    }

    #[inline(always)]
    fn widen_bfloats(self, bfloats: &[[u8; 2]; LANES]) -> f32x8 {
        let words: u16x8 = bytemuck::cast(*bfloats);
        bytemuck::cast(self.v3.shl_const_u32x8::<16>(self.v3.convert_u16x8_to_u32x8(words)))
    }

    #[inline(always)]
    fn multiply(self, left: f32x8, right: f32x8) -> f32x8 {
        self.v3.mul_f32x8(left, right)
    }

    #[inline(always)]
    fn subtract(self, left: f32x8, right: f32x8) -> f32x8 {
        self.v3.sub_f32x8(left, right)
    }

    #[inline(always)]
    fn multiply_add(self, left: f32x8, right: f32x8, sum: f32x8) -> f32x8 {
        self.v3.mul_add_f32x8(left, right, sum)
    }
}

//! ggml's quantised blocks: layouts and formulas of `ggml-common.h` and of `dequantize_row_*` in `ggml-quants.c`,
//! <https://github.com/ggml-org/ggml>. The one place that knows them on the host; golden vectors of the `gguf` package pin
//! them down. A block's fields are bytes, so that blocks lie anywhere in a file.

use bytemuck::{Pod, Zeroable};

use super::half_bits::widen_half;

/// Weights of a group.
pub const GROUP: usize = 32;

/// A scale: a number of the block times a whole number of the group. Both are exact; their product is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub of_block: f32,
    pub of_group: f32,
}

impl Scale {
    #[inline(always)]
    fn rounded(self) -> f32 {
        self.of_block * self.of_group
    }

    fn exact(self) -> f64 {
        f64::from(self.of_block) * f64::from(self.of_group)
    }
}

/// 32 weights: each is a code times the step of its half, less an offset.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Eight signed bytes to a word, the first weight's in the lowest byte: blocks are taken apart eight codes at a time.
    pub codes: [u64; GROUP / 8],
    /// Of the first 16 weights, and of the others.
    pub steps: [Scale; 2],
    /// Of the formats that have one.
    pub offset: Option<Scale>,
}

impl Group {
    #[inline(always)]
    fn plain(codes: [u64; GROUP / 8], scale: f32) -> Self {
        Self { codes, steps: [Scale { of_block: scale, of_group: 1.0 }; 2], offset: None }
    }

    /// The steps of both halves and the offset in f32: products, each rounded.
    #[inline(always)]
    pub fn factors(&self) -> ([f32; 2], Option<f32>) {
        (self.steps.map(Scale::rounded), self.offset.map(Scale::rounded))
    }

    /// The code of a weight.
    #[inline(always)]
    fn code(&self, at: usize) -> i8 {
        (self.codes[at / 8] >> (at % 8 * 8)) as i8
    }

    /// The weights in f32: a product and a difference, each rounded, as in ggml.
    #[inline(always)]
    pub fn rounded(&self) -> [f32; GROUP] {
        let (steps, offset) = self.factors();
        let mut weights = [0.0; GROUP];
        for (at, weight) in weights.iter_mut().enumerate() {
            let scaled = f32::from(self.code(at)) * steps[at / (GROUP / 2)];
            *weight = offset.map_or(scaled, |offset| scaled - offset);
        }
        weights
    }

    /// Each weight with the magnitude it is computed from: both parts of the difference. Exact in f64.
    pub fn exact(&self) -> [(f64, f64); GROUP] {
        let (steps, offset) = (self.steps.map(Scale::exact), self.offset.map_or(0.0, Scale::exact));
        std::array::from_fn(|at| {
            let part = f64::from(self.code(at)) * steps[at / (GROUP / 2)];
            (part - offset, part.abs() + offset.abs())
        })
    }
}

/// A block as it is stored.
pub trait QuantBlock: Pod {
    /// Groups of 32 weights in a block.
    const GROUPS: usize;
    const WEIGHTS: usize = Self::GROUPS * GROUP;

    /// Weights `32 * group ..` of the block; `group` is below `GROUPS`.
    fn group(&self, group: usize) -> Group;
}

/// One byte in each byte of a word.
const fn bytes_of(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// 32 bytes as words.
#[inline(always)]
fn words(bytes: &[u8; GROUP]) -> [u64; GROUP / 8] {
    let bytes = bytes.as_chunks::<8>().0;
    [0, 1, 2, 3].map(|at: usize| u64::from_le_bytes(bytes[at]))
}

/// `number` less `offset` in each byte, both below 128; a negative difference is two's complement.
#[inline(always)]
fn less(number: u64, offset: u8) -> u64 {
    // The highest bits keep the bytes from borrowing of each other.
    (number | bytes_of(0x80)).wrapping_sub(bytes_of(offset)) ^ bytes_of(0x80)
}

/// The low or the high halves of bytes.
#[inline(always)]
fn halves(word: u64, high: bool) -> u64 {
    (if high { word >> 4 } else { word }) & bytes_of(15)
}

/// Group `at` of 32 bytes.
#[inline(always)]
fn of_group(bytes: &[u8], at: usize) -> [u64; GROUP / 8] {
    words(&bytes.as_chunks::<GROUP>().0[at])
}

/// Scale, then a signed byte for each weight.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Q8_0Block {
    scale: [u8; 2],
    codes: [u8; 32],
}

impl QuantBlock for Q8_0Block {
    const GROUPS: usize = 1;

    #[inline(always)]
    fn group(&self, _: usize) -> Group {
        Group::plain(words(&self.codes), widen_half(self.scale))
    }
}

/// Scale, then 16 bytes: low halves are the first 16 weights, high halves the others, both less 8.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Q4_0Block {
    scale: [u8; 2],
    codes: [u8; 16],
}

impl QuantBlock for Q4_0Block {
    const GROUPS: usize = 1;

    #[inline(always)]
    fn group(&self, _: usize) -> Group {
        let bytes = self.codes.as_chunks::<8>().0;
        let [first, second] = [u64::from_le_bytes(bytes[0]), u64::from_le_bytes(bytes[1])];
        let codes = [halves(first, false), halves(second, false), halves(first, true), halves(second, true)];
        let codes = codes.map(|codes| less(codes, 8));
        Group::plain(codes, widen_half(self.scale))
    }
}

/// Scale and minimum of the scales of 8 groups, and those: 6 bits each, the high bits of the last 4 groups packed above
/// the first 4 (`get_scale_min_k4`).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct GroupScales {
    scale: [u8; 2],
    minimum: [u8; 2],
    packed: [u8; 12],
}

impl GroupScales {
    /// The group's step and what is taken off. Without branches, so that all but the last shifts are done once for a block.
    #[inline(always)]
    fn of(&self, group: usize) -> (Scale, Scale) {
        const SIX_BITS: u32 = u32::from_le_bytes([63; 4]);
        const FOUR_BITS: u32 = u32::from_le_bytes([15; 4]);
        const TWO_BITS: u32 = u32::from_le_bytes([3; 4]);
        let words = self.packed.as_chunks::<4>().0;
        let [steps, offsets, shared] = [0, 1, 2].map(|at: usize| u32::from_le_bytes(words[at]));
        let all = |low: u32, high: u32| {
            let last = high & FOUR_BITS | ((low >> 6) & TWO_BITS) << 4;
            u64::from(last) << 32 | u64::from(low & SIX_BITS)
        };
        let of_group = |all: u64| f32::from((all >> (8 * group)) as u8);
        (
            Scale { of_block: widen_half(self.scale), of_group: of_group(all(steps, shared)) },
            Scale { of_block: widen_half(self.minimum), of_group: of_group(all(offsets, shared >> 4)) },
        )
    }
}

/// Scales, then 128 bytes: 64 weights to each 32 of them, low halves first.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Q4KBlock {
    scales: GroupScales,
    codes: [u8; 128],
}

impl QuantBlock for Q4KBlock {
    const GROUPS: usize = 8;

    #[inline(always)]
    fn group(&self, group: usize) -> Group {
        let (step, offset) = self.scales.of(group);
        let codes = of_group(&self.codes, group / 2).map(|codes| halves(codes, group % 2 == 1));
        Group { codes, steps: [step; 2], offset: Some(offset) }
    }
}

/// As Q4_K, with a fifth bit for every weight: bit `group` of one of 32 bytes.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Q5KBlock {
    scales: GroupScales,
    fifths: [u8; 32],
    codes: [u8; 128],
}

impl QuantBlock for Q5KBlock {
    const GROUPS: usize = 8;

    #[inline(always)]
    fn group(&self, group: usize) -> Group {
        let (step, offset) = self.scales.of(group);
        let (fifths, bytes) = (words(&self.fifths), of_group(&self.codes, group / 2));
        let codes =
            [0, 1, 2, 3].map(|at| halves(bytes[at], group % 2 == 1) | ((fifths[at] >> group) & bytes_of(1)) << 4);
        Group { codes, steps: [step; 2], offset: Some(offset) }
    }
}

/// 128 bytes of low halves, 64 of two high bits, 16 signed scales of 16 weights each, then the scale of scales. Each half
/// of a block is 4 groups: the low halves of 64 bytes, then their high halves.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Q6KBlock {
    low: [u8; 128],
    high: [u8; 64],
    scales: [i8; 16],
    scale: [u8; 2],
}

impl QuantBlock for Q6KBlock {
    const GROUPS: usize = 8;

    #[inline(always)]
    fn group(&self, group: usize) -> Group {
        let (part, of_part) = (group / 4, group % 4);
        let (low, high) = (of_group(&self.low, 2 * part + of_part % 2), of_group(&self.high, part));
        let codes = [0, 1, 2, 3].map(|at| {
            let high = (high[at] >> (2 * of_part)) & bytes_of(3);
            less(halves(low[at], of_part >= 2) | high << 4, 32)
        });
        let of_block = widen_half(self.scale);
        let step = |half: usize| Scale { of_block, of_group: f32::from(self.scales[2 * group + half]) };
        Group { codes, steps: [step(0), step(1)], offset: None }
    }
}

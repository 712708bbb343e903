//! Quantised weights as GGUF files hold them: names, sizes, and the way from blocks to numbers.

use super::quant_block::{Q4_0Block, Q4KBlock, Q5KBlock, Q6KBlock, Q8_0Block, QuantBlock};

/// A block format. Every block is a whole number of 2-byte units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuantFormat {
    Q8_0,
    Q4_0,
    Q4K,
    Q5K,
    Q6K,
}

/// What is done with the blocks of a row, whatever their format.
pub trait BlockVisitor {
    type Output;
    fn visit<B: QuantBlock>(self, blocks: &[B]) -> Self::Output;
}

/// Each weight with the magnitude it is computed from.
struct Exactly;

impl BlockVisitor for Exactly {
    type Output = Vec<(f64, f64)>;

    fn visit<B: QuantBlock>(self, blocks: &[B]) -> Self::Output {
        blocks.iter().flat_map(|block| (0..B::GROUPS).flat_map(|group| block.group(group).exact())).collect()
    }
}

impl QuantFormat {
    pub const ALL: [QuantFormat; 5] =
        [QuantFormat::Q8_0, QuantFormat::Q4_0, QuantFormat::Q4K, QuantFormat::Q5K, QuantFormat::Q6K];

    /// The name in operations and kernels: `q4_k`.
    pub const fn name(self) -> &'static str {
        match self {
            QuantFormat::Q8_0 => "q8_0",
            QuantFormat::Q4_0 => "q4_0",
            QuantFormat::Q4K => "q4_k",
            QuantFormat::Q5K => "q5_k",
            QuantFormat::Q6K => "q6_k",
        }
    }

    /// Weights of a block.
    pub const fn block_weights(self) -> usize {
        match self {
            QuantFormat::Q8_0 => Q8_0Block::WEIGHTS,
            QuantFormat::Q4_0 => Q4_0Block::WEIGHTS,
            QuantFormat::Q4K => Q4KBlock::WEIGHTS,
            QuantFormat::Q5K => Q5KBlock::WEIGHTS,
            QuantFormat::Q6K => Q6KBlock::WEIGHTS,
        }
    }

    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            QuantFormat::Q8_0 => size_of::<Q8_0Block>(),
            QuantFormat::Q4_0 => size_of::<Q4_0Block>(),
            QuantFormat::Q4K => size_of::<Q4KBlock>(),
            QuantFormat::Q5K => size_of::<Q5KBlock>(),
            QuantFormat::Q6K => size_of::<Q6KBlock>(),
        }
    }

    /// Bytes of a row of `columns` weights, a whole number of blocks.
    pub const fn row_bytes(self, columns: usize) -> usize {
        columns / self.block_weights() * self.block_bytes()
    }

    /// Where in a block its scales are, each an f16.
    pub const fn block_scales(self) -> &'static [usize] {
        match self {
            QuantFormat::Q8_0 | QuantFormat::Q4_0 => &[0],
            QuantFormat::Q4K | QuantFormat::Q5K => &[0, 2],
            QuantFormat::Q6K => &[208],
        }
    }

    /// Shows a row's blocks to `visitor`.
    ///
    /// # Panics
    /// If `row` is no whole number of blocks.
    #[inline(always)]
    pub fn visit<V: BlockVisitor>(self, row: &[u8], visitor: V) -> V::Output {
        match self {
            QuantFormat::Q8_0 => visitor.visit::<Q8_0Block>(bytemuck::cast_slice(row)),
            QuantFormat::Q4_0 => visitor.visit::<Q4_0Block>(bytemuck::cast_slice(row)),
            QuantFormat::Q4K => visitor.visit::<Q4KBlock>(bytemuck::cast_slice(row)),
            QuantFormat::Q5K => visitor.visit::<Q5KBlock>(bytemuck::cast_slice(row)),
            QuantFormat::Q6K => visitor.visit::<Q6KBlock>(bytemuck::cast_slice(row)),
        }
    }

    /// Each weight of a row of whole blocks with the magnitude it is computed from, both parts of a difference; exact in
    /// f64.
    ///
    /// # Panics
    /// If `row` is no whole number of blocks.
    pub fn widen(self, row: &[u8]) -> Vec<(f64, f64)> {
        self.visit(row, Exactly)
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn a_block_of_q4_0_has_its_low_halves_first() {
        let mut block = [0u8; 18];
        block[..2].copy_from_slice(&f16::from_f64(0.5).to_le_bytes());
        block[2] = 0xF0;
        let weights = QuantFormat::Q4_0.widen(&block);
        assert_eq!((weights[0].0, weights[16].0, weights[1].0), (-4.0, 3.5, -4.0));
        assert_eq!(weights.len(), 32);
    }

    #[test]
    fn blocks_have_the_sizes_of_ggml() {
        let sizes = QuantFormat::ALL.map(|format| (format.block_weights(), format.block_bytes()));
        assert_eq!(sizes, [(32, 34), (32, 18), (256, 144), (256, 176), (256, 210)]);
        assert_eq!(QuantFormat::Q4K.row_bytes(512), 288);
    }

    #[test]
    #[should_panic(expected = "cast_slice")]
    fn half_a_block_is_refused() {
        QuantFormat::Q6K.widen(&[0; 209]);
    }
}

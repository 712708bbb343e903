//! Quantised weights as GGUF files hold them: ggml's block formats, widened exactly.

use half::f16;

use crate::operation::philox4x32;

/// Counter word that keeps blocks apart from everything else under a seed.
const BLOCK_STREAM: u32 = 0x0B10_C000;

/// Largest magnitude of a random block's scales.
const MOST_SCALE: f64 = 0.01;

/// A block format. Every block is a whole number of 2-byte units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuantFormat {
    Q8_0,
    Q4_0,
    Q4K,
    Q5K,
    Q6K,
}

fn half_at(block: &[u8], byte: usize) -> f64 {
    f16::from_le_bytes([block[byte], block[byte + 1]]).to_f64()
}

/// The 6-bit scale and minimum of one of eight groups, packed in 12 bytes.
fn group_scale(packed: &[u8], group: usize) -> (f64, f64) {
    let (scale, minimum) = match group {
        0..4 => (packed[group] & 63, packed[group + 4] & 63),
        _ => (packed[group + 4] & 15 | packed[group - 4] >> 6 << 4, packed[group + 4] >> 4 | packed[group] >> 6 << 4),
    };
    (f64::from(scale), f64::from(minimum))
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
            QuantFormat::Q8_0 | QuantFormat::Q4_0 => 32,
            QuantFormat::Q4K | QuantFormat::Q5K | QuantFormat::Q6K => 256,
        }
    }

    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            QuantFormat::Q8_0 => 34,
            QuantFormat::Q4_0 => 18,
            QuantFormat::Q4K => 144,
            QuantFormat::Q5K => 176,
            QuantFormat::Q6K => 210,
        }
    }

    /// Bytes of a row of `columns` weights, a whole number of blocks.
    pub const fn row_bytes(self, columns: usize) -> usize {
        columns / self.block_weights() * self.block_bytes()
    }

    /// Each weight of a block, with the magnitude it is computed from: both parts of a difference.
    fn widen_block(self, block: &[u8]) -> Vec<(f64, f64)> {
        let plain = |value: f64| (value, value.abs());
        let weight = |index: usize| match self {
            QuantFormat::Q8_0 => plain(half_at(block, 0) * f64::from(block[2 + index] as i8)),
            QuantFormat::Q4_0 => {
                let quant = block[2 + index % 16] >> (index / 16 * 4) & 15;
                plain(half_at(block, 0) * (f64::from(quant) - 8.0))
            }
            QuantFormat::Q4K | QuantFormat::Q5K => {
                let group = index / 32;
                let (scale, minimum) = group_scale(&block[4..16], group);
                let low = if self == QuantFormat::Q5K { 48 } else { 16 };
                let mut quant = block[low + index / 64 * 32 + index % 32] >> (group % 2 * 4) & 15;
                if self == QuantFormat::Q5K {
                    quant |= (block[16 + index % 32] >> group & 1) << 4;
                }
                let (part, offset) = (half_at(block, 0) * scale * f64::from(quant), half_at(block, 2) * minimum);
                (part - offset, part.abs() + offset.abs())
            }
            QuantFormat::Q6K => {
                let (half, quarter, place) = (index / 128, index % 128 / 32, index % 32);
                let low = block[half * 64 + quarter % 2 * 32 + place] >> (quarter / 2 * 4) & 15;
                let high = block[128 + half * 32 + place] >> (2 * quarter) & 3;
                let scale = f64::from(block[192 + index / 16] as i8);
                plain(half_at(block, 208) * scale * (f64::from(high << 4 | low) - 32.0))
            }
        };
        (0..self.block_weights()).map(weight).collect()
    }

    /// Each weight of a row of whole blocks with the magnitude it is computed from; exact in f64.
    pub fn widen(self, row: &[u8]) -> Vec<(f64, f64)> {
        row.chunks_exact(self.block_bytes()).flat_map(|block| self.widen_block(block)).collect()
    }

    /// Fills a row with random blocks: every bit pattern of quants and group scales, and scales that are finite.
    pub(super) fn fill_row(self, row: &mut [u8], seed: u64, number: u64) {
        let key = [seed as u32, (seed >> 32) as u32];
        for (place, bytes) in row.chunks_mut(16).enumerate() {
            let words = philox4x32(key, [place as u32, number as u32, (number >> 32) as u32, BLOCK_STREAM]);
            let random: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            bytes.copy_from_slice(&random[..bytes.len()]);
        }
        for block in row.chunks_exact_mut(self.block_bytes()) {
            let scales: &[usize] = match self {
                QuantFormat::Q8_0 | QuantFormat::Q4_0 => &[0],
                QuantFormat::Q4K | QuantFormat::Q5K => &[0, 2],
                QuantFormat::Q6K => &[208],
            };
            for &byte in scales {
                let random = f64::from(i16::from_le_bytes([block[byte], block[byte + 1]])) / 32768.0;
                let scale = f16::from_f64(random * MOST_SCALE);
                block[byte..byte + 2].copy_from_slice(&scale.to_le_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn random_blocks_are_finite_and_differ() {
        for format in QuantFormat::ALL {
            let mut row = vec![0; format.row_bytes(512)];
            format.fill_row(&mut row, 1, 0);
            let weights = format.widen(&row);
            assert_eq!(weights.len(), 512);
            assert!(weights.iter().all(|(value, magnitude)| value.is_finite() && value.abs() <= *magnitude));
            assert!(weights.iter().any(|weight| weight.0 != weights[0].0), "{}", format.name());
        }
    }
}

//! Rows of random quantised weights.

use half::f16;

use crate::operation::philox4x32;
use crate::tensor::QuantFormat;

/// Counter word that keeps blocks apart from everything else under a seed.
const BLOCK_STREAM: u32 = 0x0B10_C000;

/// Largest magnitude of a random block's scales.
const MOST_SCALE: f64 = 0.01;

/// Fills a row with random blocks: every bit pattern of quants and group scales, and scales that are finite.
pub fn fill_row(format: QuantFormat, row: &mut [u8], seed: u64, number: u64) {
    let key = [seed as u32, (seed >> 32) as u32];
    for (place, bytes) in row.chunks_mut(16).enumerate() {
        let words = philox4x32(key, [place as u32, number as u32, (number >> 32) as u32, BLOCK_STREAM]);
        let random: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.copy_from_slice(&random[..bytes.len()]);
    }
    for block in row.chunks_exact_mut(format.block_bytes()) {
        for &byte in format.block_scales() {
            let random = f64::from(i16::from_le_bytes([block[byte], block[byte + 1]])) / 32768.0;
            let scale = f16::from_f64(random * MOST_SCALE);
            block[byte..byte + 2].copy_from_slice(&scale.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_blocks_are_finite_and_differ() {
        for format in QuantFormat::ALL {
            let mut row = vec![0; format.row_bytes(512)];
            fill_row(format, &mut row, 1, 0);
            let weights = format.widen(&row);
            assert_eq!(weights.len(), 512);
            assert!(weights.iter().all(|(value, magnitude)| value.is_finite() && value.abs() <= *magnitude));
            assert!(weights.iter().any(|weight| weight.0 != weights[0].0), "{}", format.name());
        }
    }
}

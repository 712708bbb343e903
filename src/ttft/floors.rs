//! What no engine can be faster than: the model's arithmetic at the rate of its largest matrix product, and its weights
//! at the bandwidth of memory. Both rates are measured by the same run on the same device.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::profiling::statistics::{median, sorted};

/// Measured rates and what they are applied to. A rate that was not measured is `None`, and so is its floor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Floors {
    /// All numbers in the weights, a tied head once.
    pub parameters: u64,
    /// Bytes of the weights as the device reads them.
    pub weight_bytes: u64,
    /// Operations per second of the model's largest matrix product, two per multiply-add.
    pub matrix_flops_per_second: Option<f64>,
    /// That product: rows of activations, inputs, outputs.
    pub matrix_shape: Option<[u64; 3]>,
    /// Bytes read per second.
    pub read_bytes_per_second: Option<f64>,
}

impl Floors {
    /// `2 parameters tokens` at the measured rate, in milliseconds. It counts the head at every position, as is usual;
    /// an engine needs it for the last one alone, and attention, which it needs, is not counted.
    pub fn flop_ms(&self, tokens: u64) -> Option<f64> {
        Some(2e3 * self.parameters as f64 * tokens as f64 / self.matrix_flops_per_second?)
    }

    /// Every weight read once, in milliseconds.
    pub fn weight_read_ms(&self) -> Option<f64> {
        Some(1e3 * self.weight_bytes as f64 / self.read_bytes_per_second?)
    }
}

/// Much more than the caches of a processor.
const READ_BYTES: usize = 512 << 20;

const PASSES: usize = 5;

/// Bytes per second that all threads of the host together read from memory: the median of a few passes over 512 MiB.
pub fn read_bandwidth() -> f64 {
    let buffer = vec![1u64; READ_BYTES / 8];
    let seconds: Vec<f64> = (0..PASSES)
        .map(|_| {
            let begun = Instant::now();
            let sum: u64 = buffer.par_chunks(1 << 17).map(|part| part.iter().copied().fold(0, u64::wrapping_add)).sum();
            black_box(sum);
            begun.elapsed().as_secs_f64()
        })
        .collect();
    READ_BYTES as f64 / median(&sorted(&seconds)).unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_work_over_rate() {
        let floors = Floors {
            parameters: 1_000_000,
            weight_bytes: 2_000_000,
            matrix_flops_per_second: Some(1e12),
            matrix_shape: Some([8, 8, 8]),
            read_bytes_per_second: Some(1e9),
        };
        assert_eq!(floors.flop_ms(500), Some(1.0));
        assert_eq!(floors.weight_read_ms(), Some(2.0));
        assert_eq!((Floors::default().flop_ms(1), Floors::default().weight_read_ms()), (None, None));
    }
}

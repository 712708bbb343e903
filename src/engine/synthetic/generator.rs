//! The made-up numbers: a function of seed, tensor and element alone, so that they are the same on every machine, in any
//! order and in any storage type up to its rounding.

use half::{bf16, f16};
use rayon::prelude::*;

use crate::operation::philox4x32;
use crate::tensor::DType;

/// Elements of one draw of Philox: 16 of its 128 bits each.
const ELEMENTS_PER_DRAW: usize = 8;

/// Elements that a task makes; a multiple of `ELEMENTS_PER_DRAW`.
const ELEMENTS_PER_TASK: usize = 1 << 16;

/// Uniform numbers around `center`, up to `reach` away; the standard deviation is `reach / sqrt(3)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub center: f32,
    pub reach: f32,
}

/// Fills `bytes` with elements of `dtype`, which is a float, for tensor number `tensor` of the model `seed`.
pub fn fill(bytes: &mut [u8], dtype: DType, spread: Spread, seed: u64, tensor: u32) {
    let size = dtype.size();
    bytes.par_chunks_mut(ELEMENTS_PER_TASK * size).enumerate().for_each(|(task, bytes)| {
        let first = (task * ELEMENTS_PER_TASK / ELEMENTS_PER_DRAW) as u64;
        for (draw, bytes) in bytes.chunks_mut(ELEMENTS_PER_DRAW * size).enumerate() {
            let values = eight(first + draw as u64, spread, seed, tensor);
            for (value, bytes) in values.into_iter().zip(bytes.chunks_exact_mut(size)) {
                match dtype {
                    DType::F16 => bytes.copy_from_slice(&f16::from_f32(value).to_le_bytes()),
                    DType::BF16 => bytes.copy_from_slice(&bf16::from_f32(value).to_le_bytes()),
                    DType::F32 | DType::U32 => bytes.copy_from_slice(&value.to_le_bytes()),
                }
            }
        }
    });
}

fn eight(draw: u64, spread: Spread, seed: u64, tensor: u32) -> [f32; ELEMENTS_PER_DRAW] {
    let key = [seed as u32, (seed >> 32) as u32];
    let words = philox4x32(key, [draw as u32, (draw >> 32) as u32, tensor, 0]);
    std::array::from_fn(|place| {
        let bits = (words[place / 2] >> (16 * (place % 2))) as u16;
        // Middles of 65536 equal parts of -1 to 1: symmetric, and exact in f32.
        let unit = (f32::from(bits) + 0.5) / 32_768.0 - 1.0;
        spread.center + spread.reach * unit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Spread = Spread { center: 0.0, reach: 1.0 };

    fn f32s(elements: usize, spread: Spread, tensor: u32) -> Vec<f32> {
        let mut bytes = vec![0; elements * 4];
        fill(&mut bytes, DType::F32, spread, 3, tensor);
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    #[test]
    fn numbers_are_those_of_philox_wherever_a_task_begins() {
        let values = f32s(ELEMENTS_PER_TASK + 11, UNIT, 5);
        let draw = (ELEMENTS_PER_TASK / ELEMENTS_PER_DRAW) as u32;
        let words = philox4x32([3, 0], [draw, 0, 5, 0]);
        assert_eq!(values[ELEMENTS_PER_TASK], ((words[0] & 0xffff) as f32 + 0.5) / 32_768.0 - 1.0);
        assert_eq!(values[ELEMENTS_PER_TASK + 3], ((words[1] >> 16) as f32 + 0.5) / 32_768.0 - 1.0);
        assert_ne!(f32s(8, UNIT, 5), f32s(8, UNIT, 6), "tensors differ");
    }

    #[test]
    fn numbers_spread_as_asked() {
        let values = f32s(100_000, Spread { center: 1.0, reach: 0.3 }, 0);
        let count = values.len() as f64;
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
        // Six standard errors of the mean, and of the variance of a uniform distribution.
        assert!((mean - 1.0).abs() < 6.0 * 0.3 / (3.0 * count).sqrt(), "mean {mean}");
        assert!((variance - 0.03).abs() < 6.0 * 0.03 * (0.8 / count).sqrt(), "variance {variance}");
        assert!(values.iter().all(|value| (0.7..1.3).contains(value)));
    }

    #[test]
    fn other_types_are_the_same_numbers_rounded() {
        let exact = f32s(20, UNIT, 1);
        let mut bytes = vec![0; 40];
        fill(&mut bytes, DType::BF16, UNIT, 3, 1);
        let rounded = bytes.as_chunks::<2>().0.iter().map(|bytes| bf16::from_le_bytes(*bytes));
        assert!(rounded.zip(&exact).all(|(rounded, exact)| rounded == bf16::from_f32(*exact)));
        fill(&mut bytes, DType::F16, UNIT, 3, 1);
        let rounded = bytes.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes));
        assert!(rounded.zip(&exact).all(|(rounded, exact)| rounded == f16::from_f32(*exact)));
    }
}

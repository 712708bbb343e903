//! Input values from a class and a seed: the same bytes on every machine.
//!
//! Philox4x32-10 is keyed by the seed and counted by (element, row, tensor slot), so that rows are filled in
//! parallel and a row's values depend on neither the number of rows nor the number of threads.

use rayon::prelude::*;

use crate::tensor::{DType, HostTensor};

use super::{InputClass, philox4x32};

/// How many finite elements `FewFinite` leaves.
const FEW: usize = 5;

/// One element in this many is infinite in `Infinities`, on average.
const INFINITY_PERIOD: u64 = 16;

/// Fills tensors with values of one class.
#[derive(Clone, Copy, Debug)]
pub struct InputGenerator {
    class: InputClass,
    seed: u64,
    scale: f64,
    boundary: usize,
}

impl InputGenerator {
    pub fn new(class: InputClass, seed: u64) -> Self {
        Self { class, seed, scale: 1.0, boundary: 1 }
    }

    /// The standard deviation of `Normal`, and the unit of the classes made from it; 1 unless set, 3 for logits.
    pub fn scale(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// The place k, counted from the largest, that a run of equal values crosses in `BoundaryTies`.
    pub fn boundary(self, boundary: usize) -> Self {
        Self { boundary, ..self }
    }

    /// Fills every stored row. `slot` tells a problem's tensors apart; padding is left as it is.
    pub fn fill(&self, tensor: &mut HostTensor, slot: u32) {
        let (dtype, columns, stride) = (tensor.dtype(), tensor.columns(), tensor.row_stride());
        if columns == 0 {
            return;
        }
        let size = dtype.size();
        tensor.bytes_mut().par_chunks_mut(stride * size).enumerate().for_each(|(row, bytes)| {
            let values = self.row(dtype, columns, slot, row as u64);
            for (bytes, value) in bytes.chunks_exact_mut(size).zip(values) {
                dtype.encode(value, bytes);
            }
        });
    }

    /// Fills a `U32` tensor with whole numbers below `bound`, uniform whatever the class.
    pub fn fill_below(&self, tensor: &mut HostTensor, slot: u32, bound: u64) {
        assert_eq!(tensor.dtype(), DType::U32, "whole numbers are stored as u32");
        for row in 0..tensor.distinct_rows() {
            let random = RowRandom { seed: self.seed, slot, row: row as u64 };
            for column in 0..tensor.columns() {
                tensor.set(row, column, random.below(column as u64, bound) as f64);
            }
        }
    }

    fn row(&self, dtype: DType, columns: usize, slot: u32, row: u64) -> Vec<f64> {
        let random = RowRandom { seed: self.seed, slot, row };
        let normal = || -> Vec<f64> { (0..columns).map(|column| self.scale * random.normal(column)).collect() };
        let at = |place: usize| random.below(PICK + place as u64, columns as u64) as usize;
        match self.class {
            InputClass::Normal => normal(),
            InputClass::Uniform => (0..columns).map(|column| 2.0 * random.uniform(column) - 1.0).collect(),
            InputClass::AllEqual => vec![self.scale * (0.5 + random.uniform(0)); columns],
            InputClass::BoundaryTies => self.boundary_ties(&random, columns),
            InputClass::NearlyEqual => (0..columns).map(|column| 1.0 + 1e-6 * random.uniform(column)).collect(),
            InputClass::AllNegativeInfinity => vec![f64::NEG_INFINITY; columns],
            InputClass::OneFinite => few_finite(normal(), &[at(0)]),
            InputClass::FewFinite => few_finite(normal(), &std::array::from_fn::<_, FEW, _>(at)),
            InputClass::Infinities => strewn_infinities(normal(), &random),
            InputClass::NanFirst => with_nan(normal(), 0),
            InputClass::NanMiddle => with_nan(normal(), columns / 2),
            InputClass::NanLast => with_nan(normal(), columns - 1),
            InputClass::Denormals => denormals(&random, dtype, columns),
            InputClass::LargestFinite => largest(&random, dtype, columns),
            InputClass::SignedZeros => {
                (0..columns).map(|column| if random.uniform(column) < 0.5 { 0.0 } else { -0.0 }).collect()
            }
            InputClass::Ascending => {
                let mut values = normal();
                values.sort_by(f64::total_cmp);
                values
            }
            InputClass::Descending => {
                let mut values = normal();
                values.sort_by(|a, b| b.total_cmp(a));
                values
            }
            InputClass::Dominant => {
                let mut values = normal();
                values[at(0)] = 20.0 * self.scale;
                values
            }
        }
    }

    /// Three levels in random places: fewer than k high ones, a run of middle ones across the k-th place, low ones.
    fn boundary_ties(&self, random: &RowRandom, columns: usize) -> Vec<f64> {
        let k = self.boundary.clamp(1, columns);
        let high = k / 2;
        let middle = (k.max(2) + 1).min(columns - high);
        let level = |rank: usize| match rank {
            rank if rank < high => 2.0 * self.scale,
            rank if rank < high + middle => self.scale,
            _ => -self.scale,
        };
        let mut values: Vec<f64> = (0..columns).map(level).collect();
        // Fisher-Yates.
        for last in (1..columns).rev() {
            values.swap(last, random.below(last as u64, last as u64 + 1) as usize);
        }
        values
    }
}

/// Counter words above every column, for picks of a whole row.
const PICK: u64 = 1 << 40;

struct RowRandom {
    seed: u64,
    slot: u32,
    row: u64,
}

impl RowRandom {
    fn words(&self, place: u64) -> [u32; 4] {
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        // Rows stay below 2^32 and places below 2^48, so that no two counters coincide.
        philox4x32(key, [place as u32, ((place >> 32) as u32) | self.slot << 16, self.row as u32, INPUT_STREAM])
    }

    /// Uniform in [0, 1) with 53 bits.
    fn uniform(&self, column: usize) -> f64 {
        let words = self.words(column as u64);
        unit(words[0], words[1])
    }

    /// Standard normal by Box and Muller, "A note on the generation of random normal deviates" (1958).
    fn normal(&self, column: usize) -> f64 {
        let words = self.words(column as u64);
        let (radius, angle) = (1.0 - unit(words[0], words[1]), unit(words[2], words[3]));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    fn below(&self, place: u64, bound: u64) -> u64 {
        let words = self.words(place);
        let wide = u128::from(words[0]) << 32 | u128::from(words[1]);
        ((wide * u128::from(bound)) >> 64) as u64
    }
}

/// Keeps inputs apart from the draws of a sampler under the same seed.
const INPUT_STREAM: u32 = 0x1A7E_57ED;

fn unit(high: u32, low: u32) -> f64 {
    ((u64::from(high) << 32 | u64::from(low)) >> 11) as f64 * 2f64.powi(-53)
}

fn few_finite(mut values: Vec<f64>, finite: &[usize]) -> Vec<f64> {
    for (column, value) in values.iter_mut().enumerate() {
        if !finite.contains(&column) {
            *value = f64::NEG_INFINITY;
        }
    }
    values
}

fn with_nan(mut values: Vec<f64>, column: usize) -> Vec<f64> {
    values[column] = f64::NAN;
    values
}

fn strewn_infinities(mut values: Vec<f64>, random: &RowRandom) -> Vec<f64> {
    for (column, value) in values.iter_mut().enumerate() {
        match random.below(PICK + column as u64, 2 * INFINITY_PERIOD) {
            0 => *value = f64::INFINITY,
            1 => *value = f64::NEG_INFINITY,
            _ => {}
        }
    }
    values
}

/// Every magnitude from the smallest subnormal to just below the smallest normal, with either sign.
fn denormals(random: &RowRandom, dtype: DType, columns: usize) -> Vec<f64> {
    let least = dtype.smallest_subnormal();
    let count = match dtype {
        DType::BF16 => (1u64 << 7) - 1,
        DType::F16 => (1 << 10) - 1,
        DType::F32 | DType::U32 => (1 << 23) - 1,
    };
    signed(random, columns, |column| least * (1 + random.below(column as u64, count)) as f64)
}

/// From a quarter of the largest finite value up to it, with either sign.
fn largest(random: &RowRandom, dtype: DType, columns: usize) -> Vec<f64> {
    let most = dtype.largest_finite();
    signed(random, columns, |column| if column == 0 { most } else { most * (0.25 + 0.75 * random.uniform(column)) })
}

fn signed(random: &RowRandom, columns: usize, magnitude: impl Fn(usize) -> f64) -> Vec<f64> {
    let sign = |column: usize| if random.below(PICK + column as u64, 2) == 0 { 1.0 } else { -1.0 };
    (0..columns).map(|column| sign(column) * magnitude(column)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(class: InputClass, dtype: DType, columns: usize) -> Vec<f64> {
        let mut tensor = HostTensor::zeros(dtype, 2, columns);
        InputGenerator::new(class, 7).boundary(4).fill(&mut tensor, 0);
        tensor.row_f64(1)
    }

    #[test]
    fn rows_depend_on_seed_slot_and_row_alone() {
        let fill = |rows: usize, padding: usize, seed: u64, slot: u32| {
            let mut tensor = HostTensor::with_layout(DType::F32, rows, 9, 9 + padding, rows);
            InputGenerator::new(InputClass::Normal, seed).fill(&mut tensor, slot);
            tensor
        };
        assert_eq!(fill(4, 0, 1, 0).row_f64(2), fill(3, 5, 1, 0).row_f64(2));
        assert_ne!(fill(4, 0, 1, 0).row_f64(2), fill(4, 0, 2, 0).row_f64(2));
        assert_ne!(fill(4, 0, 1, 0).row_f64(2), fill(4, 0, 1, 1).row_f64(2));
        assert_ne!(fill(4, 0, 1, 0).row_f64(2), fill(4, 0, 1, 0).row_f64(3));
    }

    #[test]
    fn padding_keeps_its_bytes() {
        let mut tensor = HostTensor::with_layout(DType::BF16, 2, 3, 5, 2);
        tensor.bytes_mut().fill(0xFF);
        InputGenerator::new(InputClass::Uniform, 0).fill(&mut tensor, 0);
        assert_eq!(tensor.bytes()[6..10], [0xFF; 4]);
        assert_eq!(tensor.bytes()[16..20], [0xFF; 4]);
        assert!(tensor.row_f64(1).iter().all(|value| value.abs() <= 1.0));
    }

    #[test]
    fn normal_has_mean_zero_and_the_scale_asked_for() {
        let mut tensor = HostTensor::zeros(DType::F32, 1, 100_000);
        InputGenerator::new(InputClass::Normal, 3).scale(3.0).fill(&mut tensor, 0);
        let values = tensor.row_f64(0);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64;
        // Five standard errors: 3/sqrt(n), and 9 sqrt(2/n).
        assert!(mean.abs() < 5.0 * 3.0 / 316.0, "{mean}");
        assert!((variance - 9.0).abs() < 5.0 * 9.0 * 0.00448, "{variance}");
    }

    #[test]
    fn classes_are_what_they_say() {
        for dtype in DType::FLOATS {
            let count = |class, wanted: &dyn Fn(f64) -> bool| {
                row(class, dtype, 65).into_iter().filter(|&value| wanted(value)).count()
            };
            assert_eq!(count(InputClass::OneFinite, &f64::is_finite), 1);
            assert!((1..=FEW).contains(&count(InputClass::FewFinite, &f64::is_finite)));
            assert_eq!(count(InputClass::AllNegativeInfinity, &|value| value == f64::NEG_INFINITY), 65);
            assert!(count(InputClass::Infinities, &f64::is_infinite) > 0);
            assert_eq!(count(InputClass::SignedZeros, &|value| value == 0.0), 65);
            let least_normal = dtype.smallest_subnormal() * 2f64.powi(if dtype == DType::F32 { 23 } else { 10 });
            if dtype != DType::BF16 {
                assert_eq!(count(InputClass::Denormals, &|value| value != 0.0 && value.abs() < least_normal), 65);
            }
            assert_eq!(count(InputClass::LargestFinite, &|value| value.abs() >= 0.24 * dtype.largest_finite()), 65);
            for (class, column) in [(InputClass::NanFirst, 0), (InputClass::NanMiddle, 32), (InputClass::NanLast, 64)] {
                assert!(row(class, dtype, 65)[column].is_nan());
                assert_eq!(count(class, &f64::is_nan), 1);
            }
            assert!(row(InputClass::Ascending, dtype, 65).is_sorted());
            assert!(row(InputClass::Descending, dtype, 65).iter().rev().is_sorted());
        }
    }

    #[test]
    fn ties_cross_the_boundary() {
        for columns in [1, 2, 3, 7, 65] {
            for k in [1, 2, 4, 64] {
                let mut tensor = HostTensor::zeros(DType::F32, 1, columns);
                InputGenerator::new(InputClass::BoundaryTies, 5).boundary(k).fill(&mut tensor, 0);
                let mut values = tensor.row_f64(0);
                values.sort_by(|a, b| b.total_cmp(a));
                if k < columns {
                    assert_eq!(values[k - 1], values[k], "k {k} of {columns}");
                }
            }
        }
    }
}

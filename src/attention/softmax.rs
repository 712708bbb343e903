//! The f64 reference of attention, and the bound on the rounding of an f32 computation of it.

use crate::operation::{InputClass, Problem, TensorSpec};
use crate::tensor::{DType, HostTensor};

use super::shape::{filled, number};

/// Unit roundoff of f32.
const UNIT: f64 = 5.960_464_477_539_063e-8; // 2^-24

/// Weights below this are 0 in f32: half its smallest subnormal.
const LEAST_WEIGHT: f64 = 7.006_492_321_624_085e-46; // 2^-150

/// Classes that mean something for attention. With infinities and NaN it is the values that have them: an infinity makes a
/// score, and with it a whole row, NaN, which shows little. Dominant has scores in the hundreds, whose exponentials
/// overflow unless the largest score is taken off first. The largest finite values are left out: a sum of weighted values
/// that is divided last overflows where the mean does not.
pub(super) const CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::Uniform,
    InputClass::AllEqual,
    InputClass::Infinities,
    InputClass::NanFirst,
    InputClass::NanLast,
    InputClass::Denormals,
    InputClass::SignedZeros,
    InputClass::Ascending,
    InputClass::Dominant,
];

/// The factor of the scores as the kernels see it: 1 / sqrt(head_dim) unless given.
pub(super) fn scale(problem: &Problem) -> f32 {
    match problem.parameters.float("scale") as f32 {
        0.0 => 1.0 / (problem.columns as f32).sqrt(),
        scale => scale,
    }
}

/// Queries, keys and values of a class. `used` lists, for each run of `capacity` rows, how many of them count; the rest is
/// NaN, so that a key which should not be seen shows.
pub(super) fn generate(
    specs: &[TensorSpec],
    problem: &Problem,
    class: InputClass,
    seed: u64,
    used: &[usize],
) -> Vec<HostTensor> {
    let (q_class, v_class) = match class {
        InputClass::Infinities => (InputClass::Normal, class),
        InputClass::NanFirst | InputClass::NanLast => (InputClass::Normal, InputClass::Normal),
        class => (class, class),
    };
    let q_scale = if class == InputClass::Dominant { 10.0 } else { 1.0 };
    let mut inputs = vec![
        filled(&specs[0], q_class, seed, 0, q_scale),
        filled(&specs[1], q_class, seed, 1, 1.0),
        filled(&specs[2], v_class, seed, 2, 1.0),
    ];
    let capacity = number(problem, "capacity");
    let runs = specs[1].rows / capacity;
    for run in 0..runs {
        let used = used[run * used.len() / runs];
        for slot in used..capacity {
            for column in 0..problem.columns {
                inputs[1].set(run * capacity + slot, column, f64::NAN);
                inputs[2].set(run * capacity + slot, column, f64::NAN);
            }
        }
        match class {
            InputClass::NanFirst if used > 0 => inputs[2].set(run * capacity, 0, f64::NAN),
            InputClass::NanLast if used > 0 => inputs[2].set(run * capacity + used - 1, 0, f64::NAN),
            _ => {}
        }
    }
    inputs
}

/// `count` rows of a tensor from `first` on, one after the other.
pub(super) fn rows(tensor: &HostTensor, first: usize, count: usize) -> Vec<f64> {
    (first..first + count).flat_map(|row| tensor.row_f64(row)).collect()
}

/// How a kernel has the weights when it multiplies them with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weights {
    /// As they are computed.
    F32,
    /// Rounded to a 16-bit type for a matrix core; their sum is that of the rounded ones.
    Rounded(DType),
}

/// Unit roundoff of rounded weights, relative to the largest of a row the least that is a normal number, and the bits of a
/// significand behind its first. f16 is taken 2^15 times as large as softmax has it.
fn rounding_of(dtype: DType) -> (f64, f64, u32) {
    match dtype {
        DType::F16 => (2f64.powi(-11), 2f64.powi(-29), 10),
        _ => (2f64.powi(-8), 2f64.powi(-126), 7),
    }
}

/// What rounding the weights does to each element of the output, times the sum of weights.
///
/// A weight p is off by at most u p, so that the output, whose denominator is the sum of the rounded weights, is off by
/// p u |v - y|. Weights in one interval between neighbours of the storage type are rounded alike: for these it is the worst case.
/// Different intervals are independent: six standard deviations of 0.4 units each, or the worst case where that is less.
fn weight_rounding(dtype: DType, weights: &[f64], values: &[f64], output: &[f64]) -> Vec<f64> {
    let (unit, least, bits) = rounding_of(dtype);
    let interval = |key: usize| weights[key].max(least).to_bits() >> (52 - bits);
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_unstable_by_key(|key| interval(*key));
    let dim = output.len();
    let (mut alike, mut squares, mut worst) = (vec![0.0f64; dim], vec![0.0; dim], vec![0.0; dim]);
    for (place, &key) in order.iter().enumerate() {
        let ends = order.get(place + 1).is_none_or(|next| interval(*next) != interval(key));
        for (column, value) in values[key * dim..(key + 1) * dim].iter().enumerate() {
            alike[column] += weights[key].max(least) * (value - output[column]).abs();
            if ends {
                squares[column] += alike[column].powi(2);
                worst[column] += alike[column];
                alike[column] = 0.0;
            }
        }
    }
    squares.iter().zip(&worst).map(|(squares, worst)| unit * (6.0 * 0.4 * f64::sqrt(*squares)).min(*worst)).collect()
}

/// Attention of one query over whole rows of keys and values: its output, and for each element the tolerance of an f32
/// computation.
///
/// Tolerances are six standard deviations of rounding errors (each about 0.4 units, independent), after Higham and
/// Mary, "A New Approach to Probabilistic Rounding Error Analysis" (2019). A score, a sum of d products in any order, is
/// off by at most (sqrt(d) + 2) * A units, where A is the sum of their magnitudes: a chain of d terms of one sign has
/// sqrt(d / 3) * 0.4 * A units of standard deviation, every other order less. A weight is off, relatively, by its score's
/// error, by |s - max| units from the difference, and by 16 units for exponentials and rescaling. That moves the output by
/// weight * (|v| + |y|). Adding n weighted values adds sqrt(n) units of the sum of their magnitudes.
pub(super) fn attend(query: &[f64], keys: &[f64], values: &[f64], scale: f64, kept: Weights) -> (Vec<f64>, Vec<f64>) {
    let dim = query.len();
    let chain = (dim as f64).sqrt() + 2.0;
    let dot = |key: &[f64]| {
        let products = || key.iter().zip(query).map(|(k, q)| k * q);
        let (sum, magnitude) =
            products().fold((0.0, 0.0), |(sum, most): (f64, f64), product| (sum + product, most + product.abs()));
        // Equal products are rounded alike, not independently: theirs is the worst case.
        let equal = products().all(|product| product == key[0] * query[0]);
        (sum * scale, magnitude * scale * if equal { chain.max(dim as f64 + 2.0) } else { chain })
    };
    let scores: Vec<(f64, f64)> = keys.chunks_exact(dim).map(dot).collect();
    let largest = scores.iter().fold(f64::NEG_INFINITY, |most, score| most.max(score.0));
    let (mut sum, mut sum_off) = (0.0, 0.0);
    let (mut output, mut magnitude, mut off) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
    let mut weights = Vec::with_capacity(scores.len());
    for ((score, off_by), row) in scores.iter().zip(values.chunks_exact(dim)) {
        let weight = (score - largest).exp();
        let weight = if weight < LEAST_WEIGHT { 0.0 } else { weight };
        let error = match weight {
            0.0 => 0.0,
            weight => weight * (off_by.abs() + (score - largest).abs() + 16.0),
        };
        sum += weight;
        sum_off += error;
        weights.push(weight);
        for (column, value) in row.iter().enumerate() {
            output[column] += weight * value;
            magnitude[column] += weight * value.abs();
            off[column] += error * value.abs();
        }
    }
    output.iter_mut().for_each(|output| *output /= sum);
    let rounded = match kept {
        Weights::F32 => vec![0.0; dim],
        Weights::Rounded(dtype) => weight_rounding(dtype, &weights, values, &output),
    };
    let keys = scores.len() as f64;
    let mut tolerances = Vec::with_capacity(dim);
    for column in 0..dim {
        let size = output[column].abs();
        let rounding = off[column] + size * (sum_off + 4.0 * sum) + keys.sqrt() * magnitude[column];
        // Products of subnormals are off by half the smallest one each.
        tolerances.push((UNIT * rounding + rounded[column]) / sum + (keys + 4.0) * LEAST_WEIGHT);
    }
    (output, tolerances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_give_the_mean_within_a_few_units() {
        let (output, tolerances) = attend(&[0.0, 0.0], &[1.0, 2.0, 3.0, 4.0], &[1.0, 8.0, 3.0, 0.0], 1.0, Weights::F32);
        assert_eq!(output, [2.0, 4.0]);
        assert!(tolerances.iter().all(|&tolerance| tolerance > 16.0 * UNIT && tolerance < 1e-5), "{tolerances:?}");
    }

    #[test]
    fn scores_that_overflow_an_exponential_leave_the_largest() {
        let (output, tolerances) = attend(&[1.0], &[1000.0, -1000.0], &[5.0, f64::INFINITY], 1.0, Weights::F32);
        // The second weight is 0 in f32, and 0 times infinity is no number.
        assert!(output[0].is_nan(), "{output:?} {tolerances:?}");
        let (output, _) = attend(&[1.0], &[1000.0, -1000.0], &[5.0, 7.0], 1.0, Weights::F32);
        assert_eq!(output, [5.0]);
    }

    #[test]
    fn no_finite_score_gives_nan() {
        let (output, _) = attend(&[1.0], &[f64::NEG_INFINITY], &[5.0], 1.0, Weights::F32);
        assert!(output[0].is_nan());
    }

    /// Softmax of scores, with weights rounded to bf16 relative to `base` above the largest score, as a kernel does.
    fn rounded(scores: &[f64], values: &[f64], base: f64) -> f64 {
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max) + base;
        let weights: Vec<f64> = scores.iter().map(|score| DType::BF16.round((score - most).exp())).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().zip(values).map(|(weight, value)| weight * value).sum::<f64>() / sum
    }

    #[test]
    fn rounded_weights_stay_within_the_tolerance_and_dropped_keys_do_not() {
        let wave = |n: f64, by: f64| (n * by).sin();
        for keys in [3, 70, 512] {
            let numbers = || (0..keys).map(|n| n as f64);
            let series = |of: &dyn Fn(f64) -> f64| -> Vec<f64> { numbers().map(of).collect() };
            let (scattered, rising) = (series(&|n| wave(n, 2.3)), series(&|n| n / 256.0 - 1.0));
            // Scores spread, close together, and sorted with the values: there errors of neighbours are alike.
            let cases = [
                ("spread", series(&|n| 3.0 * wave(n, 1.7)), &scattered),
                ("close", series(&|n| 1e-3 * wave(n, 1.7)), &scattered),
                ("sorted", series(&|n| n / 100.0), &rising),
                ("sorted and close", series(&|n| n / 1e6), &rising),
            ];
            for (name, scores, values) in cases {
                let attended = |kept| attend(&[1.0], &scores, values, 1.0, kept);
                let (output, tolerances) = attended(Weights::Rounded(DType::BF16));
                for base in [0.0, 0.001, 0.37, 0.69] {
                    let error = (rounded(&scores, values, base) - output[0]).abs();
                    assert!(error <= tolerances[0], "{name}, {keys} keys: {error:e} {:e}", tolerances[0]);
                }
                assert!(attended(Weights::F32).1[0] < tolerances[0]);
                // Dropping a key is seen, but for those of the least weight.
                let without = |key: usize| {
                    let others = |of: &[f64]| [&of[..key], &of[key + 1..]].concat();
                    attend(&[1.0], &others(&scores), &others(values), 1.0, Weights::F32).0[0]
                };
                if name == "spread" && keys == 70 {
                    let seen = (0..keys).filter(|key| (without(*key) - output[0]).abs() > tolerances[0]).count();
                    assert!(seen > keys / 2, "{seen} of {keys}: {:e}", tolerances[0]);
                }
            }
        }
    }
}

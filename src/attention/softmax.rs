//! The f64 reference of attention, and the bound on the rounding of an f32 computation of it.

use crate::operation::{InputClass, Problem, TensorSpec};
use crate::tensor::HostTensor;

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

/// Attention of one query over whole rows of keys and values: its output, and for each element the tolerance of an f32
/// computation.
///
/// Tolerances are six standard deviations of rounding errors (each about 0.4 units, independent), after Higham and
/// Mary, "A New Approach to Probabilistic Rounding Error Analysis" (2019). A score, a sum of d products in any order, is
/// off by at most (sqrt(d) + 2) * A units, where A is the sum of their magnitudes: a chain of d terms of one sign has
/// sqrt(d / 3) * 0.4 * A units of standard deviation, every other order less. A weight is off, relatively, by its score's
/// error, by |s - max| units from the difference, and by 16 units for exponentials and rescaling. That moves the output by
/// weight * (|v| + |y|). Adding n weighted values adds sqrt(n) units of the sum of their magnitudes.
pub(super) fn attend(query: &[f64], keys: &[f64], values: &[f64], scale: f64) -> (Vec<f64>, Vec<f64>) {
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
    for ((score, off_by), row) in scores.iter().zip(values.chunks_exact(dim)) {
        let weight = (score - largest).exp();
        let weight = if weight < LEAST_WEIGHT { 0.0 } else { weight };
        let error = match weight {
            0.0 => 0.0,
            weight => weight * (off_by.abs() + (score - largest).abs() + 16.0),
        };
        sum += weight;
        sum_off += error;
        for (column, value) in row.iter().enumerate() {
            output[column] += weight * value;
            magnitude[column] += weight * value.abs();
            off[column] += error * value.abs();
        }
    }
    let keys = scores.len() as f64;
    let mut tolerances = Vec::with_capacity(dim);
    for column in 0..dim {
        output[column] /= sum;
        let rounding = off[column] + output[column].abs() * (sum_off + 4.0 * sum) + keys.sqrt() * magnitude[column];
        // Products of subnormals are off by half the smallest one each.
        tolerances.push(UNIT * rounding / sum + (keys + 4.0) * LEAST_WEIGHT);
    }
    (output, tolerances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_give_the_mean_within_a_few_units() {
        let (output, tolerances) = attend(&[0.0, 0.0], &[1.0, 2.0, 3.0, 4.0], &[1.0, 8.0, 3.0, 0.0], 1.0);
        assert_eq!(output, [2.0, 4.0]);
        assert!(tolerances.iter().all(|&tolerance| tolerance > 16.0 * UNIT && tolerance < 1e-5), "{tolerances:?}");
    }

    #[test]
    fn scores_that_overflow_an_exponential_leave_the_largest() {
        let (output, tolerances) = attend(&[1.0], &[1000.0, -1000.0], &[5.0, f64::INFINITY], 1.0);
        // The second weight is 0 in f32, and 0 times infinity is no number.
        assert!(output[0].is_nan(), "{output:?} {tolerances:?}");
        let (output, _) = attend(&[1.0], &[1000.0, -1000.0], &[5.0, 7.0], 1.0);
        assert_eq!(output, [5.0]);
    }

    #[test]
    fn no_finite_score_gives_nan() {
        let (output, _) = attend(&[1.0], &[f64::NEG_INFINITY], &[5.0], 1.0);
        assert!(output[0].is_nan());
    }
}

//! Products with an RMS-normalised vector in f64, with the bound on an f32 computation that normalises afterwards.

use crate::operation::{ParameterKind, ParameterSpec, ParameterValue};

use super::rounding::{Dot, UNIT};

/// What RMSNorm adds to the mean square under its root.
pub const EPSILON: ParameterSpec = ParameterSpec {
    name: "eps",
    kind: ParameterKind::Float { least: 0.0, most: 1.0 },
    default: ParameterValue::Float(1e-5),
    summary: "added to the mean square under the root; rounded to f32",
};

/// Below this mean, or above what f32 holds, kernels scale the vector by a power of two: `needs_scaling` of
/// `kernels/include/rms_scale.h`.
const LEAST_UNSCALED: f64 = 8.271_806_125_530_277e-25; // 2^-80

/// A value and how far an f32 computation of it may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounded {
    pub value: f64,
    pub tolerance: f64,
}

impl Bounded {
    /// The same with a number added.
    pub fn plus(self, number: f64) -> Self {
        let value = self.value + number;
        Self { value, tolerance: self.tolerance + UNIT * value.abs() }
    }
}

/// `x * gain / sqrt(mean(x^2) + eps)`, kept apart as `x * gain` and the factor.
pub struct NormalisedVector {
    gained: Vec<f64>,
    factor: f64,
    /// How far the factor may be off, relatively.
    relative: f64,
    scaled: bool,
}

impl NormalisedVector {
    /// Of vectors of the same length, at least 1; `epsilon` as kernels see it, rounded to f32.
    pub fn new(x: &[f64], gain: &[f64], epsilon: f32) -> Self {
        let squares = Dot::of(x.iter().map(|x| (*x, x.abs())), x);
        let mean = squares.sum / x.len() as f64 + f64::from(epsilon);
        // Half of the relative error of the mean, for the root; the rest are five roundings.
        let of_mean = squares.rounding() / x.len() as f64 / mean;
        Self {
            gained: x.iter().zip(gain).map(|(x, gain)| x * gain).collect(),
            factor: 1.0 / mean.sqrt(),
            relative: of_mean / 2.0 + 5.0 * UNIT,
            scaled: mean < LEAST_UNSCALED || squares.sum > f64::from(f32::MAX),
        }
    }

    /// The product with one row of weights. Each term has two more roundings than in a plain product: the gain's, and the
    /// scale's where there is one.
    pub fn product(&self, weights: &[f64]) -> Bounded {
        let dot = Dot::of(weights.iter().map(|weight| (*weight, weight.abs())), &self.gained);
        let value = dot.sum * self.factor;
        // Where the vector was scaled, none of its products is subnormal.
        let of_sum = if self.scaled { dot.rounding() } else { dot.tolerance() };
        let tolerance = (of_sum + 2.0 * UNIT * dot.magnitude) * self.factor;
        Bounded { value, tolerance: tolerance + self.relative * value.abs() }
    }

    /// What the kernel multiplies, for messages.
    pub fn describe(&self) -> String {
        format!("the vector is divided by {:e}", 1.0 / self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(count: usize, step: f64) -> Vec<f64> {
        (0..count).map(|n| f64::from(((n as f64 * step).sin()) as f32)).collect()
    }

    /// As kernels do it, in f32: one chain of each sum, the factor at the end.
    fn computed(x: &[f64], gain: &[f64], weights: &[f64], epsilon: f32) -> f64 {
        let (mut sum, mut squares) = (0.0f32, 0.0f32);
        for ((x, gain), weight) in x.iter().zip(gain).zip(weights) {
            sum = (*weight as f32).mul_add(*x as f32 * *gain as f32, sum);
            squares = (*x as f32).mul_add(*x as f32, squares);
        }
        f64::from(sum * (1.0 / (squares / x.len() as f32 + epsilon).sqrt()))
    }

    #[test]
    fn an_f32_computation_is_within_and_one_without_a_term_or_the_gain_is_not() {
        let (x, weights) = (waves(4096, 0.7), waves(4096, 0.7));
        let gain: Vec<f64> = waves(4096, 0.31).into_iter().map(|wave| 1.5 + 0.5 * wave).collect();
        let expected = NormalisedVector::new(&x, &gain, 1e-5).product(&weights);
        let off = |value: f64| (value - expected.value).abs() / expected.tolerance;
        assert!(off(computed(&x, &gain, &weights, 1e-5)) < 1.0);
        let mut without = weights.clone();
        without[4001] = 0.0;
        assert!(off(computed(&x, &gain, &without, 1e-5)) > 8.0);
        assert!(off(computed(&x, &vec![1.0; 4096], &weights, 1e-5)) > 100.0);
        assert!(off(computed(&x, &gain, &weights, 1e-4)) > 8.0, "another epsilon");
    }

    #[test]
    fn infinities_and_nan_reach_every_row() {
        for bad in [f64::INFINITY, f64::NAN] {
            let x = [1.0, bad, 2.0];
            let product = NormalisedVector::new(&x, &[1.0; 3], 1e-5).product(&[1.0, 0.5, -1.0]);
            assert!(product.value.is_nan(), "{bad}: {product:?}");
        }
    }
}

//! Sums of products in f64, with the bound on an f32 computation of them.

/// Unit roundoff of f32.
pub(super) const UNIT: f64 = 5.960_464_477_539_063e-8; // 2^-24

/// Half the smallest subnormal of f32, by which a product of small numbers may be off.
const HALF_SUBNORMAL: f64 = 7.006_492_321_624_085e-46; // 2^-150

/// A sum of products, and the sum of the products' magnitudes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dot {
    pub sum: f64,
    pub magnitude: f64,
    terms: usize,
    /// The product that all so far are equal to, if they are.
    repeated: Option<f64>,
}

impl Dot {
    /// Of weights with the magnitude each is computed from: more than its own where it is a difference.
    pub fn of(weights: impl Iterator<Item = (f64, f64)>, x: &[f64]) -> Self {
        let nothing = Self { sum: 0.0, magnitude: 0.0, terms: 0, repeated: None };
        weights.zip(x).fold(nothing, |dot, ((weight, magnitude), x)| {
            let product = weight * x;
            let repeats = dot.terms == 0 || dot.repeated == Some(product);
            Self {
                sum: dot.sum + product,
                magnitude: dot.magnitude + magnitude * x.abs(),
                terms: dot.terms + 1,
                repeated: repeats.then_some(product),
            }
        })
    }

    /// The same with a number added.
    pub fn plus(self, number: f64) -> Self {
        Self { sum: self.sum + number, magnitude: self.magnitude + number.abs(), terms: self.terms + 1, ..self }
    }

    /// Six standard deviations of the rounding of n additions in f32, in any order, each about 0.4 units: a chain of terms
    /// of one sign has sqrt(n / 3) * 0.4 units of the sum of magnitudes, every other order less (Higham and Mary, "A New
    /// Approach to Probabilistic Rounding Error Analysis", 2019). Four units more for the few operations around it. Equal
    /// terms are rounded alike, not independently: for these it is the worst case, a unit for each.
    pub fn rounding(&self) -> f64 {
        let terms = self.terms as f64;
        let units = if self.repeated.is_some() { terms } else { terms.sqrt() };
        UNIT * (units + 4.0) * self.magnitude
    }

    /// The bound on all: with the products that are subnormal.
    pub fn tolerance(&self) -> f64 {
        self.rounding() + (self.terms as f64 + 4.0) * HALF_SUBNORMAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of f32 additions, in the order given.
    fn chain(weights: &[f64], x: &[f64]) -> f64 {
        f64::from(weights.iter().zip(x).fold(0.0f32, |sum, (weight, x)| (*weight as f32).mul_add(*x as f32, sum)))
    }

    fn dot(weights: &[f64], x: &[f64]) -> Dot {
        Dot::of(weights.iter().map(|weight| (*weight, weight.abs())), x)
    }

    #[test]
    fn equal_terms_are_held_to_the_worst_case_and_others_to_less() {
        let (equal, x) = (vec![f64::from(0.971_341f32); 129], vec![f64::from(0.971_337f32); 129]);
        let error = (chain(&equal, &x) - dot(&equal, &x).sum).abs();
        let tolerance = dot(&equal, &x).tolerance();
        assert!(error <= tolerance, "{error:e} {tolerance:e}");
        let mut others = equal;
        others[0] = 1.0;
        assert!(dot(&others, &x).tolerance() < tolerance / 8.0);
    }

    #[test]
    fn a_dropped_term_is_out_of_tolerance() {
        let weights: Vec<f64> = (0..4096).map(|n| f64::from((n as f32 * 0.7).sin())).collect();
        let x: Vec<f64> = (0..4096).map(|n| f64::from((n as f32 * 0.3).cos())).collect();
        let whole = dot(&weights, &x);
        assert!((chain(&weights, &x) - whole.sum).abs() <= whole.tolerance());
        let largest = (0..4096).map(|n| (weights[n] * x[n]).abs()).fold(0.0, f64::max);
        assert!(largest > 8.0 * whole.tolerance(), "{largest:e} {:e}", whole.tolerance());
    }
}

//! Judging numbers against an f64 reference: element gates, the share of equal bits, and NMSE.

use rayon::prelude::*;

use crate::tensor::{DType, HostTensor, is_subnormal, ulp_distance};

use super::{OutputJudgement, Reference, WorstElement};

/// Differences allowed to a small tensor whose gate asks for a share of equal bits. A share of n elements allows
/// n/100, which below 600 elements is too few to tell a wrong rounding from chance: f32 arithmetic moves about
/// one f16 element in 3,000 across a rounding boundary, so that six among 600 happen once in 10^7 cases. It is no
/// loophole: each of the six must still be within the element gate (1 ULP), the NMSE gate still holds, and every
/// suite has larger shapes of the same kernel, where 99 % means 99 %.
const MISSES_ALWAYS_ALLOWED: u64 = 6;

/// Results this close to the overflow threshold, relatively, may round to either side of it.
const OVERFLOW_BAND: f64 = 9.5367431640625e-7; // 2^-20

/// How much worse than the reference's own rounding the NMSE may be where that exceeds the gate (few elements).
const NMSE_OVER_ROUNDING: f64 = 1.5;

/// What an element, and the tensor as a whole, must satisfy (DESIGN §7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElementGate {
    /// Units in the last place of the storage type.
    pub ulp: u64,
    /// Added to the ULP term, relative to the unrounded reference.
    pub relative: f64,
    /// Least share of elements with the reference's very bits, 0 to 1.
    pub bit_equal: f64,
    /// Limit of the normalised mean squared error against the unrounded reference.
    pub nmse: Option<f64>,
    /// Whether zero is accepted for a reference below 2^-126.
    pub flush_accepted: bool,
}

impl ElementGate {
    /// Every bit as in the reference.
    pub const EXACT: ElementGate =
        ElementGate { ulp: 0, relative: 0.0, bit_equal: 1.0, nmse: None, flush_accepted: false };

    /// The gate of a 16-bit output computed in f32: 1 ULP everywhere and 99 % of the bits.
    pub fn half(dtype: DType) -> Self {
        let nmse = if dtype == DType::F16 { 1.5e-7 } else { 1e-5 };
        Self { ulp: 1, relative: 0.0, bit_equal: 0.99, nmse: Some(nmse), flush_accepted: false }
    }

    /// The gate of an f32 output.
    pub fn single(ulp: u64, relative: f64, flush_accepted: bool) -> Self {
        Self { ulp, relative, bit_equal: 0.0, nmse: Some(1e-12), flush_accepted }
    }

    fn allowed_misses(&self, elements: u64) -> u64 {
        if self.bit_equal >= 1.0 {
            return 0;
        }
        let share = ((1.0 - self.bit_equal) * elements as f64 + 1e-9).floor() as u64;
        share.max(MISSES_ALWAYS_ALLOWED)
    }

    /// Whether `actual`, a value of `dtype`, is right where the unrounded reference is `exact`.
    fn accepts(&self, dtype: DType, exact: f64, rounded: f64, actual: f64) -> bool {
        if exact.is_nan() || actual.is_nan() {
            return exact.is_nan() && actual.is_nan();
        }
        if self.bit_equal >= 1.0 {
            return actual.to_bits() == rounded.to_bits();
        }
        if rounded.is_infinite() || actual.is_infinite() {
            let near = |factor: f64| dtype.round(exact * factor) == actual;
            return actual == rounded || near(1.0 - OVERFLOW_BAND) || near(1.0 + OVERFLOW_BAND);
        }
        if self.flush_accepted && actual == 0.0 && is_subnormal(exact) {
            return true;
        }
        ulp_distance(dtype, actual, rounded) <= self.ulp
            || (actual - exact).abs() <= self.ulp as f64 * spacing(dtype, rounded) + self.relative * exact.abs()
    }

    fn describe(&self) -> String {
        match (self.ulp, self.relative) {
            (0, 0.0) => "bit-exact".to_string(),
            (ulp, 0.0) => format!("{ulp} ULP"),
            (ulp, relative) => format!("{ulp} ULP + {relative:.2e} relative"),
        }
    }
}

/// Mantissa bits and the exponent of the smallest normal value.
fn format_of(dtype: DType) -> (i32, i32) {
    match dtype {
        DType::F32 | DType::U32 => (23, -126),
        DType::F16 => (10, -14),
        DType::BF16 => (7, -126),
    }
}

/// Distance between `value` and the next larger magnitude of `dtype`.
fn spacing(dtype: DType, value: f64) -> f64 {
    let (mantissa, least_exponent) = format_of(dtype);
    let exponent = ((value.abs().to_bits() >> 52) as i32 - 1023).max(least_exponent);
    2f64.powi(exponent - mantissa)
}

/// One numeric output: unrounded values of each distinct row, and its gate.
#[derive(Clone, Debug)]
pub struct NumericOutput {
    name: &'static str,
    dtype: DType,
    rows: usize,
    columns: usize,
    gate: ElementGate,
    /// `distinct x columns`, row-major; output row r is judged against row r modulo the number of them.
    values: Vec<f64>,
}

impl NumericOutput {
    /// `values` holds whole rows: as many as are distinct.
    pub fn new(
        name: &'static str,
        dtype: DType,
        rows: usize,
        columns: usize,
        gate: ElementGate,
        values: Vec<f64>,
    ) -> Self {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{name}: {} values are no rows", values.len());
        assert!(rows == 0 || !values.is_empty(), "{name}: {rows} rows need a reference");
        Self { name, dtype, rows, columns, gate, values }
    }

    /// The unrounded reference of one output row.
    pub fn row(&self, row: usize) -> &[f64] {
        let distinct = self.values.len() / self.columns;
        &self.values[row % distinct * self.columns..][..self.columns]
    }

    fn expected(&self) -> HostTensor {
        let distinct = self.values.len() / self.columns;
        let mut tensor = HostTensor::with_layout(self.dtype, self.rows, self.columns, self.columns, distinct);
        let size = self.dtype.size();
        let elements = tensor.bytes_mut().par_chunks_exact_mut(size).zip(&self.values);
        elements.for_each(|(bytes, value)| self.dtype.encode(*value, bytes));
        tensor
    }

    fn judge(&self, actual: &HostTensor) -> OutputJudgement {
        let shape = (actual.dtype(), actual.rows(), actual.columns());
        assert_eq!(shape, (self.dtype, self.rows, self.columns), "{} has the shape of its tensor", self.name);
        let tally = (0..self.rows)
            .into_par_iter()
            .map(|row| self.judge_row(row, &actual.row_f64(row)))
            .reduce(Tally::default, Tally::merge);
        let elements = (self.rows * self.columns) as u64;
        let failures = self.failures(&tally, elements);
        OutputJudgement {
            output: self.name.to_string(),
            elements,
            failed_elements: tally.failed,
            max_ulp: tally.max_ulp,
            bit_equal: if elements == 0 { 1.0 } else { 1.0 - tally.misses as f64 / elements as f64 },
            nmse: self.gate.nmse.map(|_| tally.nmse(tally.squared_error)),
            failures,
            worst: tally.worst.map(|(_, worst)| worst),
            ..OutputJudgement::default()
        }
    }

    fn judge_row(&self, row: usize, actual: &[f64]) -> Tally {
        let least_normal = 2f64.powi(format_of(self.dtype).1);
        let mut tally = Tally::default();
        for (column, (&exact, &actual)) in self.row(row).iter().zip(actual).enumerate() {
            let rounded = self.dtype.round(exact);
            let accepted = self.gate.accepts(self.dtype, exact, rounded, actual);
            let ulp = ulp_distance(self.dtype, rounded, actual);
            tally.failed += u64::from(!accepted);
            tally.misses += u64::from(rounded.to_bits() != actual.to_bits() && !(rounded.is_nan() && actual.is_nan()));
            tally.max_ulp = tally.max_ulp.max(ulp);
            // Subnormals have their own large rounding, and the ULP gate judges them.
            if rounded.is_finite() && actual.is_finite() && exact.abs() >= least_normal {
                tally.squared_error += (actual - exact).powi(2);
                tally.squared_rounding += (rounded - exact).powi(2);
                tally.squared_reference += exact.powi(2);
            }
            let rank = (!accepted, ulp);
            if (ulp > 0 || !accepted) && tally.worst.as_ref().is_none_or(|(worst, _)| rank > *worst) {
                tally.worst = Some((rank, WorstElement { row, column, expected: rounded, actual, ulp }));
            }
        }
        tally
    }

    fn failures(&self, tally: &Tally, elements: u64) -> Vec<String> {
        let mut failures = Vec::new();
        if tally.failed > 0 {
            let gate = self.gate.describe();
            failures.push(match tally.max_ulp {
                u64::MAX => format!("{} of {elements} elements outside {gate}, NaN against numbers", tally.failed),
                most => format!("{} of {elements} elements outside {gate}, up to {most} ULP", tally.failed),
            });
        }
        let allowed = self.gate.allowed_misses(elements);
        if self.gate.bit_equal > 0.0 && tally.misses > allowed {
            failures.push(format!(
                "{} of {elements} elements differ in their bits, {allowed} may ({} % bit-equal)",
                tally.misses,
                100.0 * self.gate.bit_equal
            ));
        }
        if let Some(limit) = self.gate.nmse {
            let seen = tally.nmse(tally.squared_error);
            let limit = limit.max(NMSE_OVER_ROUNDING * tally.nmse(tally.squared_rounding));
            if seen > limit {
                failures.push(format!("NMSE {seen:.2e} exceeds {limit:.2e}"));
            }
        }
        failures
    }
}

/// Counts and sums over some elements.
#[derive(Default)]
struct Tally {
    failed: u64,
    misses: u64,
    max_ulp: u64,
    squared_error: f64,
    squared_rounding: f64,
    squared_reference: f64,
    /// Ranked by (outside its gate, ULP); the first in reading order among equals.
    worst: Option<((bool, u64), WorstElement)>,
}

impl Tally {
    fn merge(self, later: Tally) -> Tally {
        let worst = match (self.worst, later.worst) {
            (Some(first), Some(second)) => Some(if second.0 > first.0 { second } else { first }),
            (first, second) => first.or(second),
        };
        Tally {
            failed: self.failed + later.failed,
            misses: self.misses + later.misses,
            max_ulp: self.max_ulp.max(later.max_ulp),
            squared_error: self.squared_error + later.squared_error,
            squared_rounding: self.squared_rounding + later.squared_rounding,
            squared_reference: self.squared_reference + later.squared_reference,
            worst,
        }
    }

    fn nmse(&self, squared: f64) -> f64 {
        if squared == 0.0 { 0.0 } else { squared / self.squared_reference }
    }
}

/// The reference of an operation whose outputs are all numbers.
#[derive(Clone, Debug)]
pub struct NumericReference {
    outputs: Vec<NumericOutput>,
}

impl NumericReference {
    /// Outputs in the order of the operation's output tensors.
    pub fn new(outputs: Vec<NumericOutput>) -> Self {
        Self { outputs }
    }

    pub fn outputs(&self) -> &[NumericOutput] {
        &self.outputs
    }
}

impl Reference for NumericReference {
    fn judge(&self, outputs: &[HostTensor]) -> Vec<OutputJudgement> {
        assert_eq!(outputs.len(), self.outputs.len(), "one tensor per output");
        self.outputs.iter().zip(outputs).map(|(reference, actual)| reference.judge(actual)).collect()
    }

    fn expected(&self) -> Vec<HostTensor> {
        self.outputs.iter().map(NumericOutput::expected).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(dtype: DType, gate: ElementGate, exact: &[f64], actual: &[f64]) -> OutputJudgement {
        let output = NumericOutput::new("y", dtype, 1, exact.len(), gate, exact.to_vec());
        let reference = NumericReference::new(vec![output]);
        reference.judge(&[HostTensor::from_f64(dtype, 1, actual.len(), actual)]).remove(0)
    }

    #[test]
    fn the_reference_rounded_once_passes_every_gate() {
        let values: Vec<f64> = (1..1000).map(|n| (f64::from(n) * 0.7).sin() * 10.0).collect();
        for dtype in DType::FLOATS {
            for gate in [ElementGate::EXACT, ElementGate::half(dtype), ElementGate::single(0, 0.0, false)] {
                let judgement = judge(dtype, ElementGate { nmse: None, ..gate }, &values, &values);
                assert_eq!((judgement.failures.as_slice(), judgement.bit_equal), (&[] as &[String], 1.0));
            }
        }
    }

    #[test]
    fn ulps_and_the_relative_term_add_up() {
        let gate = ElementGate { nmse: None, ..ElementGate::single(4, 2f64.powi(-20), false) };
        let step = 2f64.powi(-23);
        assert!(judge(DType::F32, gate, &[1.0], &[1.0 + 12.0 * step]).passed());
        let judgement = judge(DType::F32, gate, &[1.0], &[1.0 + 13.0 * step]);
        assert!(judgement.failures[0].contains("up to 13 ULP"), "{:?}", judgement.failures);
        assert_eq!(judgement.worst.map(|worst| worst.ulp), Some(13));
    }

    #[test]
    fn a_nan_on_one_side_fails() {
        for (exact, actual) in [(f64::NAN, 0.0), (0.0, f64::NAN), (f64::NAN, f64::INFINITY)] {
            for dtype in DType::FLOATS {
                assert!(!judge(dtype, ElementGate::half(dtype), &[exact], &[actual]).passed());
            }
        }
        assert!(judge(DType::F16, ElementGate::half(DType::F16), &[f64::NAN], &[f64::NAN]).passed());
    }

    #[test]
    fn overflow_is_infinity_of_the_right_sign() {
        let gate = ElementGate::half(DType::F16);
        assert!(judge(DType::F16, gate, &[70000.0], &[f64::INFINITY]).passed());
        assert!(!judge(DType::F16, gate, &[70000.0], &[65504.0]).passed());
        assert!(!judge(DType::F16, gate, &[-70000.0], &[f64::INFINITY]).passed());
        assert!(!judge(DType::F16, gate, &[65000.0], &[f64::INFINITY]).passed());
        // 65520 is the threshold itself; arithmetic in f32 may come out on either side.
        assert!(judge(DType::F16, gate, &[65520.001], &[65504.0]).passed());
    }

    #[test]
    fn flushing_is_accepted_only_where_the_gate_says_so() {
        let tiny = 2f64.powi(-130);
        assert!(judge(DType::F32, ElementGate::single(8, 0.0, true), &[tiny], &[0.0]).passed());
        assert!(!judge(DType::F32, ElementGate::single(8, 0.0, false), &[tiny], &[0.0]).passed());
        assert!(!judge(DType::F32, ElementGate::single(8, 0.0, true), &[2f64.powi(-125)], &[0.0]).passed());
    }

    #[test]
    fn one_ulp_is_allowed_to_one_percent() {
        let gate = ElementGate { nmse: None, ..ElementGate::half(DType::BF16) };
        let exact = vec![1.0; 1000];
        let off = |count: usize| -> Vec<f64> {
            (0..1000).map(|n| if n < count { 1.0 + 2f64.powi(-7) } else { 1.0 }).collect()
        };
        assert!(judge(DType::BF16, gate, &exact, &off(10)).passed());
        assert!(!judge(DType::BF16, gate, &exact, &off(11)).passed());
        // Small tensors: six, and never by more than the element gate.
        assert!(judge(DType::BF16, gate, &exact[..50], &off(6)[..50]).passed());
        assert!(!judge(DType::BF16, gate, &exact[..50], &off(7)[..50]).passed());
    }

    #[test]
    fn exact_means_the_sign_of_zero_too() {
        assert!(!judge(DType::F32, ElementGate::EXACT, &[0.0], &[-0.0]).passed());
        assert!(judge(DType::F32, ElementGate::EXACT, &[-0.0], &[-0.0]).passed());
    }

    #[test]
    fn nmse_catches_many_small_errors() {
        let gate = ElementGate { ulp: 100, ..ElementGate::single(0, 0.0, false) };
        let exact = vec![1.0; 64];
        let judgement = judge(DType::F32, gate, &exact, &[1.0 + 20.0 * 2f64.powi(-23); 64]);
        assert!(judgement.failures.iter().any(|failure| failure.starts_with("NMSE")), "{:?}", judgement.failures);
    }

    #[test]
    fn rows_repeat_with_the_period_of_the_reference() {
        let output = NumericOutput::new("y", DType::F32, 5, 1, ElementGate::EXACT, vec![1.0, 2.0]);
        let reference = NumericReference::new(vec![output]);
        let right = HostTensor::from_f64(DType::F32, 5, 1, &[1.0, 2.0, 1.0, 2.0, 1.0]);
        assert!(reference.judge(&[right])[0].passed());
        let wrong = HostTensor::from_f64(DType::F32, 5, 1, &[1.0, 2.0, 1.0, 1.0, 1.0]);
        let judgement = reference.judge(&[wrong]).remove(0);
        assert_eq!(judgement.worst.map(|worst| (worst.row, worst.column)), Some((3, 0)));
        assert_eq!(reference.expected()[0].distinct_rows(), 2);
    }
}

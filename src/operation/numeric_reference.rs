//! Judging numbers against an f64 reference: element gates, the share of equal bits, and NMSE.

use rayon::prelude::*;

use crate::tensor::{DType, HostTensor, ulp_distance};

use super::gate::{accepts_within, format_of};
use super::{ElementGate, OutputJudgement, Reference, WorstElement};

/// How much worse than the reference's own rounding the NMSE may be where that exceeds the gate (few elements).
const NMSE_OVER_ROUNDING: f64 = 1.5;

/// Tolerances of elements are six standard deviations of rounding; a whole tensor at a quarter of them is biased.
const TOLERANCE_OVER_RMS: f64 = 4.0;

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
    /// `values`, each rounded once to the storage type.
    rounded: HostTensor,
    /// Per value, absolute; empty where the gate alone decides.
    tolerances: Vec<f64>,
    row_sums: Vec<RowSums>,
}

/// What a stored row adds to the NMSE when every element has the reference's bits.
#[derive(Clone, Copy, Debug)]
struct RowSums {
    squared_rounding: f64,
    squared_reference: f64,
    squared_tolerance: f64,
}

/// Subnormals have their own large rounding, and the ULP gate judges them.
fn counts_for_nmse(dtype: DType, exact: f64, rounded: f64) -> bool {
    rounded.is_finite() && exact.abs() >= 2f64.powi(format_of(dtype).1)
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    let (mut larger, mut smaller) = (a, b);
    while smaller != 0 {
        (larger, smaller) = (smaller, larger % smaller);
    }
    a / larger * b
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
        let distinct = values.len() / columns;
        let mut rounded = HostTensor::with_layout(dtype, rows, columns, columns, distinct);
        let elements = rounded.bytes_mut().par_chunks_exact_mut(dtype.size()).zip(&values);
        elements.for_each(|(bytes, value)| dtype.encode(*value, bytes));
        let row_sums = values.par_chunks_exact(columns).map(|row| sum_row(dtype, row, &[])).collect();
        Self { name, dtype, rows, columns, gate, values, rounded, tolerances: Vec::new(), row_sums }
    }

    /// Lets each element be the rounding of any number within its own absolute tolerance of the unrounded reference: one
    /// for each value, from a bound on the rounding of f32 arithmetic. For sums whose terms cancel, where no number of
    /// ULP holds.
    pub fn within(mut self, tolerances: Vec<f64>) -> Self {
        assert_eq!(tolerances.len(), self.values.len(), "{}: one tolerance per value", self.name);
        let finite = |tolerance: f64| if tolerance.is_finite() { tolerance } else { 0.0 };
        self.tolerances = tolerances.into_iter().map(finite).collect();
        let rows = self.values.par_chunks_exact(self.columns).zip(self.tolerances.par_chunks_exact(self.columns));
        self.row_sums = rows.map(|(row, tolerances)| sum_row(self.dtype, row, tolerances)).collect();
        self
    }

    /// The unrounded reference of one output row.
    pub fn row(&self, row: usize) -> &[f64] {
        let distinct = self.values.len() / self.columns;
        &self.values[row % distinct * self.columns..][..self.columns]
    }

    fn judge(&self, actual: &HostTensor) -> OutputJudgement {
        let shape = (actual.dtype(), actual.rows(), actual.columns());
        assert_eq!(shape, (self.dtype, self.rows, self.columns), "{} has the shape of its tensor", self.name);
        let tally = self.tally(actual);
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

    /// Where both sides repeat their rows, one period is judged and counted as often as it occurs.
    fn tally(&self, actual: &HostTensor) -> Tally {
        if self.rows == 0 {
            return Tally::default();
        }
        let period = least_common_multiple(self.rounded.distinct_rows(), actual.distinct_rows()).min(self.rows);
        let rows = |count: usize| {
            let tallies = (0..count).into_par_iter().map(|row| self.judge_row(row, actual.row_bytes(row)));
            tallies.reduce(Tally::default, Tally::merge)
        };
        let whole = rows(period).repeated((self.rows / period) as u64);
        whole.merge(rows(self.rows % period))
    }

    /// Elements with the reference's own bits are nearly all of them: their share of the sums is known beforehand.
    fn judge_row(&self, row: usize, actual: &[u8]) -> Tally {
        let sums = &self.row_sums[row % self.row_sums.len()];
        let mut tally = Tally {
            squared_error: sums.squared_rounding,
            squared_rounding: sums.squared_rounding,
            squared_reference: sums.squared_reference,
            squared_tolerance: sums.squared_tolerance,
            ..Tally::default()
        };
        let rounded = self.rounded.row_bytes(row);
        if rounded == actual {
            return tally;
        }
        let size = self.dtype.size();
        let elements = rounded.chunks_exact(size).zip(actual.chunks_exact(size)).zip(self.row(row)).enumerate();
        for (column, ((rounded, actual), &exact)) in elements {
            if rounded != actual {
                self.judge_different(
                    &mut tally,
                    (row, column),
                    exact,
                    self.dtype.decode(rounded),
                    self.dtype.decode(actual),
                );
            }
        }
        tally
    }

    fn judge_different(&self, tally: &mut Tally, place: (usize, usize), exact: f64, rounded: f64, actual: f64) {
        if rounded.is_nan() && actual.is_nan() {
            return;
        }
        let (row, column) = place;
        let stored = row % self.row_sums.len() * self.columns + column;
        let accepted = match self.tolerances.get(stored) {
            Some(&tolerance) => accepts_within(self.dtype, exact, tolerance, actual),
            None => self.gate.accepts(self.dtype, exact, rounded, actual),
        };
        let ulp = ulp_distance(self.dtype, rounded, actual);
        tally.failed += u64::from(!accepted);
        tally.misses += 1;
        tally.max_ulp = tally.max_ulp.max(ulp);
        if counts_for_nmse(self.dtype, exact, rounded) {
            tally.squared_error -= (rounded - exact).powi(2);
            if actual.is_finite() {
                tally.squared_error += (actual - exact).powi(2);
            } else {
                tally.squared_rounding -= (rounded - exact).powi(2);
                tally.squared_reference -= exact.powi(2);
            }
        }
        let rank = (!accepted, ulp);
        if (ulp > 0 || !accepted) && tally.worst.as_ref().is_none_or(|(worst, _)| rank > *worst) {
            tally.worst = Some((rank, WorstElement { row, column, expected: rounded, actual, ulp }));
        }
    }

    fn failures(&self, tally: &Tally, elements: u64) -> Vec<String> {
        let mut failures = Vec::new();
        if tally.failed > 0 {
            let gate = match self.tolerances.is_empty() {
                true => self.gate.describe(),
                false => "the bound on f32 rounding".to_string(),
            };
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
            let expected = NMSE_OVER_ROUNDING * tally.squared_rounding + tally.squared_tolerance;
            let limit = limit.max(tally.nmse(expected));
            if seen > limit {
                failures.push(format!("NMSE {seen:.2e} exceeds {limit:.2e}"));
            }
        }
        failures
    }
}

fn sum_row(dtype: DType, row: &[f64], tolerances: &[f64]) -> RowSums {
    let mut sums = RowSums { squared_rounding: 0.0, squared_reference: 0.0, squared_tolerance: 0.0 };
    for (column, &exact) in row.iter().enumerate() {
        let rounded = dtype.round(exact);
        if counts_for_nmse(dtype, exact, rounded) {
            sums.squared_rounding += (rounded - exact).powi(2);
            sums.squared_reference += exact.powi(2);
            sums.squared_tolerance += tolerances.get(column).map_or(0.0, |most| (most / TOLERANCE_OVER_RMS).powi(2));
        }
    }
    sums
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
    squared_tolerance: f64,
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
            squared_tolerance: self.squared_tolerance + later.squared_tolerance,
            worst,
        }
    }

    /// The tally of `times` copies of the same rows; the worst element stays that of the first.
    fn repeated(self, times: u64) -> Tally {
        Tally {
            failed: self.failed * times,
            misses: self.misses * times,
            squared_error: self.squared_error * times as f64,
            squared_rounding: self.squared_rounding * times as f64,
            squared_reference: self.squared_reference * times as f64,
            squared_tolerance: self.squared_tolerance * times as f64,
            ..self
        }
    }

    fn nmse(&self, squared: f64) -> f64 {
        // Differences of sums may leave a rounding error below zero.
        if squared <= 0.0 { 0.0 } else { squared / self.squared_reference }
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
        self.outputs.iter().map(|output| output.rounded.clone()).collect()
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
    fn a_tolerance_of_its_own_allows_the_roundings_within_it() {
        let judge = |dtype: DType, actual: f64| {
            let gate = ElementGate::toleranced(dtype);
            let output = NumericOutput::new("y", dtype, 1, 1, gate, vec![1.0]).within(vec![1e-4]);
            NumericReference::new(vec![output]).judge(&[HostTensor::from_f64(dtype, 1, 1, &[actual])]).remove(0)
        };
        // The NMSE limit is a quarter of the tolerance here.
        assert!(judge(DType::F32, 1.0 + 2e-5).passed());
        let judgement = judge(DType::F32, 1.0 + 9e-5);
        assert!(judgement.failures[0].starts_with("NMSE"), "{:?}", judgement.failures);
        assert!(judge(DType::F32, 1.0 + 1.1e-4).failures[0].contains("bound on f32 rounding"));
        // No bf16 but 1 itself is the rounding of a number that close.
        assert!(!judge(DType::BF16, 1.0 + 2f64.powi(-7)).passed());
        assert!(!judge(DType::F32, f64::NAN).passed());
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
        assert_eq!((judgement.failed_elements, judgement.elements), (1, 5));
        // A tensor that repeats its own rows is judged as if they were all stored: rows 1 and 3 are wrong.
        let mut repeating = HostTensor::with_layout(DType::F32, 5, 1, 1, 1);
        repeating.set(0, 0, 1.0);
        let judgement = reference.judge(&[repeating]).remove(0);
        assert_eq!((judgement.failed_elements, judgement.bit_equal), (2, 1.0 - 2.0 / 5.0));
        assert_eq!(reference.expected()[0].distinct_rows(), 2);
    }
}

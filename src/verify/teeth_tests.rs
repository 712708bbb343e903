use super::teeth::toothless;
use crate::operation::{OutputJudgement, Reference};
use crate::tensor::{DType, HostTensor, ulp_distance};

/// Accepts an output if `accept(expected, actual)` holds for every element.
struct Elementwise<F> {
    expected: HostTensor,
    accept: F,
}

impl<F: Fn(f64, f64) -> bool + Send + Sync> Reference for Elementwise<F> {
    fn judge(&self, outputs: &[HostTensor]) -> Vec<OutputJudgement> {
        let elements = (0..self.expected.rows())
            .flat_map(|row| self.expected.row_f64(row).into_iter().zip(outputs[0].row_f64(row)));
        let wrong = elements.filter(|(expected, actual)| !(self.accept)(*expected, *actual)).count();
        let failures = if wrong == 0 { Vec::new() } else { vec![format!("{wrong} wrong")] };
        vec![OutputJudgement { output: "y".to_string(), failures, ..OutputJudgement::default() }]
    }

    fn expected(&self) -> Vec<HostTensor> {
        vec![self.expected.clone()]
    }
}

fn findings(rows: usize, values: &[f64], accept: impl Fn(f64, f64) -> bool + Send + Sync) -> Vec<String> {
    let expected = HostTensor::from_f64(DType::F32, rows, values.len() / rows, values);
    toothless(&Elementwise { expected, accept })
}

#[test]
fn a_strict_gate_has_teeth() {
    let exact = |expected: f64, actual: f64| ulp_distance(DType::F32, expected, actual) <= 4;
    assert!(findings(2, &[1.0, 2.0, 3.0, 4.0], exact).is_empty());
    assert!(findings(1, &[1.0, 2.0, 3.0], exact).is_empty());
    assert!(findings(1, &[0.0], exact).is_empty(), "a single zero can still be left unwritten");
}

#[test]
fn each_kind_of_blindness_is_found() {
    let blind = findings(2, &[1.0, 2.0, 3.0, 4.0], |_, _| true);
    assert_eq!(blind.len(), 5, "{blind:?}");

    let to_nan = findings(2, &[1.0, 2.0, 3.0, 4.0], |expected, actual| actual.is_nan() || expected == actual);
    assert_eq!(to_nan.len(), 2, "{to_nan:?}");
    assert!(to_nan[0].contains("never written"));

    let to_zero = findings(2, &[1.0, 2.0, 3.0, 4.0], |expected, actual| actual == 0.0 || expected == actual);
    assert_eq!(to_zero.len(), 1, "{to_zero:?}");
    assert!(to_zero[0].contains("all zeros") && to_zero[0].contains("is then 0 and not 1"), "{to_zero:?}");

    let loose = findings(2, &[1.0, 1.0, 1.01, 1.01], |expected, actual| (expected - actual).abs() < 0.05);
    assert_eq!(loose.len(), 2, "constant and shifted rows: {loose:?}");
}

#[test]
fn what_a_right_kernel_may_give_does_not_count() {
    let subnormal = f64::from(f32::from_bits(5));
    let flushing = |expected: f64, actual: f64| actual == 0.0 || expected == actual;
    assert!(findings(1, &[subnormal, -subnormal], flushing).is_empty());
}

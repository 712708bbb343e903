//! SwiGLU of sums, in f64, with the bound on an f32 computation.

use crate::matrix::Bounded;

use super::swiglu::swiglu;

/// The largest slope of `gate * sigmoid(gate)`, at 2.4.
const STEEPEST: f64 = 1.1;

/// SwiGLU of a gate and an up that are known within bounds; its own arithmetic is within 8 ULP.
pub(super) fn activated([gate, up]: [Bounded; 2]) -> (f64, f64) {
    let (value, silu) = (swiglu(gate.value, up.value), swiglu(gate.value, 1.0));
    let of_gate = STEEPEST * gate.tolerance;
    let tolerance = of_gate * (up.value.abs() + up.tolerance) + silu.abs() * up.tolerance;
    (value, tolerance + 8.0 * 2f64.powi(-23) * value.abs() + 2f64.powi(-149))
}

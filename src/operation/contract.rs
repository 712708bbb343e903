//! The trait every operation implements. CONTRIBUTING.md adds one step by step.

use crate::backend::DeviceInfo;
use crate::tensor::HostTensor;

use super::{Cost, InputClass, LaunchPlan, OutputJudgement, ParameterSpec, Problem, TensorSpec};

/// A problem that the operation's contract does not allow, or a device that cannot run it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ContractError {
    #[error("{operation}: {parameter} = {value} is out of range: {rule}")]
    OutOfRange { operation: &'static str, parameter: String, value: String, rule: String },

    #[error("{operation} has no parameter `{parameter}`: it takes {known}")]
    UnknownParameter { operation: &'static str, parameter: String, known: String },

    #[error("{operation}: impossible shape {rows}x{columns}: {rule}")]
    Shape { operation: &'static str, rows: usize, columns: usize, rule: String },

    #[error("{operation}: {layout} is not possible here: {rule}")]
    Layout { operation: &'static str, layout: String, rule: String },

    #[error("{operation} cannot run on {device}: {rule}")]
    Device { operation: &'static str, device: String, rule: String },
}

/// The f64 reference of one problem on one set of inputs.
pub trait Reference: Send + Sync {
    /// Judges a device's outputs, in the order of the operation's output tensors. Judging is pure: the
    /// same outputs give the same answer.
    fn judge(&self, outputs: &[HostTensor]) -> Vec<OutputJudgement>;

    /// The reference's own outputs, rounded once to their storage types.
    fn expected(&self) -> Vec<HostTensor>;
}

/// What is computed, as a contract.
pub trait Operation: Send + Sync {
    /// The name in case ids and suites: `rms_norm`.
    fn name(&self) -> &'static str;

    /// One line: the formula and where it comes from.
    fn summary(&self) -> &'static str;

    /// Parameters with their ranges and defaults.
    fn parameters(&self) -> &'static [ParameterSpec];

    /// Input classes that mean something for this operation.
    fn input_classes(&self) -> &'static [InputClass];

    /// Refuses a problem outside the contract, before anything is allocated or launched. Parameter
    /// names and ranges were checked already by `Parameters`; this checks shapes, layouts and relations.
    fn check(&self, problem: &Problem) -> Result<(), ContractError>;

    /// All tensors, inputs first. The position is the slot that `PlanArgument::Tensor` names.
    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec>;

    /// Makes the input tensors, in slot order, from a class and a seed: the same bytes on every machine.
    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor>;

    /// Computes the reference in f64 from the exact stored inputs.
    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference>;

    /// The launches that compute the operation on a device.
    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError>;

    /// The least work that any implementation must do.
    fn cost(&self, problem: &Problem) -> Cost;

    /// Whether the arithmetic may run on matrix cores, which are faster than the multiply-adds that a sweep measures: then no
    /// measured rate bounds it.
    fn on_matrix_cores(&self, _problem: &Problem) -> bool {
        false
    }

    /// One line about the inputs behind one output element, printed under a failure.
    fn describe_element(
        &self,
        problem: &Problem,
        inputs: &[HostTensor],
        output: usize,
        row: usize,
        column: usize,
    ) -> String;
}

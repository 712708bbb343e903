//! Operations as contracts: what is computed, on which shapes, how a result is judged and what it costs.
//!
//! An operation is data and pure functions. `plan` says what to enqueue; `BoundProblem` runs a plan
//! on any device, `BoundPlan` over memory of somebody else. Nothing here knows a vendor.

pub(crate) mod any_float;
mod bound_memory;
mod bound_plan;
mod bound_problem;
mod bound_step;
mod case;
mod code_identity;
mod contract;
mod cost;
mod gate;
mod input_class;
mod inputs;
mod judgement;
mod numeric_reference;
mod parameter;
mod philox;
mod plan;
mod problem;
mod rebinding;

pub use bound_plan::{Ahead, BoundPlan, Place, Scratch};
pub use bound_problem::{BindError, BoundProblem};
pub use case::Case;
pub use code_identity::CodeIdentity;
pub use contract::{ContractError, Operation, Reference};
pub use cost::Cost;
pub use gate::ElementGate;
pub use input_class::{InputClass, ParseInputClassError};
pub use inputs::InputGenerator;
pub use judgement::{OutputJudgement, WorstElement};
pub use numeric_reference::{NumericOutput, NumericReference};
pub use parameter::{ParameterKind, ParameterSpec, ParameterValue, Parameters};
pub use philox::philox4x32;
pub use plan::{
    LaunchPlan, PlanArgument, PlanStep, PlannedLaunch, PlannedProduct, TensorRole, TensorSpec, matrix_element,
};
pub use problem::{Layout, Problem};
pub use rebinding::Footprint;

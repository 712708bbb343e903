//! A small operation for tests of suites: it has every kind of parameter and computes nothing.

use crate::backend::DeviceInfo;
use crate::operation::{
    ContractError, Cost, InputClass, LaunchPlan, Operation, OutputJudgement, ParameterKind, ParameterSpec,
    ParameterValue, Problem, Reference, TensorSpec,
};
use crate::tensor::HostTensor;

struct FakeOperation;

struct FakeReference;

pub const FAKE_OPERATIONS: &[&dyn Operation] = &[&FakeOperation];

impl Reference for FakeReference {
    fn judge(&self, _outputs: &[HostTensor]) -> Vec<OutputJudgement> {
        Vec::new()
    }

    fn expected(&self) -> Vec<HostTensor> {
        Vec::new()
    }
}

impl Operation for FakeOperation {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn summary(&self) -> &'static str {
        "computes nothing"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        const PARAMETERS: [ParameterSpec; 3] = [
            ParameterSpec {
                name: "eps",
                kind: ParameterKind::Float { least: 0.0, most: 1.0 },
                default: ParameterValue::Float(1e-6),
                summary: "a float",
            },
            ParameterSpec {
                name: "k",
                kind: ParameterKind::Integer { least: 0, most: i64::MAX },
                default: ParameterValue::Integer(0),
                summary: "an integer",
            },
            ParameterSpec {
                name: "flag",
                kind: ParameterKind::Flag,
                default: ParameterValue::Flag(false),
                summary: "a flag",
            },
        ];
        &PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        &[InputClass::Normal, InputClass::Uniform]
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let (rows, columns) = (problem.rows, problem.columns);
        let k = problem.parameters.integer("k");
        if columns == 0 {
            return Err(ContractError::Shape { operation: "fake", rows, columns, rule: "columns from 1".to_string() });
        }
        if k > columns as i64 {
            let rule = format!("at most {columns} columns");
            let (parameter, value) = ("k".to_string(), k.to_string());
            return Err(ContractError::OutOfRange { operation: "fake", parameter, value, rule });
        }
        Ok(())
    }

    fn tensors(&self, _problem: &Problem) -> Vec<TensorSpec> {
        Vec::new()
    }

    fn generate(&self, _problem: &Problem, _class: InputClass, _seed: u64) -> Vec<HostTensor> {
        Vec::new()
    }

    fn reference(&self, _problem: &Problem, _inputs: &[HostTensor]) -> Box<dyn Reference> {
        Box::new(FakeReference)
    }

    fn plan(&self, _device: &DeviceInfo, _problem: &Problem) -> Result<LaunchPlan, ContractError> {
        Ok(LaunchPlan::default())
    }

    fn cost(&self, problem: &Problem) -> Cost {
        Cost { emulated_visits: (problem.rows * problem.columns) as u64, ..Cost::default() }
    }

    fn describe_element(&self, _: &Problem, _: &[HostTensor], _: usize, _: usize, _: usize) -> String {
        String::new()
    }
}

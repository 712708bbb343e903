//! Positions of the next decoding step.

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterSpec, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

const THREADS: usize = 256;

/// Blocks beyond this walk on in steps of the grid.
const MOST_BLOCKS: usize = 1 << 20;

/// Positions up to this in the ordinary class: the context of a large model.
const USUAL: u64 = 1 << 20;

/// `moved = positions + 1`, `lengths = positions + 2`, both u32 and no more than its largest value: where each sequence's
/// next token goes, and how many positions it sees. The storage type of the problem means nothing here.
pub struct AdvancePositions;

fn advanced(position: u32, by: u32) -> f64 {
    f64::from(position.saturating_add(by))
}

impl Operation for AdvancePositions {
    fn name(&self) -> &'static str {
        "advance_positions"
    }

    fn summary(&self) -> &'static str {
        "moved = positions + 1, lengths = positions + 2: the end of a decoding step"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &[]
    }

    /// LargestFinite has positions at the end of u32.
    fn input_classes(&self) -> &'static [InputClass] {
        &[InputClass::Normal, InputClass::LargestFinite]
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { rows, columns, layout, .. } = *problem;
        if columns != 1 || u32::try_from(rows).is_err() {
            let rule = "one column, and at most 4294967295 sequences".to_string();
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        if layout.row_padding != 0 || layout.distinct_rows != 0 {
            let (layout, rule) = ("pad or distinct".to_string(), "positions lie one after the other".to_string());
            return Err(ContractError::Layout { operation: self.name(), layout, rule });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let base_offset = problem.layout.base_offset;
        let words = |name, role| TensorSpec { base_offset, ..TensorSpec::new(name, role, DType::U32, problem.rows, 1) };
        let moved = if problem.layout.in_place { TensorRole::InPlace { input: 0 } } else { TensorRole::Output };
        vec![words("positions", TensorRole::Input), words("moved", moved), words("lengths", TensorRole::Output)]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let mut positions = HostTensor::zeros(DType::U32, problem.rows, 1);
        InputGenerator::new(class, seed).fill_below(&mut positions, 0, USUAL);
        if class == InputClass::LargestFinite {
            for row in 0..problem.rows {
                positions.set(row, 0, f64::from(u32::MAX - positions.row_u32(row)[0] % 4));
            }
        }
        vec![positions]
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let output = |name, by| {
            let values = (0..problem.rows).map(|row| advanced(inputs[0].row_u32(row)[0], by)).collect();
            NumericOutput::new(name, DType::U32, problem.rows, 1, ElementGate::EXACT, values)
        };
        Box::new(NumericReference::new(vec![output("moved", 1), output("lengths", 2)]))
    }

    fn plan(&self, _device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        if problem.rows == 0 {
            return Ok(LaunchPlan::default());
        }
        let mut arguments: Vec<_> = (0..3).map(PlanArgument::Tensor).collect();
        arguments.push(PlanArgument::U64(problem.rows as u64));
        let launch = PlannedLaunch {
            kernel: KernelId::new("attention/advance_positions", self.name()),
            dimensions: LaunchDimensions {
                grid: [problem.rows.div_ceil(THREADS).min(MOST_BLOCKS) as u32, 1, 1],
                block: [THREADS as u32, 1, 1],
                dynamic_shared_bytes: 0,
            },
            arguments,
        };
        Ok(LaunchPlan::of_launches(0, vec![launch]).overlapping())
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let words = problem.rows as u64;
        Cost { bytes_read: 4 * words, bytes_written: 8 * words, flops: 0, emulated_visits: 3 * words }
    }

    fn describe_element(
        &self,
        _problem: &Problem,
        inputs: &[HostTensor],
        _output: usize,
        row: usize,
        _column: usize,
    ) -> String {
        format!("position {}", inputs[0].row_u32(row)[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Layout, Parameters};

    #[test]
    fn the_first_token_goes_to_position_zero_and_the_next_sees_two() {
        let (parameters, layout) = (Parameters::default(), Layout::default());
        let problem = Problem { dtype: DType::F32, rows: 2, columns: 1, parameters, layout };
        let positions = HostTensor::from_f64(DType::U32, 2, 1, &[0.0, 4_294_967_294.0]);
        let expected = AdvancePositions.reference(&problem, &[positions]).expected();
        assert_eq!((expected[0].row_u32(0), expected[1].row_u32(0)), (vec![1], vec![2]));
        assert_eq!((expected[0].row_u32(1), expected[1].row_u32(1)), (vec![u32::MAX], vec![u32::MAX]));
    }
}

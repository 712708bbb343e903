//! A bias on every row: the end of a projection of a prompt.

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterSpec, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

const THREADS: usize = 256;

/// Blocks beyond this walk on in steps of the grid.
const MOST_BLOCKS: usize = 1 << 20;

const CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::Uniform,
    InputClass::Infinities,
    InputClass::NanFirst,
    InputClass::NanLast,
    InputClass::Denormals,
    InputClass::LargestFinite,
    InputClass::SignedZeros,
];

/// `y = x + bias`, a number of its own for each column.
pub struct AddBias;

impl Operation for AddBias {
    fn name(&self) -> &'static str {
        "add_bias"
    }

    fn summary(&self) -> &'static str {
        "y = x + bias, a number of its own for each column"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &[]
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { rows, columns, layout, .. } = *problem;
        if columns == 0 || u32::try_from(columns).is_err() {
            let rule = "a row has 1 to 4294967295 elements".to_string();
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        if layout.in_place && problem.distinct_rows() != rows {
            let (layout, rule) = ("in_place with distinct".to_string(), "leave one of them out".to_string());
            return Err(ContractError::Layout { operation: self.name(), layout, rule });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        let base_offset = layout.base_offset;
        let row_stride = problem.row_stride(columns);
        let x = TensorSpec {
            row_stride,
            base_offset,
            distinct_rows: problem.distinct_rows(),
            ..TensorSpec::new("x", TensorRole::Input, dtype, rows, columns)
        };
        let role = if layout.in_place { TensorRole::InPlace { input: 0 } } else { TensorRole::Output };
        vec![
            x,
            TensorSpec { base_offset, ..TensorSpec::new("bias", TensorRole::Input, dtype, 1, columns) },
            TensorSpec { row_stride, base_offset, ..TensorSpec::new("y", role, dtype, rows, columns) },
        ]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let inputs = self.tensors(problem).into_iter().filter(|spec| spec.role == TensorRole::Input);
        inputs
            .enumerate()
            .map(|(slot, spec)| {
                let mut tensor =
                    HostTensor::with_layout(spec.dtype, spec.rows, spec.columns, spec.columns, spec.distinct_rows);
                InputGenerator::new(class, seed).fill(&mut tensor, slot as u32);
                tensor
            })
            .collect()
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let Problem { dtype, rows, columns, .. } = *problem;
        let bias = inputs[1].row_f64(0);
        let mut values = Vec::with_capacity(inputs[0].distinct_rows() * columns);
        for row in 0..inputs[0].distinct_rows() {
            values.extend(inputs[0].row_f64(row).iter().zip(&bias).map(|(x, bias)| x + bias));
        }
        // One addition: rounded once.
        let gate = match dtype {
            DType::F32 | DType::U32 => ElementGate::single(1, 0.0, false),
            dtype => ElementGate::half(dtype),
        };
        Box::new(NumericReference::new(vec![NumericOutput::new("y", dtype, rows, columns, gate, values)]))
    }

    fn plan(&self, _device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let Problem { dtype, rows, columns, .. } = *problem;
        if rows == 0 {
            return Ok(LaunchPlan::default());
        }
        let blocks_per_row = columns.div_ceil(THREADS * 16 / dtype.size()).min(MOST_BLOCKS);
        let mut arguments: Vec<_> = (0..3).map(PlanArgument::Tensor).collect();
        arguments.extend([
            PlanArgument::U64(rows as u64),
            PlanArgument::U32(columns as u32),
            PlanArgument::RowStride(0),
            PlanArgument::RowStride(2),
            PlanArgument::U32(blocks_per_row as u32),
        ]);
        let launch = PlannedLaunch {
            kernel: KernelId::new("matrix/add_bias", format!("add_bias_{dtype}")),
            dimensions: LaunchDimensions {
                grid: [(rows.min(MOST_BLOCKS / blocks_per_row) * blocks_per_row) as u32, 1, 1],
                block: [THREADS as u32, 1, 1],
                dynamic_shared_bytes: 0,
            },
            arguments,
        };
        Ok(LaunchPlan::of_launches(0, vec![launch]).overlapping())
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let elements = (problem.rows * problem.columns) as u64;
        let size = problem.dtype.size() as u64;
        Cost {
            bytes_read: (elements + problem.columns as u64) * size,
            bytes_written: elements * size,
            flops: elements,
            emulated_visits: 2 * elements,
        }
    }

    fn describe_element(
        &self,
        _problem: &Problem,
        inputs: &[HostTensor],
        _output: usize,
        row: usize,
        column: usize,
    ) -> String {
        format!("x {:e}, bias {:e}", inputs[0].get(row, column), inputs[1].get(0, column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Layout, Parameters};

    /// Sums by hand. bf16 has 8 significant bits: 257 lies between 256 and 258 and goes to the even one, 259 to 260.
    #[test]
    fn a_sum_is_rounded_once() {
        let layout = Layout::default();
        let problem = Problem { dtype: DType::BF16, rows: 2, columns: 3, parameters: Parameters::default(), layout };
        let x = HostTensor::from_f64(DType::BF16, 2, 3, &[1.5, 256.0, 258.0, -0.25, 0.0, -1.0]);
        let bias = HostTensor::from_f64(DType::BF16, 1, 3, &[0.25, 1.0, 1.0]);
        let expected = AddBias.reference(&problem, &[x, bias]).expected();
        assert_eq!(expected[0].row_f64(0), [1.75, 256.0, 260.0]);
        assert_eq!(expected[0].row_f64(1), [0.0, 1.0, 0.0]);
    }
}

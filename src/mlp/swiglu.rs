//! SwiGLU, `gate * sigmoid(gate) * up` (Shazeer, "GLU Variants Improve Transformer", 2020).

use rayon::prelude::*;

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterSpec, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

use super::launch_shape::{LaunchShape, output_role, row_tensor, vector_elements};

/// Threads of a block on one long row.
const LONG_ROW_THREADS: u32 = 256;

/// Of LONG_ROW_THREADS, on one multiprocessor: 2,048 threads.
const BLOCKS_AT_A_TIME: usize = 8;

const CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::Uniform,
    InputClass::AllEqual,
    InputClass::NearlyEqual,
    InputClass::AllNegativeInfinity,
    InputClass::Infinities,
    InputClass::NanFirst,
    InputClass::NanMiddle,
    InputClass::NanLast,
    InputClass::Denormals,
    InputClass::LargestFinite,
    InputClass::SignedZeros,
    InputClass::Ascending,
    InputClass::Descending,
    InputClass::Dominant,
];

/// SwiGLU over two tensors, or over one with rows of gate then up. A gate of -inf gives NaN (-inf * 0), as the
/// formula says.
pub struct SwiGlu {
    packed: bool,
}

impl SwiGlu {
    pub const SEPARATE: SwiGlu = SwiGlu { packed: false };
    pub const PACKED: SwiGlu = SwiGlu { packed: true };

    /// Gate and up of one row.
    fn operands(&self, problem: &Problem, inputs: &[HostTensor], row: usize) -> (Vec<f64>, Vec<f64>) {
        let mut gate = inputs[0].row_f64(row);
        let up = if self.packed { gate.split_off(problem.columns) } else { inputs[1].row_f64(row) };
        (gate, up)
    }
}

pub(super) fn swiglu(gate: f64, up: f64) -> f64 {
    gate * (1.0 / (1.0 + (-gate).exp())) * up
}

impl Operation for SwiGlu {
    fn name(&self) -> &'static str {
        if self.packed { "swiglu_packed" } else { "swiglu" }
    }

    fn summary(&self) -> &'static str {
        if self.packed {
            "y = gate * sigmoid(gate) * up, from rows of gate then up (Shazeer 2020)"
        } else {
            "y = gate * sigmoid(gate) * up (Shazeer 2020)"
        }
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &[]
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        if problem.columns == 0 || problem.columns > (u32::MAX / 2) as usize {
            return Err(ContractError::Shape {
                operation: self.name(),
                rows: problem.rows,
                columns: problem.columns,
                rule: "a row has 1 to 2147483647 elements".to_string(),
            });
        }
        let refused = |layout: &str, rule: &str| {
            Err(ContractError::Layout { operation: self.name(), layout: layout.to_string(), rule: rule.to_string() })
        };
        if problem.layout.in_place && self.packed {
            return refused("in_place", "the output's rows are half as long as the packed input's");
        }
        if problem.layout.in_place && problem.distinct_rows() != problem.rows {
            return refused("in_place with distinct", "leave one of them out");
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let columns = problem.columns;
        let row = |name, role, columns| row_tensor(name, role, problem, columns);
        let y = row("y", output_role(&problem.layout, 0), columns);
        if self.packed {
            vec![row("gate_up", TensorRole::Input, 2 * columns), y]
        } else {
            vec![row("gate", TensorRole::Input, columns), row("up", TensorRole::Input, columns), y]
        }
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let inputs = self.tensors(problem).into_iter().filter(|spec| spec.role == TensorRole::Input);
        inputs
            .enumerate()
            .map(|(slot, spec)| {
                let mut tensor =
                    HostTensor::with_layout(spec.dtype, spec.rows, spec.columns, spec.columns, spec.distinct_rows);
                // Logits of a gate reach both flat ends of the sigmoid at a standard deviation of 3.
                InputGenerator::new(class, seed).scale(3.0).fill(&mut tensor, slot as u32);
                tensor
            })
            .collect()
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let Problem { dtype, rows, columns, .. } = *problem;
        let distinct = inputs.iter().map(HostTensor::distinct_rows).max().unwrap_or(rows);
        let mut values = vec![0.0; distinct * columns];
        values.par_chunks_mut(columns).enumerate().for_each(|(row, out)| {
            let (gate, up) = self.operands(problem, inputs, row);
            for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                *out = swiglu(gate, up);
            }
        });
        let gate = match dtype {
            DType::F32 | DType::U32 => ElementGate::single(8, 0.0, true),
            dtype => ElementGate::half(dtype),
        };
        Box::new(NumericReference::new(vec![NumericOutput::new("y", dtype, rows, columns, gate, values)]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        if problem.rows == 0 {
            return Ok(LaunchPlan::default());
        }
        let vectors = problem.columns / vector_elements(problem.dtype);
        let group = LaunchShape::group_for(vectors, 1, LONG_ROW_THREADS);
        // Few long rows are cut until every multiprocessor has as many blocks as it takes at a time, or each thread one vector.
        let wanted = (BLOCKS_AT_A_TIME * device.multiprocessors as usize).div_ceil(problem.rows);
        let blocks_per_row = match group {
            ..=32 => 1,
            _ => vectors.div_ceil(group as usize).min(wanted) as u32,
        };
        let shape = LaunchShape::new(device, problem.rows, group, blocks_per_row);
        let specs = self.tensors(problem);
        let mut arguments: Vec<_> = (0..specs.len()).map(PlanArgument::Tensor).collect();
        arguments.push(PlanArgument::U64(problem.rows as u64));
        arguments.push(PlanArgument::U32(problem.columns as u32));
        arguments.extend((0..specs.len()).map(PlanArgument::RowStride));
        arguments.extend([PlanArgument::U32(shape.group), PlanArgument::U32(blocks_per_row)]);
        let launch = PlannedLaunch {
            kernel: KernelId::new("mlp/swiglu", format!("{}_{}", self.name(), problem.dtype)),
            dimensions: LaunchDimensions {
                grid: [shape.grid, 1, 1],
                block: [shape.block, 1, 1],
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
            bytes_read: 2 * elements * size,
            bytes_written: elements * size,
            // Negate, exp (counted as one), add, divide, two products.
            flops: 6 * elements,
            emulated_visits: 2 * elements,
        }
    }

    fn describe_element(
        &self,
        problem: &Problem,
        inputs: &[HostTensor],
        _output: usize,
        row: usize,
        column: usize,
    ) -> String {
        let (gate, up) = self.operands(problem, inputs, row);
        format!("gate {:e}, up {:e}", gate[column], up[column])
    }
}

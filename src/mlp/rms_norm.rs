//! RMSNorm, and RMSNorm of a sum with a residual (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019).

use rayon::prelude::*;

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::matrix::EPSILON;
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterSpec, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

use super::launch_shape::{LaunchShape, most_threads, output_role, row_tensor, vector_elements};

const PARAMETERS: &[ParameterSpec] = &[EPSILON];

const CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::Uniform,
    InputClass::AllEqual,
    InputClass::NearlyEqual,
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

/// `y = x * w / sqrt(mean(x^2) + eps)`; with a residual, `x + residual`, rounded to storage, takes x's place and
/// is an output too. A row with an infinity gives NaN there and zeros elsewhere; a row with a NaN is all NaN.
pub struct RmsNorm {
    residual: bool,
}

impl RmsNorm {
    pub const PLAIN: RmsNorm = RmsNorm { residual: false };
    pub const WITH_RESIDUAL: RmsNorm = RmsNorm { residual: true };

    fn weight_slot(&self) -> usize {
        if self.residual { 2 } else { 1 }
    }

    /// What is normalised in one row: x, or the rounded sum.
    fn normalised(&self, dtype: DType, inputs: &[HostTensor], row: usize) -> Vec<f64> {
        let mut values = inputs[0].row_f64(row);
        if self.residual {
            for (value, residual) in values.iter_mut().zip(inputs[1].row_f64(row)) {
                *value = dtype.round(*value + residual);
            }
        }
        values
    }

    fn gate(problem: &Problem) -> ElementGate {
        match problem.dtype {
            DType::F32 | DType::U32 => {
                let levels = problem.columns.next_power_of_two().ilog2();
                ElementGate::single(4, f64::from(levels + 4) * 2f64.powi(-24), false)
            }
            dtype => ElementGate::half(dtype),
        }
    }
}

/// The mean of the squares plus eps, as the kernels see eps.
fn mean_square(values: &[f64], problem: &Problem) -> f64 {
    let epsilon = f64::from(problem.parameters.float("eps") as f32);
    values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64 + epsilon
}

impl Operation for RmsNorm {
    fn name(&self) -> &'static str {
        if self.residual { "rms_norm_residual" } else { "rms_norm" }
    }

    fn summary(&self) -> &'static str {
        if self.residual {
            "h = x + residual, rounded and written; y = h * weight / sqrt(mean(h^2) + eps)"
        } else {
            "y = x * weight / sqrt(mean(x^2) + eps) (Zhang and Sennrich 2019)"
        }
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        if problem.columns == 0 || u32::try_from(problem.columns).is_err() {
            return Err(ContractError::Shape {
                operation: self.name(),
                rows: problem.rows,
                columns: problem.columns,
                rule: "a row has 1 to 4294967295 elements".to_string(),
            });
        }
        if problem.layout.in_place && problem.distinct_rows() != problem.rows {
            return Err(ContractError::Layout {
                operation: self.name(),
                layout: "in_place with distinct".to_string(),
                rule: "leave one of them out".to_string(),
            });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let columns = problem.columns;
        let weight = TensorSpec {
            base_offset: problem.layout.base_offset,
            ..TensorSpec::new("weight", TensorRole::Input, problem.dtype, 1, columns)
        };
        let row = |name, role| row_tensor(name, role, problem, columns);
        let mut specs = vec![row("x", TensorRole::Input)];
        if self.residual {
            specs.push(row("residual", TensorRole::Input));
        }
        specs.push(weight);
        specs.push(row("y", output_role(&problem.layout, 0)));
        if self.residual {
            specs.push(row("residual_out", output_role(&problem.layout, 1)));
        }
        specs
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let inputs = self.tensors(problem).into_iter().filter(|spec| spec.role == TensorRole::Input);
        inputs
            .enumerate()
            .map(|(slot, spec)| {
                let mut tensor =
                    HostTensor::with_layout(spec.dtype, spec.rows, spec.columns, spec.columns, spec.distinct_rows);
                // A weight of either sign and every size shows a wrong column or a lost factor.
                let class = if slot == self.weight_slot() { InputClass::Uniform } else { class };
                InputGenerator::new(class, seed).fill(&mut tensor, slot as u32);
                tensor
            })
            .collect()
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let Problem { dtype, rows, columns, .. } = *problem;
        let distinct = inputs[..self.weight_slot()].iter().map(HostTensor::distinct_rows).max().unwrap_or(rows);
        let weight = inputs[self.weight_slot()].row_f64(0);
        let mut sums = vec![0.0; distinct * columns];
        let mut values = vec![0.0; distinct * columns];
        values.par_chunks_mut(columns).zip(sums.par_chunks_mut(columns)).enumerate().for_each(|(row, (out, sums))| {
            sums.copy_from_slice(&self.normalised(dtype, inputs, row));
            let factor = 1.0 / mean_square(sums, problem).sqrt();
            for ((out, value), weight) in out.iter_mut().zip(sums).zip(&weight) {
                *out = *value * factor * weight;
            }
        });
        let mut outputs = vec![NumericOutput::new("y", dtype, rows, columns, Self::gate(problem), values)];
        if self.residual {
            outputs.push(NumericOutput::new("residual_out", dtype, rows, columns, ElementGate::EXACT, sums));
        }
        Box::new(NumericReference::new(outputs))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        if problem.rows == 0 {
            return Ok(LaunchPlan::default());
        }
        // Few rows: all threads there can be on each. Many: two vectors a thread hide more latency.
        let least = if problem.rows < 2 * device.multiprocessors as usize { 1 } else { 2 };
        let vectors = problem.columns / vector_elements(problem.dtype);
        let most = most_threads(device);
        let held = [1, 2, 4].into_iter().find(|&held| held >= least && vectors <= held * most as usize);
        let group = LaunchShape::group_for(vectors, held.unwrap_or(4), most);
        let variant = held.map_or("any".to_string(), |held| held.to_string());
        let shape = LaunchShape::new(device, problem.rows, group, 1);

        let specs = self.tensors(problem);
        let rows = (0..specs.len()).filter(|slot| *slot != self.weight_slot());
        let mut arguments: Vec<_> = (0..specs.len()).map(PlanArgument::Tensor).collect();
        arguments.push(PlanArgument::U64(problem.rows as u64));
        arguments.push(PlanArgument::U32(problem.columns as u32));
        arguments.extend(rows.map(PlanArgument::RowStride));
        arguments.push(PlanArgument::F32(problem.parameters.float("eps") as f32));
        arguments.push(PlanArgument::U32(shape.group));
        let launch = PlannedLaunch {
            kernel: KernelId::new("mlp/rms_norm", format!("{}_{}_{variant}", self.name(), problem.dtype)),
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
        let tensors = if self.residual { 2 } else { 1 };
        Cost {
            bytes_read: (tensors * elements + problem.columns as u64) * size,
            bytes_written: tensors * elements * size,
            // Square, sum, scale, weight; and the addition.
            flops: elements * (3 + tensors),
            emulated_visits: elements * tensors,
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
        let values = self.normalised(problem.dtype, inputs, row);
        let residual = if self.residual {
            format!("residual {:e}, sum {:e}, ", inputs[1].get(row, column), values[column])
        } else {
            String::new()
        };
        format!(
            "x {:e}, {residual}weight {:e}; mean square + eps of the row {:e}",
            inputs[0].get(row, column),
            inputs[self.weight_slot()].get(0, column),
            mean_square(&values, problem)
        )
    }
}

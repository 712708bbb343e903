//! RMSNorm, both projections of a SwiGLU MLP and the activation, for one token, in one kernel.

use rayon::prelude::*;

use crate::backend::{DeviceInfo, KernelId};
use crate::matrix::{Bounded, EPSILON, MOST_ROWS, NormalisedVector, WaveShare};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterSpec, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::HostTensor;

use super::activated::activated;

const PARAMETERS: &[ParameterSpec] = &[EPSILON];

/// Of the vector; weights and gain are ordinary numbers.
const CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::Uniform,
    InputClass::AllEqual,
    InputClass::Infinities,
    InputClass::NanFirst,
    InputClass::NanMiddle,
    InputClass::NanLast,
    InputClass::Denormals,
    InputClass::LargestFinite,
    InputClass::SignedZeros,
    InputClass::Ascending,
    InputClass::Dominant,
];

/// `y = swiglu(G n, U n)` with `n = x * gain / sqrt(mean(x^2) + eps)` and the weights G over U, `[2 rows, columns]`: the first
/// half of a SwiGLU MLP for one token. Nothing between is rounded to storage; a NaN or an infinity in x makes all of y NaN.
pub struct FusedGateUp;

impl FusedGateUp {
    fn vector(problem: &Problem, inputs: &[HostTensor]) -> NormalisedVector {
        let epsilon = problem.parameters.float("eps") as f32;
        NormalisedVector::new(&inputs[0].row_f64(0), &inputs[1].row_f64(0), epsilon)
    }

    fn gate_and_up(vector: &NormalisedVector, problem: &Problem, weights: &HostTensor, row: usize) -> [Bounded; 2] {
        [row, problem.rows + row].map(|row| vector.product(&weights.row_f64(row)))
    }
}

impl Operation for FusedGateUp {
    fn name(&self) -> &'static str {
        "fused_gate_up"
    }

    fn summary(&self) -> &'static str {
        "y = swiglu(G n, U n) with n = rms_norm(x), for one token"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { rows, columns, layout, .. } = *problem;
        if rows == 0 || rows > MOST_ROWS || columns == 0 || columns > 1 << 30 {
            let rule = "1 to 2^24 rows, of 1 to 2^30 columns".to_string();
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        let refused = |layout: &str, rule: &str| {
            Err(ContractError::Layout { operation: self.name(), layout: layout.to_string(), rule: rule.to_string() })
        };
        if layout.in_place {
            return refused("in_place", "every row reads the whole vector");
        }
        if layout.distinct_rows != 0 {
            return refused("distinct", "gate and up have rows of their own");
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        let placed = |name, role, rows, columns| TensorSpec {
            base_offset: layout.base_offset,
            ..TensorSpec::new(name, role, dtype, rows, columns)
        };
        let weight = placed("weight", TensorRole::Input, 2 * rows, columns);
        vec![
            placed("x", TensorRole::Input, 1, columns),
            placed("gain", TensorRole::Input, 1, columns),
            TensorSpec { row_stride: problem.row_stride(columns), ..weight },
            placed("y", TensorRole::Output, 1, rows),
        ]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let inputs = self.tensors(problem).into_iter().filter(|spec| spec.role == TensorRole::Input);
        // Gates then have a standard deviation of 2, which shows both flat ends of the sigmoid and what lies between.
        let weight_scale = 2.0 * (3.0 / problem.columns as f64).sqrt();
        let kinds = [(class, 1.0), (InputClass::Uniform, 1.0), (InputClass::Normal, weight_scale)];
        inputs
            .zip(kinds)
            .enumerate()
            .map(|(slot, (spec, (class, scale)))| {
                let mut tensor = HostTensor::zeros(spec.dtype, spec.rows, spec.columns);
                InputGenerator::new(class, seed).scale(scale).fill(&mut tensor, slot as u32);
                tensor
            })
            .collect()
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let vector = Self::vector(problem, inputs);
        let rows = (0..problem.rows).into_par_iter();
        let rows = rows.map(|row| activated(Self::gate_and_up(&vector, problem, &inputs[2], row)));
        let (values, tolerances): (Vec<_>, Vec<_>) = rows.unzip();
        let gate = ElementGate::toleranced(problem.dtype);
        let output = NumericOutput::new("y", problem.dtype, 1, problem.rows, gate, values).within(tolerances);
        Box::new(NumericReference::new(vec![output]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let share = WaveShare::new(device, problem.rows, 2 * problem.columns);
        let mut arguments: Vec<_> = (0..4).map(PlanArgument::Tensor).collect();
        arguments.extend([
            PlanArgument::U64(problem.rows as u64),
            PlanArgument::U32(problem.columns as u32),
            PlanArgument::F32(problem.parameters.float("eps") as f32),
            PlanArgument::U32(share.waves_per_row),
            PlanArgument::RowStride(2),
        ]);
        let launch = PlannedLaunch {
            kernel: KernelId::new("mlp/fused_gate_up", format!("fused_gate_up_{}", problem.dtype)),
            dimensions: share.dimensions,
            arguments,
        };
        Ok(LaunchPlan::of_launches(0, vec![launch]).overlapping_ahead(&[1, 2]))
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let Problem { dtype, rows, columns, .. } = *problem;
        let weights = 2 * rows * columns;
        Cost {
            bytes_read: ((weights + 2 * columns) * dtype.size()) as u64,
            bytes_written: (rows * dtype.size()) as u64,
            // Both products; the norm and the activation are few beside them.
            flops: (2 * weights) as u64,
            emulated_visits: (4 * weights) as u64,
        }
    }

    fn describe_element(
        &self,
        problem: &Problem,
        inputs: &[HostTensor],
        _output: usize,
        _row: usize,
        column: usize,
    ) -> String {
        let vector = Self::vector(problem, inputs);
        let [gate, up] = Self::gate_and_up(&vector, problem, &inputs[2], column);
        format!("gate {:e}, up {:e}; {}", gate.value, up.value, vector.describe())
    }
}

//! Both projections of a SwiGLU MLP and the activation, for several tokens, in one kernel.

use rayon::prelude::*;

use crate::backend::DeviceInfo;
use crate::matrix::{Bounded, OUTPUTS, PRODUCT_CLASSES, Tiled, bounded_product, is_aligned, outputs};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterSpec, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::HostTensor;

use super::activated::activated;

/// `Y = swiglu(X G^T, X U^T)` of 16-bit numbers, with X `[rows, columns]` and the weights G over U, `[2 outputs, columns]`: the first
/// half of a SwiGLU MLP after its norm. Sums are not rounded to storage before the activation.
pub struct GateUpSwiGlu;

impl GateUpSwiGlu {
    fn gate_and_up(weights: &HostTensor, output: usize, x: &[f64]) -> [Bounded; 2] {
        [output, weights.rows() / 2 + output].map(|row| bounded_product(weights, row, x))
    }
}

impl Operation for GateUpSwiGlu {
    fn name(&self) -> &'static str {
        "gate_up_swiglu"
    }

    fn summary(&self) -> &'static str {
        "Y = swiglu(X G^T, X U^T)"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &[OUTPUTS]
    }

    fn input_classes(&self) -> &'static [InputClass] {
        PRODUCT_CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        let most = 1 << 24;
        if dtype.size() != 2 || columns == 0 || columns > 1 << 30 || rows > most || outputs(problem) > most {
            let rule = "1 to 2^30 columns, at most 2^24 rows and outputs, of f16 or bf16".to_string();
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        let refused = |layout: &str, rule: &str| {
            Err(ContractError::Layout { operation: self.name(), layout: layout.to_string(), rule: rule.to_string() })
        };
        if layout.in_place {
            return refused("in_place", "every result reads a whole row");
        }
        if layout.distinct_rows != 0 {
            return refused("distinct", "gate and up have rows of their own");
        }
        if !is_aligned(problem) {
            return refused("rows that begin anywhere", "columns, padding and offset are multiples of 8");
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        let placed = |name, role, rows, columns| TensorSpec {
            row_stride: problem.row_stride(columns),
            base_offset: layout.base_offset,
            ..TensorSpec::new(name, role, dtype, rows, columns)
        };
        vec![
            placed("x", TensorRole::Input, rows, columns),
            placed("weight", TensorRole::Input, 2 * outputs(problem), columns),
            placed("y", TensorRole::Output, rows, outputs(problem)),
        ]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let inputs = self.tensors(problem).into_iter().filter(|spec| spec.role == TensorRole::Input);
        // Gates of normal inputs then have a standard deviation of 2, which shows both flat ends of the sigmoid and what lies between.
        let weight_scale = 2.0 / (problem.columns as f64).sqrt();
        inputs
            .zip([1.0, weight_scale])
            .enumerate()
            .map(|(slot, (spec, scale))| {
                let mut tensor = HostTensor::zeros(spec.dtype, spec.rows, spec.columns);
                InputGenerator::new(class, seed).scale(scale).fill(&mut tensor, slot as u32);
                tensor
            })
            .collect()
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let (x, weights) = (&inputs[0], &inputs[1]);
        let rows = (0..problem.rows).into_par_iter().flat_map_iter(|row| {
            let x = x.row_f64(row);
            (0..outputs(problem)).map(move |output| activated(Self::gate_and_up(weights, output, &x)))
        });
        let (values, tolerances): (Vec<_>, Vec<_>) = rows.unzip();
        let gate = ElementGate::toleranced(problem.dtype);
        let output = NumericOutput::new("y", problem.dtype, problem.rows, outputs(problem), gate, values);
        Box::new(NumericReference::new(vec![output.within(tolerances)]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        match problem.rows {
            0 => Ok(LaunchPlan::default()),
            _ => Ok(Tiled::SwiGlu.plan(device, problem, outputs(problem))),
        }
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let Problem { dtype, rows, columns, .. } = *problem;
        let outputs = outputs(problem);
        Cost {
            bytes_read: ((rows + 2 * outputs) * columns * dtype.size()) as u64,
            bytes_written: (rows * outputs * dtype.size()) as u64,
            // Both products; the activation is little beside them.
            flops: (4 * rows * outputs * columns) as u64,
            emulated_visits: (rows.next_multiple_of(16) * 2 * outputs.next_multiple_of(64) * columns) as u64,
        }
    }

    fn on_matrix_cores(&self, _problem: &Problem) -> bool {
        true
    }

    fn describe_element(
        &self,
        _problem: &Problem,
        inputs: &[HostTensor],
        _output: usize,
        row: usize,
        column: usize,
    ) -> String {
        let [gate, up] = Self::gate_and_up(&inputs[1], column, &inputs[0].row_f64(row));
        format!("gate {:e}, up {:e}", gate.value, up.value)
    }
}

//! `top_k`: values and indices of the k largest logits.

use crate::backend::DeviceInfo;
use crate::operation::{
    ContractError, Cost, InputClass, InputGenerator, LaunchPlan, Operation, ParameterKind, ParameterSpec,
    ParameterValue, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

use super::plan::{MOST_CANDIDATES, check_shape, levels};
use super::top_k_plan;
use super::top_k_reference::TopKReference;
use super::total_order::best;

/// Standard deviation of random logits, as language models have it.
pub(super) const LOGIT_SCALE: f64 = 3.0;

/// The k largest of each row, descending; ties to the lower index, NaN below -inf.
pub struct TopK;

const PARAMETERS: &[ParameterSpec] = &[ParameterSpec {
    name: "k",
    kind: ParameterKind::Integer { least: 1, most: 1 << 22 },
    default: ParameterValue::Integer(50),
    summary: "how many to select, 1 to columns",
}];

fn selected(problem: &Problem) -> usize {
    usize::try_from(problem.parameters.integer("k")).expect("k is at least 1")
}

impl Operation for TopK {
    fn name(&self) -> &'static str {
        "top_k"
    }

    fn summary(&self) -> &'static str {
        "the k largest of each row with their indices, descending; ties to the lower index, NaN below -inf"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        &InputClass::ALL
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        check_shape(self.name(), problem)?;
        let k = selected(problem);
        if k > problem.columns {
            return Err(ContractError::OutOfRange {
                operation: self.name(),
                parameter: "k".to_string(),
                value: k.to_string(),
                rule: format!("1 to the {} columns of this problem", problem.columns),
            });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let k = selected(problem);
        let laid_out = |name, role, dtype, columns| TensorSpec {
            row_stride: problem.row_stride(columns),
            base_offset: problem.layout.base_offset,
            ..TensorSpec::new(name, role, dtype, problem.rows, columns)
        };
        let mut logits = laid_out("logits", TensorRole::Input, problem.dtype, problem.columns);
        logits.distinct_rows = problem.distinct_rows();
        vec![
            logits,
            laid_out("values", TensorRole::Output, problem.dtype, k),
            laid_out("indices", TensorRole::Output, DType::U32, k),
        ]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        vec![generate_logits(problem, class, seed, selected(problem))]
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        Box::new(TopKReference::new(&inputs[0], selected(problem)))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        Ok(top_k_plan::plan(device, problem, selected(problem)))
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let k = selected(problem);
        let elements = (problem.rows * problem.columns) as u64;
        let passes = if k <= MOST_CANDIDATES { 2 } else { 4 + u64::from(levels(problem.dtype)) };
        let sorted = (problem.rows * k) as u64 * if k <= MOST_CANDIDATES { 10 } else { 20 };
        Cost {
            bytes_read: elements * problem.dtype.size() as u64,
            bytes_written: (problem.rows * k * (problem.dtype.size() + DType::U32.size())) as u64,
            flops: 0,
            emulated_visits: elements * passes + sorted,
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
        let values = inputs[0].row_f64(row);
        let around = best(&values, (0..values.len()).collect(), (column + 2).min(values.len()));
        let first = column.saturating_sub(1);
        let places: Vec<String> = (first..around.len())
            .map(|place| format!("place {place} is {} at index {}", values[around[place]], around[place]))
            .collect();
        format!("in row {row}, {}", places.join(", "))
    }
}

/// Logits of one class; `boundary` is the place that a run of ties crosses.
pub(super) fn generate_logits(problem: &Problem, class: InputClass, seed: u64, boundary: usize) -> HostTensor {
    let mut logits =
        HostTensor::with_layout(problem.dtype, problem.rows, problem.columns, problem.columns, problem.distinct_rows());
    InputGenerator::new(class, seed).scale(LOGIT_SCALE).boundary(boundary).fill(&mut logits, 0);
    logits
}

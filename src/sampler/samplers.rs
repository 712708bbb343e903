//! `fused_sampler`, `top_k_sampling` and `top_p_sampling`: one implementation, each with its own parameters.

use crate::backend::DeviceInfo;
use crate::operation::{
    ContractError, Cost, InputClass, LaunchPlan, Operation, ParameterSpec, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

use super::distribution::RowDistribution;
use super::draws::{KeptSet, uniform_bits};
use super::filters::{Filters, K, MIN_P, P, STEP, STREAM, TEMPERATURE};
use super::plan::{MOST_CANDIDATES, check_shape, levels};
use super::sampler_plan;
use super::sampler_reference::SamplerReference;
use super::top_k::generate_logits;

/// Flags, number of kept tokens, last kept token in the total order.
pub(super) const DETAIL_COLUMNS: usize = 3;

/// A sampler with some of the filters.
pub struct Sampler {
    name: &'static str,
    summary: &'static str,
    parameters: &'static [ParameterSpec],
}

/// Temperature, top-k, top-p, min-p, draw.
pub const FUSED_SAMPLER: Sampler = Sampler {
    name: "fused_sampler",
    summary: "a token per row: temperature, top-k, softmax, top-p, min-p, inverse-CDF draw by Philox",
    parameters: &[K, P, MIN_P, TEMPERATURE, STEP, STREAM],
};

/// Temperature, top-k, draw.
pub const TOP_K_SAMPLING: Sampler = Sampler {
    name: "top_k_sampling",
    summary: "a token per row: temperature, top-k, softmax, inverse-CDF draw by Philox",
    parameters: &[K, TEMPERATURE, STEP, STREAM],
};

/// Temperature, top-p, draw.
pub const TOP_P_SAMPLING: Sampler = Sampler {
    name: "top_p_sampling",
    summary: "a token per row: temperature, softmax, top-p, inverse-CDF draw by Philox",
    parameters: &[P, TEMPERATURE, STEP, STREAM],
};

impl Operation for Sampler {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        self.parameters
    }

    fn input_classes(&self) -> &'static [InputClass] {
        &InputClass::ALL
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        check_shape(self.name, problem)?;
        Filters::check_temperature(self.name, problem)
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let logits = TensorSpec {
            row_stride: problem.row_stride(problem.columns),
            base_offset: problem.layout.base_offset,
            distinct_rows: problem.distinct_rows(),
            ..TensorSpec::new("logits", TensorRole::Input, problem.dtype, problem.rows, problem.columns)
        };
        let output = |name, columns| TensorSpec::new(name, TensorRole::Output, DType::U32, problem.rows, columns);
        vec![logits, output("token", 1), output("detail", DETAIL_COLUMNS)]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let boundary = Filters::new(problem).k.unwrap_or(problem.columns.div_ceil(2));
        vec![generate_logits(problem, class, seed, boundary)]
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        Box::new(SamplerReference::new(&inputs[0], Filters::new(problem)))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        Ok(sampler_plan::plan(device, problem, &Filters::new(problem)))
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let filters = Filters::new(problem);
        let elements = (problem.rows * problem.columns) as u64;
        let descents = u64::from(filters.k.is_some()) + u64::from(filters.p.is_some());
        let candidates = filters.k.unwrap_or(problem.columns);
        let visits = if candidates <= MOST_CANDIDATES {
            2 * elements + (problem.rows * candidates) as u64 * 20
        } else {
            elements * (3 + descents * u64::from(levels(problem.dtype)))
        };
        Cost {
            bytes_read: elements * problem.dtype.size() as u64,
            bytes_written: (problem.rows * (1 + DETAIL_COLUMNS) * DType::U32.size()) as u64,
            flops: 0,
            emulated_visits: visits,
        }
    }

    fn describe_element(
        &self,
        problem: &Problem,
        inputs: &[HostTensor],
        _output: usize,
        row: usize,
        _column: usize,
    ) -> String {
        let filters = Filters::new(problem);
        let distribution = RowDistribution::new(&inputs[0].row_f64(row), &filters);
        let kept = distribution.kept;
        if kept.predicted == 0 {
            return format!("row {row} has no finite logit (flags {})", distribution.flags);
        }
        let set = KeptSet::new(&distribution, kept.predicted);
        let draw = set.draw(uniform_bits(filters.stream, row as u32, filters.step));
        let place = set.tokens.binary_search(&draw.predicted).expect("drawn from this set");
        let probability = set.probability(place);
        format!(
            "in row {row}, u = {:.17} draws token {} between the CDF edges {:.17} and {:.17} (p = {probability:.3e}) of {} kept tokens ({} to {} within rounding), the last of them {}; band {:.2e}, flags {}",
            draw.u,
            draw.predicted,
            set.edges[place] - probability,
            set.edges[place],
            kept.predicted,
            kept.least,
            kept.most,
            set.last,
            distribution.band,
            distribution.flags,
        )
    }
}

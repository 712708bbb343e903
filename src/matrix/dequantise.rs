//! Quantised weights widened to numbers, for matrix products that take only these.

use rayon::prelude::*;

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, LaunchPlan, NumericOutput, NumericReference, Operation,
    ParameterSpec, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor, QuantFormat};

use super::random_blocks::fill_row;

/// Of `kernels/matrix/dequantise.hip`.
const THREADS: usize = 256;
const RUN: usize = 16;

/// Blocks beyond this walk on in steps of the grid.
const MOST_BLOCKS: usize = 1 << 20;

/// Unit roundoff of f32.
const UNIT: f64 = 5.960_464_477_539_063e-8; // 2^-24

/// `y = W`, W `[rows, columns]` in quantised blocks, computed in f32 and rounded once. With `distinct_rows` the rows repeat.
pub struct Dequantise {
    format: QuantFormat,
}

impl Dequantise {
    pub const Q8_0: Dequantise = Dequantise { format: QuantFormat::Q8_0 };
    pub const Q4_0: Dequantise = Dequantise { format: QuantFormat::Q4_0 };
    pub const Q4_K: Dequantise = Dequantise { format: QuantFormat::Q4K };
    pub const Q5_K: Dequantise = Dequantise { format: QuantFormat::Q5K };
    pub const Q6_K: Dequantise = Dequantise { format: QuantFormat::Q6K };
}

impl Operation for Dequantise {
    fn name(&self) -> &'static str {
        match self.format {
            QuantFormat::Q8_0 => "dequantise_q8_0",
            QuantFormat::Q4_0 => "dequantise_q4_0",
            QuantFormat::Q4K => "dequantise_q4_k",
            QuantFormat::Q5K => "dequantise_q5_k",
            QuantFormat::Q6K => "dequantise_q6_k",
        }
    }

    fn summary(&self) -> &'static str {
        "weights in ggml's quantised blocks, widened to numbers"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &[]
    }

    fn input_classes(&self) -> &'static [InputClass] {
        &[InputClass::Normal]
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { rows, columns, layout, .. } = *problem;
        if columns == 0 || columns > 1 << 30 || !columns.is_multiple_of(self.format.block_weights()) {
            let rule = format!("1 to 2^30 columns, whole blocks of {} weights", self.format.block_weights());
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        if layout.in_place {
            let (layout, rule) = ("in_place".to_string(), "numbers take more room than blocks".to_string());
            return Err(ContractError::Layout { operation: self.name(), layout, rule });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        // Blocks are counted in units of 2 bytes, the largest that divides them all.
        let units = self.format.row_bytes(columns) / DType::F16.size();
        let laid_out = |spec: TensorSpec| TensorSpec {
            row_stride: problem.row_stride(spec.columns),
            base_offset: layout.base_offset,
            ..spec
        };
        let weight = laid_out(TensorSpec::new("weight", TensorRole::Input, DType::F16, rows, units));
        vec![
            TensorSpec { distinct_rows: problem.distinct_rows(), ..weight },
            laid_out(TensorSpec::new("y", TensorRole::Output, dtype, rows, columns)),
        ]
    }

    fn generate(&self, problem: &Problem, _class: InputClass, seed: u64) -> Vec<HostTensor> {
        let spec = &self.tensors(problem)[0];
        let mut weight = HostTensor::with_layout(spec.dtype, spec.rows, spec.columns, spec.columns, spec.distinct_rows);
        for row in 0..weight.distinct_rows() {
            fill_row(self.format, weight.row_bytes_mut(row), seed, row as u64);
        }
        vec![weight]
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let Problem { dtype, rows, columns, .. } = *problem;
        let weights = &inputs[0];
        let widened: (Vec<f64>, Vec<f64>) = (0..weights.distinct_rows())
            .into_par_iter()
            .flat_map_iter(|row| self.format.widen(weights.row_bytes(row)))
            // A product of scales, an offset and the sum are rounded.
            .map(|(value, magnitude)| (value, 3.0 * UNIT * magnitude))
            .unzip();
        let gate = ElementGate::toleranced(dtype);
        let output = NumericOutput::new("y", dtype, rows, columns, gate, widened.0).within(widened.1);
        Box::new(NumericReference::new(vec![output]))
    }

    fn plan(&self, _device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let Problem { dtype, rows, columns, .. } = *problem;
        if rows == 0 {
            return Ok(LaunchPlan::default());
        }
        let mut arguments = vec![PlanArgument::Tensor(0), PlanArgument::Tensor(1), PlanArgument::U64(rows as u64)];
        arguments.push(PlanArgument::U32(columns as u32));
        arguments.extend([0, 1].map(PlanArgument::RowStride));
        let launch = PlannedLaunch {
            kernel: KernelId::new("matrix/dequantise", format!("{}_{dtype}", self.name())),
            dimensions: LaunchDimensions {
                grid: [(rows * columns / RUN).div_ceil(THREADS).min(MOST_BLOCKS) as u32, 1, 1],
                block: [THREADS as u32, 1, 1],
                dynamic_shared_bytes: 0,
            },
            arguments,
        };
        Ok(LaunchPlan::of_launches(0, vec![launch]).overlapping())
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let Problem { dtype, rows, columns, .. } = *problem;
        let weights = (rows * columns) as u64;
        Cost {
            bytes_read: (rows * self.format.row_bytes(columns)) as u64,
            bytes_written: weights * dtype.size() as u64,
            flops: 2 * weights,
            emulated_visits: weights,
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
        let (size, bytes) = (self.format.block_bytes(), inputs[0].row_bytes(row));
        let block = column / self.format.block_weights();
        format!(
            "weight {} of block {:02x?}",
            column % self.format.block_weights(),
            &bytes[block * size..(block + 1) * size]
        )
    }
}

//! Matrix times vector: the work of decoding one token.

use rayon::prelude::*;

use crate::backend::{DeviceInfo, KernelId};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterKind, ParameterSpec, ParameterValue, PlanArgument, PlannedLaunch, Problem, Reference,
    TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor, QuantFormat};

use super::input_classes::CLASSES;
use super::random_blocks::fill_row;
use super::rounding::Dot;
use super::wave_share::{MOST_ROWS, WaveShare};

const fn flag(name: &'static str, summary: &'static str) -> ParameterSpec {
    ParameterSpec { name, kind: ParameterKind::Flag, default: ParameterValue::Flag(false), summary }
}

const PARAMETERS: &[ParameterSpec] =
    &[flag("bias", "adds a number of its own to each row"), flag("residual", "adds the residual to the result")];

/// The class is that of the vector. A quantised weight is a product and a difference, which meet an infinity one by one:
/// the result may be NaN where the weight's own product is infinite, so that infinities are left out.
const QUANTISED_CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::Uniform,
    InputClass::AllEqual,
    InputClass::NanFirst,
    InputClass::NanMiddle,
    InputClass::NanLast,
    InputClass::Denormals,
    InputClass::SignedZeros,
    InputClass::Dominant,
];

/// `y = W x (+ bias) (+ residual)` with W `[rows, columns]` in the problem's storage type, or in quantised blocks. All is
/// summed in f32 and rounded once.
pub struct MatrixVector {
    format: Option<QuantFormat>,
}

impl MatrixVector {
    pub const NUMBERS: MatrixVector = MatrixVector { format: None };
    pub const Q8_0: MatrixVector = MatrixVector { format: Some(QuantFormat::Q8_0) };
    pub const Q4_0: MatrixVector = MatrixVector { format: Some(QuantFormat::Q4_0) };
    pub const Q4_K: MatrixVector = MatrixVector { format: Some(QuantFormat::Q4K) };
    pub const Q5_K: MatrixVector = MatrixVector { format: Some(QuantFormat::Q5K) };
    pub const Q6_K: MatrixVector = MatrixVector { format: Some(QuantFormat::Q6K) };

    /// One row's product with the vector, before bias and residual.
    fn dot(&self, weights: &HostTensor, row: usize, x: &[f64]) -> Dot {
        match self.format {
            Some(format) => Dot::of(format.widen(weights.row_bytes(row)).into_iter(), x),
            None => Dot::of(weights.row_f64(row).into_iter().map(|weight| (weight, weight.abs())), x),
        }
    }

    /// What is added to each row: the inputs behind the vector.
    fn extras(problem: &Problem) -> usize {
        ["bias", "residual"].iter().filter(|name| problem.parameters.flag(name)).count()
    }
}

impl Operation for MatrixVector {
    fn name(&self) -> &'static str {
        match self.format {
            None => "matrix_vector",
            Some(QuantFormat::Q8_0) => "matrix_vector_q8_0",
            Some(QuantFormat::Q4_0) => "matrix_vector_q4_0",
            Some(QuantFormat::Q4K) => "matrix_vector_q4_k",
            Some(QuantFormat::Q5K) => "matrix_vector_q5_k",
            Some(QuantFormat::Q6K) => "matrix_vector_q6_k",
        }
    }

    fn summary(&self) -> &'static str {
        match self.format {
            None => "y = W x (+ bias) (+ residual)",
            Some(_) => "y = W x (+ bias) (+ residual), W in ggml's quantised blocks",
        }
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        if self.format.is_some() { QUANTISED_CLASSES } else { CLASSES }
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { rows, columns, layout, .. } = *problem;
        let refused = |rule: String| Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        if rows == 0 || rows > MOST_ROWS || columns == 0 || columns > 1 << 30 {
            return refused("1 to 2^24 rows, of 1 to 2^30 columns".to_string());
        }
        if let Some(format) = self.format.filter(|format| !columns.is_multiple_of(format.block_weights())) {
            return refused(format!("columns are whole blocks of {} weights", format.block_weights()));
        }
        if layout.in_place {
            let (layout, rule) = ("in_place".to_string(), "every row reads the whole vector".to_string());
            return Err(ContractError::Layout { operation: self.name(), layout, rule });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        // Blocks are counted in units of 2 bytes, the largest that divides them all.
        let (stored, units) = match self.format {
            Some(format) => (DType::F16, format.row_bytes(columns) / DType::F16.size()),
            None => (dtype, columns),
        };
        let placed = |spec: TensorSpec| TensorSpec { base_offset: layout.base_offset, ..spec };
        let weight = TensorSpec {
            row_stride: problem.row_stride(units),
            distinct_rows: problem.distinct_rows(),
            ..placed(TensorSpec::new("weight", TensorRole::Input, stored, rows, units))
        };
        let vector = |name, role, length| placed(TensorSpec::new(name, role, dtype, 1, length));
        let mut specs = vec![weight, vector("x", TensorRole::Input, columns)];
        for name in ["bias", "residual"] {
            if problem.parameters.flag(name) {
                specs.push(vector(name, TensorRole::Input, rows));
            }
        }
        specs.push(vector("y", TensorRole::Output, rows));
        specs
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let inputs = self.tensors(problem).into_iter().filter(|spec| spec.role == TensorRole::Input);
        inputs
            .enumerate()
            .map(|(slot, spec)| {
                let mut tensor =
                    HostTensor::with_layout(spec.dtype, spec.rows, spec.columns, spec.columns, spec.distinct_rows);
                match self.format.filter(|_| slot == 0) {
                    Some(format) => {
                        for row in 0..spec.distinct_rows {
                            fill_row(format, tensor.row_bytes_mut(row), seed, row as u64);
                        }
                    }
                    None => InputGenerator::new(class, seed).fill(&mut tensor, slot as u32),
                }
                tensor
            })
            .collect()
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let (weights, x) = (&inputs[0], inputs[1].row_f64(0));
        let products: Vec<Dot> =
            (0..weights.distinct_rows()).into_par_iter().map(|row| self.dot(weights, row, &x)).collect();
        let extras: Vec<_> = inputs[2..].iter().map(|input| input.row_f64(0)).collect();
        let rows = (0..problem.rows).map(|row| {
            let dot = products[row % products.len()];
            extras.iter().fold(dot, |dot, extra| dot.plus(extra[row]))
        });
        let (values, tolerances): (Vec<_>, Vec<_>) = rows.map(|dot| (dot.sum, dot.tolerance())).unzip();
        let gate = ElementGate::toleranced(problem.dtype);
        let output = NumericOutput::new("y", problem.dtype, 1, problem.rows, gate, values).within(tolerances);
        Box::new(NumericReference::new(vec![output]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let specs = self.tensors(problem);
        let slot = |name: &str| match specs.iter().position(|spec| spec.name == name) {
            Some(slot) => PlanArgument::Tensor(slot),
            None => PlanArgument::Null,
        };
        let share = WaveShare::new(device, problem.rows, problem.columns);
        let mut arguments: Vec<_> = ["weight", "x", "bias", "residual", "y"].map(slot).into();
        arguments.extend([
            PlanArgument::U64(problem.rows as u64),
            PlanArgument::U32(problem.columns as u32),
            PlanArgument::U32(share.waves_per_row),
            PlanArgument::RowStride(0),
        ]);
        let launch = PlannedLaunch {
            kernel: KernelId::new("matrix/matrix_vector", format!("{}_{}", self.name(), problem.dtype)),
            dimensions: share.dimensions,
            arguments,
        };
        let plan = LaunchPlan::of_launches(0, vec![launch]);
        Ok(match self.format {
            None => plan.overlapping_ahead(&[0]),
            Some(_) => plan.overlapping(),
        })
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let Problem { dtype, rows, columns, .. } = *problem;
        let row_bytes = self.format.map_or(columns * dtype.size(), |format| format.row_bytes(columns));
        let vectors = columns + Self::extras(problem) * rows;
        Cost {
            bytes_read: (rows * row_bytes + vectors * dtype.size()) as u64,
            bytes_written: (rows * dtype.size()) as u64,
            flops: (2 * rows * columns) as u64,
            emulated_visits: (2 * rows * columns) as u64,
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
        let dot = self.dot(&inputs[0], column, &inputs[1].row_f64(0));
        let extras = match Self::extras(problem) {
            0 => String::new(),
            _ => format!("; added {:?}", inputs[2..].iter().map(|input| input.get(0, column)).collect::<Vec<_>>()),
        };
        format!("W x is {:e} from products of {:e} together{extras}", dot.sum, dot.magnitude)
    }
}

//! Matrix product: the work of a prompt, where no vendor library does it.

use rayon::prelude::*;

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterKind, ParameterSpec, ParameterValue, PlanArgument, PlannedLaunch, Problem, Reference,
    TensorRole, TensorSpec,
};
use crate::tensor::HostTensor;

use super::input_classes::CLASSES;
use super::rounding::Dot;
use super::tiles::{self, Tiled};
use super::{Bounded, few_rows};

/// Of `kernels/matrix/matrix_product.hip` and `matrix_product_fragments.hip`; of few rows `few_rows` knows.
const THREADS: u32 = 256;
const TILE: usize = 64;
const FRAGMENT_TILE: usize = 128;

pub const OUTPUTS: ParameterSpec = ParameterSpec {
    name: "outputs",
    kind: ParameterKind::Integer { least: 1, most: 1 << 30 },
    default: ParameterValue::Integer(64),
    summary: "rows of the weights, which are columns of the result",
};

const TILES: ParameterSpec = ParameterSpec {
    name: "tiles",
    kind: ParameterKind::Flag,
    default: ParameterValue::Flag(false),
    summary: "by tiles that stream through shared memory, as compute capability 9.0 does, on other devices too (16-bit numbers)",
};

/// `Y = X W^T`, X `[rows, columns]` and W `[outputs, columns]`, summed in f32 and rounded once. With `distinct_rows` the rows
/// of both repeat.
pub struct MatrixProduct;

/// 16-bit numbers are multiplied on matrix cores.
fn on_matrix_cores(problem: &Problem) -> bool {
    problem.dtype.size() == 2
}

/// Rows and columns of a block's results.
fn tile(problem: &Problem) -> usize {
    if on_matrix_cores(problem) { FRAGMENT_TILE } else { TILE }
}

/// The parameter of that name.
pub fn outputs(problem: &Problem) -> usize {
    usize::try_from(problem.parameters.integer("outputs")).expect("outputs is at least 1")
}

pub(super) fn dot(weights: &HostTensor, row: usize, x: &[f64]) -> Dot {
    Dot::of(weights.row_f64(row).into_iter().map(|weight| (weight, weight.abs())), x)
}

/// The product of a row of weights with x, within the bound on an f32 computation of it.
pub fn bounded_product(weights: &HostTensor, row: usize, x: &[f64]) -> Bounded {
    let dot = dot(weights, row, x);
    Bounded { value: dot.sum, tolerance: dot.tolerance() }
}

impl Operation for MatrixProduct {
    fn name(&self) -> &'static str {
        "matrix_product"
    }

    fn summary(&self) -> &'static str {
        "Y = X W^T"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &[OUTPUTS, TILES]
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { rows, columns, layout, .. } = *problem;
        if columns == 0
            || columns > 1 << 30
            || rows > 1 << 30
            || rows.div_ceil(TILE) * outputs(problem).div_ceil(TILE) > 1 << 30
        {
            let rule = "1 to 2^30 columns, at most 2^30 rows, and at most 2^30 tiles of 64 x 64 results".to_string();
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        if layout.in_place {
            let (layout, rule) = ("in_place".to_string(), "every result reads a whole row".to_string());
            return Err(ContractError::Layout { operation: self.name(), layout, rule });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        let outputs = outputs(problem);
        let laid_out = |name, role, rows: usize, columns| {
            let repeated = layout.distinct_rows != 0 && role == TensorRole::Input;
            TensorSpec {
                row_stride: problem.row_stride(columns),
                base_offset: layout.base_offset,
                distinct_rows: if repeated { layout.distinct_rows.min(rows) } else { rows },
                ..TensorSpec::new(name, role, dtype, rows, columns)
            }
        };
        vec![
            laid_out("x", TensorRole::Input, rows, columns),
            laid_out("weight", TensorRole::Input, outputs, columns),
            laid_out("y", TensorRole::Output, rows, outputs),
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
        let (x, weights, outputs) = (&inputs[0], &inputs[1], outputs(problem));
        let rows = (0..x.distinct_rows()).into_par_iter().flat_map_iter(|row| {
            let x = x.row_f64(row);
            let distinct: Vec<Dot> = (0..weights.distinct_rows()).map(|row| dot(weights, row, &x)).collect();
            (0..outputs).map(move |output| distinct[output % distinct.len()])
        });
        let (values, tolerances): (Vec<_>, Vec<_>) = rows.map(|dot| (dot.sum, dot.tolerance())).unzip();
        let gate = ElementGate::toleranced(problem.dtype);
        let output = NumericOutput::new("y", problem.dtype, problem.rows, outputs, gate, values).within(tolerances);
        Box::new(NumericReference::new(vec![output]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let Problem { dtype, rows, columns, .. } = *problem;
        if rows == 0 {
            return Ok(LaunchPlan::default());
        }
        if tiles::takes(device, problem, problem.parameters.flag("tiles")) {
            return Ok(Tiled::Product.plan(device, problem, outputs(problem)));
        }
        if few_rows::takes(problem, outputs(problem)) {
            return Ok(few_rows::plan(device, problem, outputs(problem)));
        }
        let (outputs, specs) = (outputs(problem), self.tensors(problem));
        let mut arguments: Vec<_> = (0..specs.len()).map(PlanArgument::Tensor).collect();
        arguments.extend([rows, outputs, columns].map(|size| PlanArgument::U32(size as u32)));
        arguments.extend((0..specs.len()).map(PlanArgument::RowStride));
        let name = if on_matrix_cores(problem) { "matrix_product_fragments" } else { "matrix_product" };
        let launch = PlannedLaunch {
            kernel: KernelId::new(format!("matrix/{name}"), format!("{name}_{dtype}")),
            dimensions: LaunchDimensions {
                grid: [(rows.div_ceil(tile(problem)) * outputs.div_ceil(tile(problem))) as u32, 1, 1],
                block: [THREADS, 1, 1],
                dynamic_shared_bytes: 0,
            },
            arguments,
        };
        Ok(LaunchPlan::of_launches(0, vec![launch]).overlapping())
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let Problem { dtype, rows, columns, .. } = *problem;
        let outputs = outputs(problem);
        let rows_made = match few_rows::takes(problem, outputs) {
            true => few_rows::rows_made(rows),
            false => rows.next_multiple_of(tile(problem)),
        };
        let tiled = rows_made * outputs.next_multiple_of(tile(problem)) * columns;
        Cost {
            bytes_read: ((rows + outputs) * columns * dtype.size()) as u64,
            bytes_written: (rows * outputs * dtype.size()) as u64,
            flops: (2 * rows * outputs * columns) as u64,
            emulated_visits: tiled as u64,
        }
    }

    fn on_matrix_cores(&self, problem: &Problem) -> bool {
        on_matrix_cores(problem)
    }

    fn describe_element(
        &self,
        _problem: &Problem,
        inputs: &[HostTensor],
        _output: usize,
        row: usize,
        column: usize,
    ) -> String {
        let dot = dot(&inputs[1], column, &inputs[0].row_f64(row));
        format!("the sum is {:e} from products of {:e} together", dot.sum, dot.magnitude)
    }
}

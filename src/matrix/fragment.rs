//! The matrix fragments that kernels for prompts are made of, as an operation: a wrong layout on some architecture shows
//! here by name, and not as wrong attention.

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterSpec, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

use super::rounding::Dot;

/// Rows, columns and depth of a tile.
const EDGE: usize = 16;

/// Of `kernels/matrix/matrix_fragment.hip`: waves of a block, each with a pair of tiles.
const WAVES: usize = 4;

const CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::AllEqual,
    InputClass::Infinities,
    InputClass::NanFirst,
    InputClass::Denormals,
    InputClass::SignedZeros,
    InputClass::Ascending,
];

/// Pairs of 16 x 16 tiles, one below the other: `product = L R^T` and `transposed = L R`, `converted` which is the product once
/// more with L taken from accumulators, and the sums of the product's rows. All are f32.
pub struct MatrixFragment;

/// One of the outputs' elements, with the row of the left tile and the row or column of the right one.
fn dot(inputs: &[HostTensor], output: usize, row: usize, column: usize) -> Dot {
    let (left, first) = (inputs[0].row_f64(row), row / EDGE * EDGE);
    let right = |k: usize| match output {
        1 => inputs[1].get(first + k, column),
        _ => inputs[1].get(first + column, k),
    };
    let right: Vec<_> = (0..EDGE).map(right).collect();
    Dot::of(left.into_iter().map(|value| (value, value.abs())), &right)
}

impl Operation for MatrixFragment {
    fn name(&self) -> &'static str {
        "matrix_fragment"
    }

    fn summary(&self) -> &'static str {
        "L R^T of 16 x 16 tiles by each function of the matrix fragments: a check of their layouts"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &[]
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        if dtype.size() != 2 || columns != EDGE || !rows.is_multiple_of(EDGE) || rows > 1 << 24 {
            let rule = "tiles of 16 x 16, one below the other, of f16 or bf16".to_string();
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        if layout != Default::default() {
            let (layout, rule) = ("a layout".to_string(), "tiles lie close together".to_string());
            return Err(ContractError::Layout { operation: self.name(), layout, rule });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let Problem { dtype, rows, .. } = *problem;
        let output = |name, columns| TensorSpec::new(name, TensorRole::Output, DType::F32, rows, columns);
        vec![
            TensorSpec::new("left", TensorRole::Input, dtype, rows, EDGE),
            TensorSpec::new("right", TensorRole::Input, dtype, rows, EDGE),
            output("product", EDGE),
            output("transposed", EDGE),
            output("converted", EDGE),
            output("row_sums", 1),
        ]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let fill = |class, slot| {
            let mut tensor = HostTensor::zeros(problem.dtype, problem.rows, EDGE);
            InputGenerator::new(class, seed).fill(&mut tensor, slot);
            tensor
        };
        // Products of two subnormals of bf16 are all zero, whatever a matrix core makes of its operands.
        vec![fill(class, 0), fill(if class == InputClass::Denormals { InputClass::Normal } else { class }, 1)]
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let rows = problem.rows;
        let gate = ElementGate::toleranced(DType::F32);
        let tile = |name, output| {
            let dots = (0..rows * EDGE).map(|n| dot(inputs, output, n / EDGE, n % EDGE));
            let (values, tolerances): (Vec<_>, Vec<_>) = dots.map(|dot| (dot.sum, dot.tolerance())).unzip();
            NumericOutput::new(name, DType::F32, rows, EDGE, gate, values).within(tolerances)
        };
        let sums = (0..rows).map(|row| {
            let rights: Vec<f64> = (0..EDGE).flat_map(|column| inputs[1].row_f64(row / EDGE * EDGE + column)).collect();
            let left = inputs[0].row_f64(row).repeat(EDGE);
            let dot = Dot::of(left.into_iter().map(|value| (value, value.abs())), &rights);
            (dot.sum, dot.tolerance())
        });
        let (values, tolerances): (Vec<_>, Vec<_>) = sums.unzip();
        let row_sums = NumericOutput::new("row_sums", DType::F32, rows, 1, gate, values).within(tolerances);
        let outputs = vec![tile("product", 0), tile("transposed", 1), tile("converted", 2), row_sums];
        Box::new(NumericReference::new(outputs))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let tiles = problem.rows / EDGE;
        if tiles == 0 {
            return Ok(LaunchPlan::default());
        }
        let mut arguments: Vec<_> = (0..6).map(PlanArgument::Tensor).collect();
        arguments.push(PlanArgument::U32(tiles as u32));
        let launch = PlannedLaunch {
            kernel: KernelId::new("matrix/matrix_fragment", format!("matrix_fragment_{}", problem.dtype)),
            dimensions: LaunchDimensions {
                grid: [tiles.div_ceil(WAVES) as u32, 1, 1],
                block: [WAVES as u32 * device.wave_size, 1, 1],
                dynamic_shared_bytes: 0,
            },
            arguments,
        };
        Ok(LaunchPlan::of_launches(0, vec![launch]))
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let elements = problem.rows * EDGE;
        Cost {
            bytes_read: (2 * elements * problem.dtype.size()) as u64,
            bytes_written: ((3 * elements + problem.rows) * DType::F32.size()) as u64,
            flops: (3 * 2 * elements * EDGE) as u64,
            emulated_visits: (3 * elements * EDGE) as u64,
        }
    }

    fn on_matrix_cores(&self, _problem: &Problem) -> bool {
        true
    }

    fn describe_element(
        &self,
        _problem: &Problem,
        inputs: &[HostTensor],
        output: usize,
        row: usize,
        column: usize,
    ) -> String {
        let (tile, row_in_tile) = (row / EDGE, row % EDGE);
        let functions = match output {
            0 => "load_left, load_right, multiply_add or where an accumulator's elements are",
            1 => "load_right_transposed, unless `product` is wrong too",
            2 => "round_to_left, unless `product` is wrong too",
            _ => "reduce_row or element_slot, unless `product` is wrong too",
        };
        let sum = if output < 3 { format!("sum {:e}; ", dot(inputs, output, row, column).sum) } else { String::new() };
        let place = format!("tile {tile}, row {row_in_tile}, column {column}");
        format!("{sum}{place}; see kernels/include/matrix_fragment*.h for this architecture: {functions}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_transposed_product_takes_the_right_tile_by_columns() {
        let place = |n: usize| (n % EDGE) as f64 + if n / EDGE == 3 { 1.0 } else { 0.0 };
        let values: Vec<f64> = (0..EDGE * EDGE).map(place).collect();
        let right = HostTensor::from_f64(DType::F16, EDGE, EDGE, &values);
        let mut one = vec![0.0; EDGE * EDGE];
        one[5 * EDGE + 2] = 1.0;
        let left = HostTensor::from_f64(DType::F16, EDGE, EDGE, &one);
        let inputs = [left, right];
        assert_eq!(dot(&inputs, 0, 5, 3).sum, 3.0);
        assert_eq!(dot(&inputs, 1, 5, 3).sum, 3.0);
        assert_eq!(dot(&inputs, 0, 5, 9).sum, 2.0);
        assert_eq!(dot(&inputs, 1, 5, 9).sum, 9.0);
        assert_eq!(dot(&inputs, 2, 5, 9).sum, 2.0);
    }
}

//! The vendor library's matrix product, judged as our own is.

use rayon::prelude::*;

use crate::backend::{DeviceInfo, MatrixProductShape};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterKind, ParameterSpec, ParameterValue, PlanStep, PlannedProduct, Problem, Reference, TensorRole,
    TensorSpec, matrix_element,
};
use crate::tensor::HostTensor;

use super::product::{MatrixProduct, OUTPUTS, dot, outputs};
use super::rounding::Dot;

/// What allocations are aligned to, in bytes.
const BUFFER_ALIGNMENT: usize = 256;

const PARAMETERS: &[ParameterSpec] = &[
    OUTPUTS,
    ParameterSpec {
        name: "accumulate",
        kind: ParameterKind::Flag,
        default: ParameterValue::Flag(false),
        summary: "adds the product to what is in y",
    },
];

/// `Y = X W^T` or `Y = Y + X W^T` as `MatrixProduct` computes it, by cuBLASLt or hipBLASLt. A device without such a library
/// cannot run it.
pub struct VendorMatrixProduct;

fn accumulates(problem: &Problem) -> bool {
    problem.parameters.flag("accumulate")
}

/// The sum behind one element. `addend` is what was in y.
fn sum(inputs: &[HostTensor], row: usize, x: &[f64], output: usize) -> Dot {
    let product = dot(&inputs[1], output % inputs[1].distinct_rows(), x);
    match inputs.get(2) {
        Some(addend) => product.plus(addend.get(row, output)),
        None => product,
    }
}

impl Operation for VendorMatrixProduct {
    fn name(&self) -> &'static str {
        "vendor_matrix_product"
    }

    fn summary(&self) -> &'static str {
        "Y = X W^T (+ Y) by cuBLASLt or hipBLASLt"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        MatrixProduct.input_classes()
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { rows, columns, layout, .. } = *problem;
        if layout.in_place {
            let (layout, rule) = ("in_place".to_string(), "every result reads a whole row".to_string());
            return Err(ContractError::Layout { operation: self.name(), layout, rule });
        }
        if columns == 0 || columns > 1 << 30 || rows > 1 << 30 {
            let rule = "1 to 2^30 columns and at most 2^30 rows".to_string();
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let mut specs = MatrixProduct.tensors(problem);
        if accumulates(problem) {
            let result = TensorSpec { role: TensorRole::InPlace { input: 2 }, ..specs[2].clone() };
            specs[2] = TensorSpec {
                name: "addend",
                role: TensorRole::Input,
                distinct_rows: problem.distinct_rows(),
                ..specs[2].clone()
            };
            specs.push(result);
        }
        specs
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let inputs = self.tensors(problem).into_iter().filter(|spec| spec.role == TensorRole::Input);
        let made = inputs.enumerate().map(|(slot, spec)| {
            let mut tensor =
                HostTensor::with_layout(spec.dtype, spec.rows, spec.columns, spec.columns, spec.distinct_rows);
            InputGenerator::new(class, seed).fill(&mut tensor, slot as u32);
            tensor
        });
        made.collect()
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        if !accumulates(problem) {
            return MatrixProduct.reference(problem, inputs);
        }
        let (x, outputs) = (&inputs[0], outputs(problem));
        let rows = (0..x.distinct_rows()).into_par_iter().flat_map_iter(|row| {
            let x = x.row_f64(row);
            (0..outputs).map(move |output| sum(inputs, row, &x, output))
        });
        let (values, tolerances): (Vec<_>, Vec<_>) = rows.map(|dot| (dot.sum, dot.tolerance())).unzip();
        let gate = ElementGate::toleranced(problem.dtype);
        let output = NumericOutput::new("y", problem.dtype, problem.rows, outputs, gate, values).within(tolerances);
        Box::new(NumericReference::new(vec![output]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        if rows == 0 {
            return Ok(LaunchPlan::default());
        }
        let element = matrix_element(dtype).ok_or_else(|| ContractError::Device {
            operation: self.name(),
            device: device.id.clone(),
            rule: format!("matrix libraries do not multiply {dtype}"),
        })?;
        let specs = self.tensors(problem);
        let alignment = match layout.base_offset * dtype.size() {
            0 => BUFFER_ALIGNMENT,
            bytes => BUFFER_ALIGNMENT.min(1 << bytes.trailing_zeros()),
        };
        let shape = MatrixProductShape {
            x_stride: specs[0].row_stride,
            weight_stride: specs[1].row_stride,
            y_stride: specs[2].row_stride,
            accumulate: accumulates(problem),
            alignment,
            ..MatrixProductShape::contiguous(element, rows, outputs(problem), columns)
        };
        let product = PlannedProduct { shape, x: 0, weight: 1, y: specs.len() - 1 };
        Ok(LaunchPlan { workspace_bytes: 0, steps: vec![PlanStep::Product(product)] })
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let product = MatrixProduct.cost(problem);
        let read_again = if accumulates(problem) { product.bytes_written } else { 0 };
        Cost { bytes_read: product.bytes_read + read_again, ..product }
    }

    fn describe_element(
        &self,
        _problem: &Problem,
        inputs: &[HostTensor],
        _output: usize,
        row: usize,
        column: usize,
    ) -> String {
        let dot = sum(inputs, row, &inputs[0].row_f64(row), column);
        format!("the sum is {:e} from products of {:e} together", dot.sum, dot.magnitude)
    }
}

//! The vendor library's matrix product, judged as our own is.

use crate::backend::{DeviceInfo, MatrixProductShape};
use crate::operation::{
    ContractError, Cost, InputClass, LaunchPlan, Operation, ParameterSpec, PlanStep, PlannedProduct, Problem,
    Reference, TensorSpec, matrix_element,
};
use crate::tensor::HostTensor;

use super::product::{MatrixProduct, outputs};

/// What allocations are aligned to, in bytes.
const BUFFER_ALIGNMENT: usize = 256;

/// `Y = X W^T` as `MatrixProduct` computes it, by cuBLASLt or hipBLASLt. A device without such a library cannot run it.
///
/// The libraries can also add the product to what is in Y. This operation has no such parameter: cuBLASLt 13.1 rounds 16-bit
/// products to 16 bits before it adds, for some shapes (35 rows of 72 on an H100), which is two roundings where one is asked for.
pub struct VendorMatrixProduct;

impl Operation for VendorMatrixProduct {
    fn name(&self) -> &'static str {
        "vendor_matrix_product"
    }

    fn summary(&self) -> &'static str {
        "Y = X W^T by cuBLASLt or hipBLASLt"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        MatrixProduct.parameters()
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
        MatrixProduct.tensors(problem)
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        MatrixProduct.generate(problem, class, seed)
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        MatrixProduct.reference(problem, inputs)
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
            alignment,
            ..MatrixProductShape::contiguous(element, rows, outputs(problem), columns)
        };
        let product = PlannedProduct { shape, x: 0, weight: 1, y: 2 };
        Ok(LaunchPlan { steps: vec![PlanStep::Product(product)], ..LaunchPlan::default() })
    }

    fn cost(&self, problem: &Problem) -> Cost {
        MatrixProduct.cost(problem)
    }

    fn on_matrix_cores(&self, problem: &Problem) -> bool {
        MatrixProduct.on_matrix_cores(problem)
    }

    fn describe_element(
        &self,
        problem: &Problem,
        inputs: &[HostTensor],
        output: usize,
        row: usize,
        column: usize,
    ) -> String {
        MatrixProduct.describe_element(problem, inputs, output, row, column)
    }
}

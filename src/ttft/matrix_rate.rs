//! How fast the device multiplies matrices at best: the model's largest product, by what the engine multiplies with.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::backend::{BackendError, Buffer, Device, MatrixElement, MatrixOperand, MatrixProductShape};
use crate::engine::model_file::ModelConfig;
use crate::engine::synthetic::{Spread, fill};
use crate::matrix::MatrixProduct;
use crate::operation::{BindError, BoundProblem, InputClass, Layout, Operation, ParameterValue, Parameters, Problem};
use crate::profiling::statistics::{median, sorted};
use crate::profiling::{KernelTimer, Mode};
use crate::tensor::DType;

/// Rows of inputs that differ, where the own kernel is timed: others repeat them.
const DISTINCT_ROWS: usize = 64;

/// A product and its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatrixRate {
    /// Rows of activations, inputs, outputs.
    pub shape: [u64; 3],
    pub seconds: f64,
}

impl MatrixRate {
    /// Two operations for each multiply-add.
    pub fn flops_per_second(&self) -> f64 {
        2.0 * self.shape.iter().map(|size| *size as f64).product::<f64>() / self.seconds
    }
}

/// Times the gate and up projections of one layer together for `rows` tokens, with random numbers: products of zeros need
/// less power, and run at higher clocks than a model's. The vendor's library does it where the device has one, else the
/// operation `matrix_product`.
pub fn matrix_rate(
    timer: &KernelTimer,
    config: &ModelConfig,
    dtype: DType,
    rows: usize,
) -> Result<MatrixRate, BindError> {
    let (columns, outputs) = (config.hidden, 2 * config.intermediate);
    let device = timer.device();
    let seconds = match device.matrix_library() {
        Ok(library) => {
            let shape = MatrixProductShape::contiguous(element(dtype), rows, outputs, columns);
            let x = random(device, dtype, rows * columns, 0)?;
            let weight = random(device, dtype, outputs * columns, 1)?;
            let y = device.allocate(rows * outputs * dtype.size(), "ttft.matrix_rate.y")?;
            let [x, weight, y] = [&x, &weight, &y].map(|buffer| MatrixOperand { buffer, offset: 0 });
            let product = library.prepare_timed(&shape, x, weight, y)?;
            typical_seconds(timer, &|| product.enqueue(x, weight, y))?
        }
        Err(BackendError::NoMatrixLibrary { .. }) => own_seconds(timer, dtype, rows, columns, outputs)?,
        Err(error) => return Err(error.into()),
    };
    Ok(MatrixRate { shape: [rows as u64, columns as u64, outputs as u64], seconds })
}

fn own_seconds(
    timer: &KernelTimer,
    dtype: DType,
    rows: usize,
    columns: usize,
    outputs: usize,
) -> Result<f64, BindError> {
    let given = [("outputs".to_string(), ParameterValue::Integer(outputs as i64))];
    let parameters = Parameters::new(MatrixProduct.name(), MatrixProduct.parameters(), &given)?;
    let layout = Layout { distinct_rows: DISTINCT_ROWS, ..Layout::default() };
    let problem = Problem { dtype, rows, columns, parameters, layout };
    let bound = BoundProblem::new(timer.device(), &MatrixProduct, &problem)?;
    bound.upload(&MatrixProduct.generate(&problem, InputClass::Normal, 0))?;
    Ok(typical_seconds(timer, &|| bound.enqueue())?)
}

fn element(dtype: DType) -> MatrixElement {
    match dtype {
        DType::F16 => MatrixElement::F16,
        DType::BF16 => MatrixElement::Bf16,
        DType::F32 | DType::U32 => MatrixElement::F32,
    }
}

fn random(device: &Arc<dyn Device>, dtype: DType, elements: usize, tensor: u32) -> Result<Buffer, BackendError> {
    let mut bytes = vec![0; elements * dtype.size()];
    fill(&mut bytes, dtype, Spread { center: 0.0, reach: 1.0 }, 0, tensor);
    let buffer = device.allocate(bytes.len(), "ttft.matrix_rate.operand")?;
    device.upload(&buffer, 0, &bytes)?;
    Ok(buffer)
}

fn typical_seconds(timer: &KernelTimer, work: &dyn Fn() -> Result<(), BackendError>) -> Result<f64, BackendError> {
    let mut workload = || work();
    let samples = timer.measure(&mut workload, Mode::Cold, None, &mut |_| ControlFlow::Continue(()))?;
    let device = timer.device().info().id.clone();
    median(&sorted(&samples.seconds)).ok_or(BackendError::Unsupported { device, capability: "timing by events" })
}

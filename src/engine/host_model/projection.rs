//! Linear layers: activations times a stored matrix. A matrix stays as it is stored; panels of it are widened to f32 where
//! a thread needs them, once for all tokens of a pass.

use rayon::prelude::*;

use super::matrix_product::{Matrix, multiply};
use crate::engine::model_file::{StoredTensor, TensorType, dequantize};

/// f32 elements of a panel: half of a usual 512 KiB L2 cache per core.
const PANEL_ELEMENTS: usize = 1 << 16;

/// Rows `first..first + rows` of a stored matrix in f32; not copied where the file has them so.
fn widen<'a>(weight: &StoredTensor<'a>, first: usize, rows: usize, scratch: &'a mut Vec<f32>) -> &'a [f32] {
    let columns = weight.shape[1];
    let row_bytes = weight.bytes.len() / weight.shape[0];
    let bytes = &weight.bytes[first * row_bytes..][..rows * row_bytes];
    if weight.tensor_type == TensorType::F32
        && cfg!(target_endian = "little")
        && let Ok(values) = bytemuck::try_cast_slice(bytes)
    {
        return values;
    }
    scratch.resize(rows * columns, 0.0);
    dequantize(weight.tensor_type, bytes, scratch);
    scratch
}

/// One row of a stored matrix, such as a token's embedding.
pub fn read_row(weight: &StoredTensor<'_>, row: usize, values: &mut [f32]) {
    let row_bytes = weight.bytes.len() / weight.shape[0];
    dequantize(weight.tensor_type, &weight.bytes[row * row_bytes..][..row_bytes], values);
}

/// `[tokens, outputs]` from `[tokens, inputs]`: `input * weight^T + bias`, with a weight of `[outputs, inputs]`.
pub fn project(weight: &StoredTensor<'_>, bias: Option<&[f32]>, input: &[f32], output: &mut [f32]) {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1]);
    let tokens = input.len() / inputs;
    let activations = Matrix::new(input, tokens, inputs, inputs).transposed();
    let rows = (PANEL_ELEMENTS / inputs).clamp(1, outputs);
    // Panels of the transposed product, [outputs, tokens], are slices of their own, one for each task.
    let panels = |product: &mut [f32]| {
        product.par_chunks_mut(rows * tokens).enumerate().for_each_init(Vec::new, |scratch, (panel, product)| {
            let rows_here = product.len() / tokens;
            let values = widen(weight, panel * rows, rows_here, scratch);
            multiply(product, Matrix::new(values, rows_here, inputs, inputs), activations, 1.0);
        });
    };
    if tokens == 1 {
        panels(output);
    } else {
        let mut product = vec![0.0; outputs * tokens];
        panels(&mut product);
        output.par_chunks_mut(outputs).enumerate().for_each(|(token, row)| {
            for (output, value) in row.iter_mut().zip(product[token..].iter().step_by(tokens)) {
                *output = *value;
            }
        });
    }
    if let Some(bias) = bias {
        for row in output.chunks_exact_mut(outputs) {
            row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More rows than a panel, and a product that sums show to be right: row r of the weight is r in every column.
    #[test]
    fn panels_cover_all_rows_for_one_token_and_for_many() {
        let (outputs, inputs) = (300, 512);
        let bytes: Vec<u8> = (0..outputs * inputs).flat_map(|at| ((at / inputs) as f32).to_le_bytes()).collect();
        let shape = [outputs, inputs];
        let weight = StoredTensor { name: "w", tensor_type: TensorType::F32, shape: &shape, bytes: &bytes };
        let bias = vec![0.5; outputs];
        for tokens in [1, 3] {
            let input: Vec<f32> = (0..tokens * inputs).map(|at| (at / inputs + 1) as f32 / inputs as f32).collect();
            let mut output = vec![f32::NAN; tokens * outputs];
            project(&weight, Some(&bias), &input, &mut output);
            for (at, value) in output.iter().enumerate() {
                let expected = (at % outputs * (at / outputs + 1)) as f32 + 0.5;
                assert!((value - expected).abs() < 1e-3, "{at}: {value}, not {expected}");
            }
        }
    }
}

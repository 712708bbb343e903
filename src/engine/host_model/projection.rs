//! Linear layers: activations times a stored matrix. A matrix stays as it is stored. For one token its rows are widened in
//! registers; for more, panels of it are widened where a thread needs them, once for all tokens of a pass.

use rayon::prelude::*;

use super::panel_product::{PackedActivations, multiply_panels};
use super::row_dot::{RowFactor, multiply_rows};
use crate::engine::model_file::{StoredTensor, dequantize};

/// Fewest stored bytes that are worth a task of their own when there is one token: some microseconds of reading.
const TASK_BYTES: usize = 1 << 16;

/// One row of a stored matrix, such as a token's embedding.
pub fn read_row(weight: &StoredTensor<'_>, row: usize, values: &mut [f32]) {
    dequantize(weight.tensor_type, weight.columns(row, 0, weight.shape[1]), values);
}

/// `[tokens, outputs]` from `[tokens, inputs]`: `input * weight^T + bias`, with a weight of `[outputs, inputs]`.
pub fn project(weight: &StoredTensor<'_>, bias: Option<&[f32]>, input: &[f32], output: &mut [f32]) {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1]);
    let tokens = input.len() / inputs;
    if tokens == 1 {
        let rows = (TASK_BYTES * outputs / weight.bytes.len()).clamp(1, outputs);
        let factor = RowFactor::new(input);
        output
            .par_chunks_mut(rows)
            .enumerate()
            .for_each(|(task, products)| multiply_rows(weight, task * rows, &factor, products));
    } else {
        multiply_panels(weight, &PackedActivations::new(input, inputs), output);
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
    use crate::engine::model_file::TensorType;

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

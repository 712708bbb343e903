//! RMSNorm (Zhang and Sennrich, 2019, arXiv:1910.07467) and SwiGLU (Shazeer, 2020, arXiv:2002.05202) of rows in f32.

use rayon::prelude::*;

/// Each row of `weight.len()` elements: `x / sqrt(mean(x^2) + epsilon) * weight`. The mean is taken in f64.
pub fn rms_norm(input: &[f32], weight: &[f32], epsilon: f32, output: &mut [f32]) {
    let width = weight.len();
    output.par_chunks_mut(width).zip(input.par_chunks(width)).for_each(|(output, input)| {
        output.copy_from_slice(input);
        rms_norm_row(output, weight, epsilon);
    });
}

/// One row, where it lies.
pub fn rms_norm_row(row: &mut [f32], weight: &[f32], epsilon: f32) {
    let squares: f64 = row.iter().map(|value| f64::from(*value).powi(2)).sum();
    let scale = 1.0 / (squares / row.len() as f64 + f64::from(epsilon)).sqrt();
    for (value, weight) in row.iter_mut().zip(weight) {
        *value = (f64::from(*value) * scale) as f32 * weight;
    }
}

/// `gate = gate * sigmoid(gate) * up`.
pub fn swiglu(gate: &mut [f32], up: &[f32]) {
    const CHUNK: usize = 4096;
    gate.par_chunks_mut(CHUNK).zip(up.par_chunks(CHUNK)).for_each(|(gate, up)| {
        for (gate, up) in gate.iter_mut().zip(up) {
            *gate = *gate / (1.0 + (-*gate).exp()) * up;
        }
    });
}

/// `sum += addend`.
pub fn add(sum: &mut [f32], addend: &[f32]) {
    sum.iter_mut().zip(addend).for_each(|(sum, addend)| *sum += addend);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_normalised_each_for_itself() {
        let mut output = [0.0; 4];
        rms_norm(&[3.0, 4.0, 0.0, 0.0], &[1.0, 2.0], 0.0, &mut output[..]);
        let root = 12.5f32.sqrt();
        assert!((output[0] - 3.0 / root).abs() < 1e-6 && (output[1] - 8.0 / root).abs() < 1e-6);
        assert!(output[2].is_nan(), "0 / 0 without an epsilon, as in transformers");
        rms_norm(&[0.0, 0.0], &[1.0, 1.0], 1e-5, &mut output[..2]);
        assert_eq!(output[..2], [0.0, 0.0]);
    }

    #[test]
    fn swiglu_gates_with_silu() {
        let mut gate = [0.0, 100.0, -100.0, 1.0];
        swiglu(&mut gate, &[5.0, 2.0, 3.0, 1.0]);
        assert_eq!(gate[..2], [0.0, 200.0]);
        assert!(gate[2].abs() < 1e-30 && (gate[3] - 0.731_058_6).abs() < 1e-6);
    }
}

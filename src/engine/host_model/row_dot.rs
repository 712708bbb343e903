//! Products of stored rows with one vector, the work of one token: weights are widened in registers, on their way from
//! memory into the sum.

use super::lanes::{LANES, Lanes, Work, with_lanes};
use super::stored_groups::{GroupSink, VECTORS, walk_groups};
use crate::engine::model_file::{StoredTensor, TensorType};
use crate::tensor::GROUP;

/// A vector that rows are multiplied with.
pub struct RowFactor<'a> {
    values: &'a [f32],
    /// The sum of each group of values: an offset that all weights of a group have is multiplied by it.
    group_sums: Vec<f32>,
}

impl<'a> RowFactor<'a> {
    pub fn new(values: &'a [f32]) -> Self {
        Self { values, group_sums: values.chunks(GROUP).map(|group| group.iter().sum()).collect() }
    }
}

/// `products[i]` becomes the product of row `first + i` of `weight` with `factor`, summed in f32.
pub fn multiply_rows(weight: &StoredTensor<'_>, first: usize, factor: &RowFactor<'_>, products: &mut [f32]) {
    assert_eq!(weight.shape[1], factor.values.len(), "inputs");
    let row_bytes = weight.bytes.len() / weight.shape[0];
    let rows = &weight.bytes[first * row_bytes..][..products.len() * row_bytes];
    with_lanes(MultiplyRows { tensor_type: weight.tensor_type, rows, row_bytes, factor, products });
}

struct MultiplyRows<'a> {
    tensor_type: TensorType,
    rows: &'a [u8],
    row_bytes: usize,
    factor: &'a RowFactor<'a>,
    products: &'a mut [f32],
}

impl Work for MultiplyRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call<L: Lanes>(self, lanes: L) {
        for (row, product) in self.rows.chunks_exact(self.row_bytes).zip(self.products) {
            let sums = [lanes.splat(0.0); VECTORS];
            let mut dot = Dot { lanes, factor: self.factor, sums, offsets: 0.0 };
            walk_groups(lanes, self.tensor_type, row, &mut dot);
            *product = total(lanes, dot.sums) - dot.offsets;
        }
    }
}

struct Dot<'a, L: Lanes> {
    lanes: L,
    factor: &'a RowFactor<'a>,
    /// Enough to keep two units busy over the four cycles that a sum takes.
    sums: [L::Vector; VECTORS],
    /// What offsets take off.
    offsets: f32,
}

impl<L: Lanes> GroupSink<L> for Dot<'_, L> {
    #[inline(always)]
    fn group(&mut self, at: usize, weights: [L::Vector; VECTORS]) {
        let (groups, rest) = self.factor.values.as_chunks::<GROUP>();
        let mut last = [0.0; GROUP];
        let values = if at < groups.len() {
            &groups[at]
        } else {
            last[..rest.len()].copy_from_slice(rest);
            &last
        };
        let values = values.as_chunks::<LANES>().0;
        for (sum, (weight, values)) in self.sums.iter_mut().zip(weights.iter().zip(values)) {
            *sum = self.lanes.multiply_add(*weight, self.lanes.load(values), *sum);
        }
    }

    /// The step and the offset come to the sum of a group's products, not to each.
    #[inline(always)]
    fn quantised(&mut self, at: usize, codes: [L::Vector; VECTORS], steps: [f32; 2], offset: Option<f32>) {
        const { assert!(VECTORS == 4, "two vectors to each step") };
        let lanes = self.lanes;
        let values = self.factor.values.as_chunks::<GROUP>().0[at].as_chunks::<LANES>().0;
        for (half, step) in steps.iter().enumerate() {
            let first = lanes.multiply(codes[2 * half], lanes.load(&values[2 * half]));
            let both = lanes.multiply_add(codes[2 * half + 1], lanes.load(&values[2 * half + 1]), first);
            let sum = &mut self.sums[half];
            *sum = lanes.multiply_add(lanes.splat(*step), both, *sum);
        }
        if let Some(offset) = offset {
            self.offsets += offset * self.factor.group_sums[at];
        }
    }
}

/// The sum of all, in pairs, so that errors stay small.
#[inline(always)]
fn total<L: Lanes>(lanes: L, sums: [L::Vector; VECTORS]) -> f32 {
    let mut parts = [0.0; GROUP];
    for (part, sum) in parts.as_chunks_mut().0.iter_mut().zip(sums) {
        *part = lanes.store(sum);
    }
    let mut width = GROUP / 2;
    while width > 0 {
        let (low, high) = parts.split_at_mut(width);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
        width /= 2;
    }
    parts[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::host_model::lanes::Portable;
    use crate::engine::model_file::dequantize;

    /// Bytes of a pattern with every value, and scales that are finite.
    fn stored(tensor_type: TensorType, elements: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            (0..tensor_type.bytes_of(elements).expect("whole blocks")).map(|at| (at * 37 % 251) as u8).collect();
        match tensor_type.quant_format() {
            Some(format) => {
                for block in bytes.chunks_exact_mut(format.block_bytes()) {
                    format.block_scales().iter().for_each(|at| block[at + 1] = 0x20 | block[at + 1] & 0x83);
                }
            }
            None => {
                let width = tensor_type.block_bytes();
                bytes.chunks_exact_mut(width).for_each(|value| value[width - 1] = 0x3c | value[width - 1] & 0x81);
            }
        }
        bytes
    }

    #[test]
    fn every_type_gives_the_product_of_its_widened_weights_on_any_cpu() {
        for tensor_type in TensorType::ALL {
            let columns = if tensor_type.block_elements() == 1 { 77 } else { 2 * tensor_type.block_elements() };
            let rows = 5;
            let bytes = stored(tensor_type, rows * columns);
            let shape = [rows, columns];
            let weight = StoredTensor { name: "w", tensor_type, shape: &shape, bytes: &bytes };
            let vector: Vec<f32> = (0..columns).map(|at| ((at * 29 % 64) as f32 - 31.0) / 16.0).collect();
            let mut widened = vec![0.0; rows * columns];
            dequantize(tensor_type, &bytes, &mut widened);
            let mut products = [[f32::NAN; 4]; 2];
            let factor = RowFactor::new(&vector);
            multiply_rows(&weight, 1, &factor, &mut products[0]);
            let row_bytes = bytes.len() / rows;
            let (after_first, plain) = (&bytes[row_bytes..], &mut products[1]);
            Portable.run(MultiplyRows { tensor_type, rows: after_first, row_bytes, factor: &factor, products: plain });
            for (at, row) in widened.chunks_exact(columns).skip(1).enumerate() {
                let parts = row.iter().zip(&vector).map(|(weight, value)| f64::from(*weight) * f64::from(*value));
                let (exact, size) = parts.fold((0.0, 0.0), |(sum, size), part| (sum + part, size + part.abs()));
                assert!(size > 0.0, "{tensor_type}: nothing to sum");
                for products in products {
                    let error = (f64::from(products[at]) - exact).abs();
                    assert!(error <= 1e-6 * size, "{tensor_type}, row {at}: {} not {exact}", products[at]);
                }
            }
        }
    }
}

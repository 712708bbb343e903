//! The reference of `top_k`: a sort by the total order. Values and indices must be exact.

use rayon::prelude::*;

use crate::operation::{OutputJudgement, Reference, WorstElement};
use crate::tensor::{DType, HostTensor, ulp_distance};

use super::total_order::best;

/// Values, as the stored bits, and indices of the k best of every distinct row.
pub struct TopKReference {
    values: HostTensor,
    indices: HostTensor,
}

impl TopKReference {
    pub fn new(logits: &HostTensor, k: usize) -> Self {
        let (dtype, rows, distinct) = (logits.dtype(), logits.rows(), logits.distinct_rows());
        let size = dtype.size();
        let mut values = HostTensor::with_layout(dtype, rows, k, k, distinct);
        let mut indices = HostTensor::with_layout(DType::U32, rows, k, k, distinct);
        let stored = values.bytes_mut().par_chunks_mut(k * size).zip(indices.bytes_mut().par_chunks_mut(k * 4));
        stored.enumerate().for_each(|(row, (values, indices))| {
            let row_values = logits.row_f64(row);
            let selected = best(&row_values, (0..row_values.len()).collect(), k);
            let row_bytes = logits.row_bytes(row);
            let places = values.chunks_exact_mut(size).zip(indices.chunks_exact_mut(4));
            for ((value, index), position) in places.zip(selected) {
                value.copy_from_slice(&row_bytes[position * size..(position + 1) * size]);
                index.copy_from_slice(&(position as u32).to_le_bytes());
            }
        });
        Self { values, indices }
    }
}

impl Reference for TopKReference {
    fn judge(&self, outputs: &[HostTensor]) -> Vec<OutputJudgement> {
        vec![judge_exact("values", &self.values, &outputs[0]), judge_exact("indices", &self.indices, &outputs[1])]
    }

    fn expected(&self) -> Vec<HostTensor> {
        vec![self.values.clone(), self.indices.clone()]
    }
}

/// Bit for bit: the first element that differs is the worst.
fn judge_exact(name: &str, expected: &HostTensor, actual: &HostTensor) -> OutputJudgement {
    let size = expected.dtype().size();
    let (rows, columns) = (expected.rows(), expected.columns());
    let differing = |row: usize| {
        let pairs = expected.row_bytes(row).chunks_exact(size).zip(actual.row_bytes(row).chunks_exact(size));
        pairs.enumerate().filter(|(_, (expected, actual))| expected != actual).map(|(column, _)| column)
    };
    let failed: u64 = (0..rows).into_par_iter().map(|row| differing(row).count() as u64).sum();
    let elements = (rows * columns) as u64;
    let mut judgement = OutputJudgement {
        output: name.to_string(),
        elements,
        failed_elements: failed,
        bit_equal: if elements == 0 { 1.0 } else { 1.0 - failed as f64 / elements as f64 },
        ..Default::default()
    };
    if let Some((row, column)) = (0..rows).find_map(|row| differing(row).next().map(|column| (row, column))) {
        let (wanted, given) = (expected.get(row, column), actual.get(row, column));
        let ulp = ulp_distance(expected.dtype(), wanted, given);
        judgement.failures.push(format!(
            "{failed} of {elements} {name} differ, where all must be exact; first at [{row}, {column}]: {given} instead of {wanted}"
        ));
        judgement.max_ulp = ulp;
        judgement.worst = Some(WorstElement { row, column, expected: wanted, actual: given, ulp });
    }
    judgement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_sign_of_zero_and_the_order_of_ties() {
        let logits = HostTensor::from_f64(DType::F16, 1, 5, &[-0.0, 2.0, 0.0, f64::NAN, 2.0]);
        let reference = TopKReference::new(&logits, 5);
        assert_eq!(reference.indices.row_u32(0), [1, 4, 0, 2, 3]);
        assert_eq!(reference.values.row_bytes(0)[4..8], [0x00, 0x80, 0x00, 0x00]);
        let mut outputs = reference.expected();
        assert!(reference.judge(&outputs).iter().all(OutputJudgement::passed));
        // The right value with the other tied index is wrong.
        outputs[1].set(0, 0, 4.0);
        let judgements = reference.judge(&outputs);
        assert!(judgements[0].passed());
        assert!(judgements[1].failures[0].contains("4 instead of 1"), "{:?}", judgements[1].failures);
    }
}

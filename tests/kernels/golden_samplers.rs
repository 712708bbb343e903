//! The selection references against PyTorch's topk and Hugging Face's logits warpers (`golden/make_golden.py`).

use std::fs;
use std::path::Path;

use hipgauge::operation::{Layout, ParameterValue, Parameters, Problem};
use hipgauge::registry;
use hipgauge::sampler::{Filters, RowDistribution};
use hipgauge::tensor::{DType, HostTensor};
use safetensors::SafeTensors;

/// Probabilities come from f64 softmax on both sides.
const PROBABILITY_TOLERANCE: f64 = 1e-12;

fn golden() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/operations.safetensors");
    fs::read(path).expect("the golden file is committed")
}

fn stored(file: &SafeTensors<'_>, name: &str, dtype: DType) -> HostTensor {
    let view = file.tensor(name).expect("a golden tensor");
    let mut tensor = HostTensor::zeros(dtype, view.shape()[0], view.shape()[1]);
    tensor.bytes_mut().copy_from_slice(view.data());
    tensor
}

fn doubles(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let view = file.tensor(name).expect("a golden tensor");
    view.data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().expect("8 bytes"))).collect()
}

#[test]
fn top_k_agrees_with_torch() {
    let bytes = golden();
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let operation = registry::find("top_k").expect("registered");
    for dtype in DType::FLOATS {
        for (columns, k) in [(7, 3), (129, 129), (1000, 50)] {
            let prefix = format!("top_k.{dtype}.{columns}");
            let logits = stored(&file, &format!("{prefix}.logits"), dtype);
            let given = [("k".to_string(), ParameterValue::Integer(k))];
            let parameters = Parameters::new("top_k", operation.parameters(), &given).expect("in range");
            let rows = logits.rows();
            let problem = Problem { dtype, rows, columns, parameters, layout: Layout::default() };
            let expected = operation.reference(&problem, &[logits]).expected();
            let values: Vec<f64> = (0..rows).flat_map(|row| expected[0].row_f64(row)).collect();
            assert_eq!(values, doubles(&file, &format!("{prefix}.values")), "{prefix}");
            // Rounding to bf16 makes ties, whose order torch does not document.
            if dtype != DType::BF16 {
                let indices = stored(&file, &format!("{prefix}.indices"), DType::U32);
                assert_eq!(expected[1].bytes(), indices.bytes(), "{prefix}");
            }
        }
    }
}

#[test]
fn kept_sets_and_probabilities_agree_with_the_warpers() {
    let bytes = golden();
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let (mut equal_rows, mut all_rows) = (0, 0);
    for dtype in DType::FLOATS {
        let logits = stored(&file, &format!("sampler.{dtype}.logits"), dtype);
        for number in 0..10 {
            let settings = doubles(&file, &format!("sampler.{number}.settings"));
            let [temperature, k, p, min_p] = settings[..] else { panic!("four settings") };
            let filters = Filters {
                k: (k > 0.0).then_some(k as usize),
                p: (p < 1.0).then_some(p),
                min_p,
                temperature,
                stream: 0,
                step: 0,
            };
            let probabilities = doubles(&file, &format!("sampler.{dtype}.{number}.probabilities"));
            for (row, warped) in probabilities.chunks(logits.columns()).enumerate() {
                all_rows += 1;
                equal_rows += usize::from(agree(&logits.row_f64(row), &filters, warped));
            }
        }
    }
    // The warpers keep every logit equal to the k-th; the contract keeps the lower indices only.
    assert!(equal_rows * 4 >= all_rows * 3, "only {equal_rows} of {all_rows} rows are without a tie at the boundary");
}

/// Whether both keep the same set, with the same probabilities; they may differ only in ties at the boundary.
fn agree(logits: &[f64], filters: &Filters, warped: &[f64]) -> bool {
    let row = RowDistribution::new(logits, filters);
    let kept = row.kept.predicted;
    let total: f64 = row.masses[..kept].iter().sum();
    let mut ours = vec![0.0; logits.len()];
    for (&token, mass) in row.tokens[..kept].iter().zip(&row.masses) {
        ours[token as usize] = mass / total;
    }
    let boundary = logits[row.tokens[kept - 1] as usize];
    let differing: Vec<usize> =
        (0..logits.len()).filter(|&token| (ours[token] > 0.0) != (warped[token] > 0.0)).collect();
    if let Some(token) = differing.iter().find(|&&token| logits[token] != boundary) {
        panic!("{filters:?}: token {token} has probability {} here and {} there", ours[*token], warped[*token]);
    }
    for (token, (ours, warped)) in ours.iter().zip(warped).enumerate() {
        let equal = (ours - warped).abs() <= PROBABILITY_TOLERANCE;
        assert!(equal || !differing.is_empty(), "{filters:?}: token {token} has {ours} here and {warped} there");
    }
    differing.is_empty()
}

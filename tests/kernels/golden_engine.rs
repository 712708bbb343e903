//! References of the engine's operations against PyTorch, Hugging Face transformers and the gguf package:
//! `tests/golden/make_engine_golden.py` made the vectors.

use std::fs;
use std::path::Path;

use hipgauge::operation::{Layout, ParameterValue, Parameters, Problem};
use hipgauge::registry;
use hipgauge::tensor::{DType, HostTensor, QuantFormat};
use safetensors::{Dtype, SafeTensors};

struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    fn open() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/engine.safetensors");
        Self { bytes: fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    }

    /// A tensor in its storage type; int32 is read as u32.
    fn input(&self, name: &str) -> HostTensor {
        let file = SafeTensors::deserialize(&self.bytes).expect("a safetensors file");
        let view = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::I32 => DType::U32,
            other => panic!("{name} is {other:?}"),
        };
        let mut tensor = HostTensor::zeros(dtype, view.shape()[0], view.shape()[1]);
        tensor.bytes_mut().copy_from_slice(view.data());
        tensor
    }

    /// A float64 result, rounded once to a storage type.
    fn result(&self, name: &str, dtype: DType) -> HostTensor {
        let file = SafeTensors::deserialize(&self.bytes).expect("a safetensors file");
        let view = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(view.dtype(), Dtype::F64, "{name}");
        let values = view.data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().expect("8 bytes")));
        HostTensor::from_f64(dtype, view.shape()[0], view.shape()[1], &values.collect::<Vec<_>>())
    }
}

/// What a call asks for: the operation, its shape and its parameters.
struct Call<'a> {
    operation: &'a str,
    rows: usize,
    columns: usize,
    parameters: &'a [(&'a str, ParameterValue)],
}

/// Judges others' outputs as if a device had made them, and says whether they are ours bit for bit.
fn agree(call: &Call, dtype: DType, inputs: &[HostTensor], theirs: &[HostTensor]) -> bool {
    let operation = registry::find(call.operation).expect("a registered operation");
    let given: Vec<_> = call.parameters.iter().map(|(name, value)| ((*name).to_string(), *value)).collect();
    let parameters = Parameters::new(operation.name(), operation.parameters(), &given).expect("in range");
    let Call { rows, columns, .. } = *call;
    let problem = Problem { dtype, rows, columns, parameters, layout: Layout::default() };
    operation.check(&problem).expect("within the contract");
    let reference = operation.reference(&problem, inputs);
    for judgement in reference.judge(theirs) {
        assert!(judgement.passed(), "{} in {dtype}: {judgement:?}", call.operation);
    }
    let ours = reference.expected();
    ours.iter().zip(theirs).all(|(ours, theirs)| (0..ours.rows()).all(|row| ours.row_f64(row) == theirs.row_f64(row)))
}

fn integer(value: i64) -> ParameterValue {
    ParameterValue::Integer(value)
}

#[test]
fn embedding_is_torch_embedding() {
    let golden = Golden::open();
    for dtype in DType::FLOATS {
        let inputs = ["ids", "table"].map(|name| golden.input(&format!("embedding.{dtype}.{name}")));
        let y = golden.result(&format!("embedding.{dtype}.y"), dtype);
        let call = Call { operation: "embedding", rows: 4, columns: 21, parameters: &[("vocab", integer(11))] };
        assert!(agree(&call, dtype, &inputs, &[y, HostTensor::zeros(DType::U32, 4, 1)]));
    }
}

#[test]
fn rope_is_that_of_transformers_in_both_pairings() {
    let golden = Golden::open();
    for dtype in DType::FLOATS {
        for scaling in ["plain", "llama3"] {
            let name = |part: &str| format!("rope.{dtype}.{scaling}.{part}");
            let (q, k) = (golden.input(&name("q")), golden.input(&name("k")));
            let inputs = [q, k, golden.input("rope.positions"), golden.input(&name("frequencies"))];
            for (interleaved, suffix) in [(false, "out"), (true, "interleaved")] {
                let theirs = ["q", "k"].map(|which| golden.result(&name(&format!("{which}_{suffix}")), dtype));
                let interleaved = ("interleaved", ParameterValue::Flag(interleaved));
                let parameters = [("heads", integer(2)), ("kv_heads", integer(1)), interleaved];
                // Their sines are f32's, ours f64's: equal within the gate, not in every bit.
                let call = Call { operation: "rope", rows: 5, columns: 64, parameters: &parameters };
                agree(&call, dtype, &inputs, &theirs);
            }
        }
    }
}

#[test]
fn one_token_in_one_kernel_is_what_a_decoder_layer_of_transformers_does() {
    let golden = Golden::open();
    let (heads, kv_heads, head_dim, position, capacity) = (4, 2, 18, 517, 600);
    for dtype in DType::FLOATS {
        let name = |part: &str| format!("fused.{dtype}.{part}");
        let input = |part: &str| golden.input(&name(part));
        let activated = golden.result(&name("activated"), dtype);
        let call = Call { operation: "fused_gate_up", rows: 11, columns: 72, parameters: &[] };
        agree(&call, dtype, &[input("x"), input("mlp_norm"), input("gate_up")], &[activated]);

        // Their keys and values in the token's slot, NaN in all others.
        let cached = |part: &str| {
            let (token, mut cache) =
                (golden.result(&name(part), dtype), vec![f64::NAN; kv_heads * capacity * head_dim]);
            for head in 0..kv_heads {
                let start = (head * capacity + position) * head_dim;
                cache[start..start + head_dim].copy_from_slice(&token.row_f64(head));
            }
            HostTensor::from_f64(dtype, kv_heads * capacity, head_dim, &cache)
        };
        let sequence = HostTensor::zeros(DType::U32, 1, 1);
        let inputs = [
            input("x"),
            input("attention_norm"),
            input("qkv"),
            input("bias"),
            golden.input("fused.position"),
            sequence,
            input("frequencies"),
        ];
        let parameters = [
            ("heads", integer(heads)),
            ("kv_heads", integer(kv_heads as i64)),
            ("hidden", integer(72)),
            ("sequences", integer(1)),
            ("capacity", integer(capacity as i64)),
            ("bias", ParameterValue::Flag(true)),
        ];
        let call = Call { operation: "fused_qkv", rows: 1, columns: head_dim, parameters: &parameters };
        agree(&call, dtype, &inputs, &[golden.result(&name("q"), dtype), cached("k"), cached("v")]);
    }
}

#[test]
fn gate_and_up_of_several_tokens_are_the_mlp_of_transformers() {
    let golden = Golden::open();
    for dtype in [DType::F16, DType::BF16] {
        let inputs = ["x", "weight"].map(|part| golden.input(&format!("gated.{dtype}.{part}")));
        let y = golden.result(&format!("gated.{dtype}.y"), dtype);
        let call = Call { operation: "gate_up_swiglu", rows: 5, columns: 72, parameters: &[("outputs", integer(11))] };
        agree(&call, dtype, &inputs, &[y]);
    }
}

#[test]
fn attention_is_scaled_dot_product_attention() {
    let golden = Golden::open();
    let shape = [("heads", integer(6)), ("kv_heads", integer(2)), ("capacity", integer(37))];
    for dtype in DType::FLOATS {
        // Their scale is 1 / sqrt(head_dim) in f64, ours in f32 as kernels take it: the same number for 64 only.
        for (columns, exact) in [(64, true), (80, false)] {
            let name = |part: &str| format!("attention.{dtype}.{columns}.{part}");
            let [q, k, v] = ["q", "k", "v"].map(|part| golden.input(&name(part)));
            let inputs = [q.clone(), k.clone(), v.clone()];
            let parameters = [&shape[..], &[("past", integer(20))]].concat();
            let call = Call { operation: "attention_prefill", rows: 5, columns, parameters: &parameters };
            let same = agree(&call, dtype, &inputs, &[golden.result(&name("prefill"), dtype)]);
            assert!(same || !exact, "prefill {dtype}");

            // Three sequences that hold the same, in use up to different lengths.
            let repeated = |tensor: &HostTensor, rows: usize, times: usize| {
                let mut all = HostTensor::zeros(dtype, rows * times, tensor.columns());
                for row in 0..rows * times {
                    all.row_bytes_mut(row).copy_from_slice(tensor.row_bytes(row % rows));
                }
                all
            };
            let lengths = HostTensor::from_f64(DType::U32, 3, 1, &[1.0, 23.0, 37.0]);
            let inputs = [repeated(&q, 3, 1), repeated(&k, 74, 3), repeated(&v, 74, 3), lengths];
            let call = Call { operation: "attention_decode", rows: 3, columns, parameters: &shape };
            let same = agree(&call, dtype, &inputs, &[golden.result(&name("decode"), dtype)]);
            assert!(same || !exact, "decode {dtype}");
        }
    }
}

#[test]
fn products_are_torch_linear() {
    let golden = Golden::open();
    for dtype in DType::FLOATS {
        let name = |part: &str| format!("linear.{dtype}.{part}");
        let [x, weight, bias, residual] = ["x", "weight", "bias", "residual"].map(|part| golden.input(&name(part)));
        let [y, y_all] = ["y", "y_all"].map(|part| golden.result(&name(part), dtype));
        let call = Call { operation: "matrix_product", rows: 3, columns: 72, parameters: &[("outputs", integer(7))] };
        assert!(agree(&call, dtype, &[x.clone(), weight.clone()], std::slice::from_ref(&y)), "{dtype}");
        let row_of = |tensor: &HostTensor, row: usize| {
            let mut one = HostTensor::zeros(dtype, 1, tensor.columns());
            one.bytes_mut().copy_from_slice(tensor.row_bytes(row));
            one
        };
        for row in 0..3 {
            let call = Call { operation: "matrix_vector", rows: 7, columns: 72, parameters: &[] };
            assert!(agree(&call, dtype, &[weight.clone(), row_of(&x, row)], &[row_of(&y, row)]), "{dtype}");
            let parameters = ["bias", "residual"].map(|name| (name, ParameterValue::Flag(true)));
            let call = Call { parameters: &parameters, ..call };
            let inputs = [weight.clone(), row_of(&x, row), bias.clone(), row_of(&residual, row)];
            assert!(agree(&call, dtype, &inputs, &[row_of(&y_all, row)]), "{dtype}");
        }
    }
}

#[test]
fn quantised_blocks_are_widened_as_by_the_gguf_package() {
    let golden = Golden::open();
    let file = SafeTensors::deserialize(&golden.bytes).expect("a safetensors file");
    for format in QuantFormat::ALL {
        let name = format.name().to_uppercase();
        let data = file.tensor(&format!("quant.{name}.data")).expect("blocks");
        let theirs = golden.result(&format!("quant.{name}.values"), DType::F32);
        assert_eq!(data.shape(), [4, format.row_bytes(512)], "{name}");
        for (row, bytes) in data.data().chunks_exact(format.row_bytes(512)).enumerate() {
            let pairs = format.widen(bytes).into_iter().zip(theirs.row_f64(row));
            for (column, ((value, magnitude), theirs)) in pairs.enumerate() {
                // They compute in f32: two roundings of the parts' size.
                assert!(
                    (value - theirs).abs() <= 2f64.powi(-23) * magnitude,
                    "{name}[{row}, {column}]: {value}, {theirs}"
                );
            }
        }
    }
}

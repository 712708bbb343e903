//! Our references against PyTorch and Hugging Face transformers: `tests/golden/make_golden.py` made the vectors.
//!
//! A reference that repeats a kernel's mistake validates nothing, so each one is pinned to somebody else's code.

use std::fs;
use std::path::Path;

use hipgauge::operation::{Layout, Operation, ParameterValue, Parameters, Problem};
use hipgauge::registry::OPERATIONS;
use hipgauge::tensor::{DType, HostTensor};
use safetensors::{Dtype, SafeTensors};

const COLUMNS: [usize; 3] = [7, 64, 129];

struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    fn open() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/operations.safetensors");
        Self { bytes: fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    }

    fn view<T>(&self, name: &str, read: impl Fn(&safetensors::tensor::TensorView<'_>) -> T) -> T {
        let file = SafeTensors::deserialize(&self.bytes).expect("a safetensors file");
        read(&file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}")))
    }

    /// An input in its storage type.
    fn input(&self, name: &str) -> HostTensor {
        self.view(name, |view| {
            let dtype = match view.dtype() {
                Dtype::F32 => DType::F32,
                Dtype::F16 => DType::F16,
                Dtype::BF16 => DType::BF16,
                other => panic!("{name} is {other:?}"),
            };
            let mut tensor = HostTensor::zeros(dtype, view.shape()[0], view.shape()[1]);
            tensor.bytes_mut().copy_from_slice(view.data());
            tensor
        })
    }

    /// A float64 result.
    fn result(&self, name: &str) -> Vec<f64> {
        self.view(name, |view| {
            assert_eq!(view.dtype(), Dtype::F64, "{name}");
            view.data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().expect("8 bytes"))).collect()
        })
    }

    fn indices(&self, name: &str) -> Vec<u32> {
        self.view(name, |view| {
            assert_eq!(view.dtype(), Dtype::I32, "{name}");
            view.data().chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("4 bytes"))).collect()
        })
    }
}

fn operation(name: &str) -> &'static dyn Operation {
    *OPERATIONS.iter().find(|operation| operation.name() == name).unwrap_or_else(|| panic!("no operation `{name}`"))
}

/// The reference's rounded outputs on the given inputs.
fn expected(name: &str, columns: usize, inputs: &[HostTensor], given: &[(&str, ParameterValue)]) -> Vec<HostTensor> {
    let operation = operation(name);
    let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_string(), *value)).collect();
    let parameters = Parameters::new(operation.name(), operation.parameters(), &given).expect("in range");
    let problem =
        Problem { dtype: inputs[0].dtype(), rows: inputs[0].rows(), columns, parameters, layout: Layout::default() };
    operation.check(&problem).expect("within the contract");
    operation.reference(&problem, inputs).expected()
}

/// Both sides rounded once from f64 to the storage type: they must be the same bits. A sum in another order may
/// move an f64 by an ulp of its own, which crosses a rounding edge of f32 once in about 10^8 elements.
fn assert_same(name: &str, actual: &HostTensor, golden: &[f64]) {
    let dtype = actual.dtype();
    let actual: Vec<f64> = (0..actual.rows()).flat_map(|row| actual.row_f64(row)).collect();
    assert_eq!(actual.len(), golden.len(), "{name}");
    for (place, (actual, golden)) in actual.iter().zip(golden).enumerate() {
        assert_eq!(*actual, dtype.round(*golden), "{name}[{place}]: PyTorch says {golden}");
    }
}

#[test]
fn rms_norm_is_pytorchs() {
    let golden = Golden::open();
    for dtype in DType::FLOATS {
        for columns in COLUMNS {
            let prefix = format!("rms_norm.{dtype}.{columns}");
            let tensor = |name: &str| golden.input(&format!("{prefix}.{name}"));
            let eps = [("eps", ParameterValue::Float(1e-5))];
            let outputs = expected("rms_norm", columns, &[tensor("x"), tensor("weight")], &eps);
            assert_same(&prefix, &outputs[0], &golden.result(&format!("{prefix}.y")));
            let inputs = [tensor("x"), tensor("residual"), tensor("weight")];
            let outputs = expected("rms_norm_residual", columns, &inputs, &eps);
            assert_same(&prefix, &outputs[0], &golden.result(&format!("{prefix}.residual_y")));
            assert_eq!(outputs[1].bytes(), tensor("residual_out").bytes(), "{prefix}.residual_out");
        }
    }
}

#[test]
fn swiglu_is_silu_of_gate_times_up() {
    let golden = Golden::open();
    for dtype in DType::FLOATS {
        for columns in COLUMNS {
            let prefix = format!("swiglu.{dtype}.{columns}");
            let [gate, up] = ["gate", "up"].map(|name| golden.input(&format!("{prefix}.{name}")));
            let result = golden.result(&format!("{prefix}.y"));
            let outputs = expected("swiglu", columns, &[gate.clone(), up.clone()], &[]);
            assert_same(&prefix, &outputs[0], &result);
            let mut packed = HostTensor::zeros(dtype, gate.rows(), 2 * columns);
            for row in 0..gate.rows() {
                let (first, second) = packed.row_bytes_mut(row).split_at_mut(columns * dtype.size());
                first.copy_from_slice(gate.row_bytes(row));
                second.copy_from_slice(up.row_bytes(row));
            }
            assert_same(&prefix, &expected("swiglu_packed", columns, &[packed], &[])[0], &result);
        }
    }
}

#[test]
fn top_k_is_torch_topk() {
    let golden = Golden::open();
    for dtype in DType::FLOATS {
        for (columns, k) in [(7, 3), (129, 129), (1000, 50)] {
            let prefix = format!("top_k.{dtype}.{columns}");
            let logits = golden.input(&format!("{prefix}.logits"));
            let outputs = expected("top_k", columns, &[logits], &[("k", ParameterValue::Integer(k))]);
            assert_same(&prefix, &outputs[0], &golden.result(&format!("{prefix}.values")));
            if dtype != DType::BF16 {
                let indices: Vec<u32> = (0..outputs[1].rows()).flat_map(|row| outputs[1].row_u32(row)).collect();
                assert_eq!(indices, golden.indices(&format!("{prefix}.indices")), "{prefix}");
            }
        }
    }
}

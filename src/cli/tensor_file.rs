//! A user's tensors: safetensors files in, safetensors files out.

use std::path::Path;

use hipgauge::operation::TensorSpec;
use hipgauge::tensor::{DType, HostTensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::exit_code::Exit;
use super::failure::{Failure, OrExit};

/// The bytes of a file and what to call it.
pub struct TensorFile {
    name: String,
    bytes: Vec<u8>,
}

/// A tensor's place in a matrix: leading dimensions are rows, the last one columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTensor {
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub rows: usize,
    pub columns: usize,
}

impl TensorFile {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).or_exit_with(Exit::Usage, || format!("cannot read --in {name}"))?;
        let file = Self { name, bytes };
        file.parse()?;
        Ok(file)
    }

    fn parse(&self) -> Result<SafeTensors<'_>, Failure> {
        SafeTensors::deserialize(&self.bytes).or_exit_with(Exit::Usage, || {
            format!("{} is not a whole safetensors file; write it with safetensors.torch.save_file", self.name)
        })
    }

    /// What the file holds, for error messages: `weight f32 [4096], x bf16 [19, 4096]`.
    fn contents(&self) -> Result<String, Failure> {
        let tensors = self.parse()?;
        let mut all: Vec<_> = tensors
            .iter()
            .map(|(name, view)| format!("{name} {} {:?}", view.dtype().to_string().to_lowercase(), view.shape()))
            .collect();
        all.sort();
        Ok(all.join(", "))
    }

    /// Shape and type of the tensor of that name.
    pub fn describe(&self, name: &str) -> Result<FileTensor, Failure> {
        let tensors = self.parse()?;
        let Ok(view) = tensors.tensor(name) else {
            let contents = self.contents()?;
            return Err(Failure::usage(format!(
                "{} has no tensor `{name}`; it holds {contents}; rename one",
                self.name
            )));
        };
        let shape = view.shape().to_vec();
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::U32 => DType::U32,
            other => {
                let message = format!("{}: `{name}` is {other}; convert it to f32, f16 or bf16", self.name);
                return Err(Failure::usage(message));
            }
        };
        let Some((&columns, leading)) = shape.split_last() else {
            return Err(Failure::usage(format!(
                "{}: `{name}` is a scalar; give it a shape [rows, columns]",
                self.name
            )));
        };
        Ok(FileTensor { dtype, rows: leading.iter().product(), columns, shape })
    }

    /// The tensor that a spec asks for.
    pub fn tensor(&self, spec: &TensorSpec) -> Result<HostTensor, Failure> {
        let found = self.describe(spec.name)?;
        if (found.dtype, found.rows, found.columns) != (spec.dtype, spec.rows, spec.columns) {
            return Err(Failure::usage(format!(
                "{}: `{}` is {} {:?}, but these tensors and parameters need {} [{}, {}]",
                self.name, spec.name, found.dtype, found.shape, spec.dtype, spec.rows, spec.columns
            )));
        }
        let tensors = self.parse()?;
        let view = tensors.tensor(spec.name).or_exit(Exit::Usage)?;
        let mut tensor = HostTensor::zeros(spec.dtype, spec.rows, spec.columns);
        tensor.bytes_mut().copy_from_slice(view.data());
        Ok(tensor)
    }
}

/// Writes named tensors. An output with as many rows as the first input gets that input's leading dimensions.
pub fn write(path: &Path, outputs: &[(&str, HostTensor)], first_input: &FileTensor) -> Result<(), Failure> {
    let views = outputs
        .iter()
        .map(|(name, tensor)| {
            let mut shape = vec![tensor.rows(), tensor.columns()];
            if tensor.rows() == first_input.rows {
                shape.splice(..1, first_input.shape[..first_input.shape.len() - 1].iter().copied());
            }
            let dtype = match tensor.dtype() {
                DType::F32 => Dtype::F32,
                DType::F16 => Dtype::F16,
                DType::BF16 => Dtype::BF16,
                DType::U32 => Dtype::U32,
            };
            TensorView::new(dtype, shape, tensor.bytes()).map(|view| (*name, view))
        })
        .collect::<Result<Vec<_>, _>>()
        .or_exit(Exit::HarnessFault)?;
    safetensors::serialize_to_file(views, None, path).or_exit_with(Exit::Usage, || {
        format!("cannot write --out {}; name a file in a folder that exists", path.display())
    })
}

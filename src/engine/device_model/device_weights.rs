//! All weights of a model in device memory.

use crate::backend::{Buffer, Device};
use crate::engine::model_file::{LayerWeights, ModelConfig, ModelWeights, StoredTensor};
use crate::tensor::DType;

use super::DeviceModelError;
use super::device_matrix::{DeviceMatrix, kept_bytes, kept_format};
use super::upload::upload_widened;

/// The weights of one layer.
pub struct DeviceLayer {
    pub attention_norm: Buffer,
    /// Query, key and value projections over each other.
    pub qkv: DeviceMatrix,
    pub qkv_bias: Option<Buffer>,
    /// Norms of each head.
    pub query_norm: Option<Buffer>,
    pub key_norm: Option<Buffer>,
    pub attention_output: DeviceMatrix,
    pub mlp_norm: Buffer,
    /// Gate over up.
    pub gate_up: DeviceMatrix,
    pub down: DeviceMatrix,
}

/// The weights of all layers and what lies around them.
pub struct DeviceWeights {
    /// `[vocab, hidden]` in the compute type, whatever it is stored as: rows are looked up, not multiplied.
    pub token_embedding: Buffer,
    pub layers: Vec<DeviceLayer>,
    pub output_norm: Buffer,
    pub head: DeviceMatrix,
    /// Radians per position of each pair of a head, f32.
    pub frequencies: Buffer,
}

/// A head that is the token embedding needs no memory of its own, unless it is kept quantised.
fn shares_embedding(config: &ModelConfig, weights: &ModelWeights<'_>) -> bool {
    config.tied_head && kept_format(weights.head.tensor_type).is_none()
}

fn number_bytes(tensor: &StoredTensor<'_>, dtype: DType) -> u64 {
    (tensor.elements() * dtype.size()) as u64
}

/// Device bytes of all weights in `dtype`, without the fences and the rounding of allocations.
pub fn weight_bytes(config: &ModelConfig, weights: &ModelWeights<'_>, dtype: DType) -> u64 {
    let head = if shares_embedding(config, weights) { 0 } else { kept_bytes(&weights.head, dtype) };
    let outer = number_bytes(&weights.token_embedding, dtype) + number_bytes(&weights.output_norm, dtype) + head;
    // Vectors are never quantised on the device; matrices are kept as they are.
    let of_tensor = |tensor: StoredTensor<'_>| match tensor.shape.len() {
        1 => number_bytes(&tensor, dtype),
        _ => kept_bytes(&tensor, dtype),
    };
    let layers = weights.layers.iter().flat_map(LayerWeights::tensors).map(of_tensor);
    outer + layers.sum::<u64>() + (config.head_dim / 2 * DType::F32.size()) as u64
}

struct Uploader<'a> {
    device: &'a dyn Device,
    dtype: DType,
}

impl Uploader<'_> {
    /// Tensors one after the other, as numbers of the compute type.
    fn numbers(&self, label: &str, tensors: &[StoredTensor<'_>]) -> Result<Buffer, DeviceModelError> {
        let bytes: u64 = tensors.iter().map(|tensor| number_bytes(tensor, self.dtype)).sum();
        let buffer = self.device.allocate(bytes as usize, label)?;
        let mut offset = 0;
        for tensor in tensors {
            upload_widened(self.device, &buffer, offset, tensor, self.dtype)?;
            offset += number_bytes(tensor, self.dtype) as usize;
        }
        Ok(buffer)
    }

    fn number(&self, label: &str, tensor: StoredTensor<'_>) -> Result<Buffer, DeviceModelError> {
        self.numbers(label, &[tensor])
    }

    fn matrix(&self, label: &str, tensors: &[StoredTensor<'_>]) -> Result<DeviceMatrix, DeviceModelError> {
        DeviceMatrix::upload(self.device, label, tensors, self.dtype)
    }

    fn layer(&self, index: usize, weights: &LayerWeights<'_>) -> Result<DeviceLayer, DeviceModelError> {
        let label = |name: &str| format!("layer {index} {name}");
        let biases = [weights.query_bias, weights.key_bias, weights.value_bias];
        let biases: Vec<_> = biases.into_iter().flatten().collect();
        let optional = |name: &str, tensor: Option<StoredTensor<'_>>| {
            tensor.map(|tensor| self.number(&label(name), tensor)).transpose()
        };
        Ok(DeviceLayer {
            attention_norm: self.number(&label("attention norm"), weights.attention_norm)?,
            qkv: self.matrix(&label("qkv"), &[weights.query, weights.key, weights.value])?,
            qkv_bias: (!biases.is_empty()).then(|| self.numbers(&label("qkv bias"), &biases)).transpose()?,
            query_norm: optional("query norm", weights.query_norm)?,
            key_norm: optional("key norm", weights.key_norm)?,
            attention_output: self.matrix(&label("attention output"), &[weights.attention_output])?,
            mlp_norm: self.number(&label("mlp norm"), weights.mlp_norm)?,
            gate_up: self.matrix(&label("gate and up"), &[weights.gate, weights.up])?,
            down: self.matrix(&label("down"), &[weights.down])?,
        })
    }
}

impl DeviceWeights {
    /// Copies all weights; nothing borrows from the file afterwards.
    pub fn upload(
        device: &dyn Device,
        config: &ModelConfig,
        weights: &ModelWeights<'_>,
        dtype: DType,
    ) -> Result<Self, DeviceModelError> {
        let uploader = Uploader { device, dtype };
        let token_embedding = uploader.number("token embedding", weights.token_embedding)?;
        let head = match shares_embedding(config, weights) {
            true => DeviceMatrix::of_numbers(token_embedding.clone(), config.vocab, config.hidden),
            false => uploader.matrix("head", &[weights.head])?,
        };
        let angles: Vec<u8> = config.rope.frequencies(config.head_dim).into_iter().flat_map(f32::to_le_bytes).collect();
        let frequencies = device.allocate(angles.len(), "inverse frequencies")?;
        device.upload(&frequencies, 0, &angles)?;
        let layers = weights.layers.iter().enumerate();
        Ok(Self {
            layers: layers.map(|(index, layer)| uploader.layer(index, layer)).collect::<Result<_, _>>()?,
            output_norm: uploader.number("output norm", weights.output_norm)?,
            token_embedding,
            head,
            frequencies,
        })
    }
}

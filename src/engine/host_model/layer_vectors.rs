//! The small tensors of a layer, widened once.

use crate::engine::model_file::{LayerWeights, StoredTensor, dequantize};

/// Norm weights and biases of one layer in f32.
pub struct LayerVectors {
    pub attention_norm: Vec<f32>,
    pub mlp_norm: Vec<f32>,
    pub query_bias: Option<Vec<f32>>,
    pub key_bias: Option<Vec<f32>>,
    pub value_bias: Option<Vec<f32>>,
    pub query_norm: Option<Vec<f32>>,
    pub key_norm: Option<Vec<f32>>,
}

impl LayerVectors {
    pub fn new(weights: &LayerWeights<'_>) -> Self {
        let widen_if = |tensor: &Option<StoredTensor<'_>>| tensor.as_ref().map(widen);
        Self {
            attention_norm: widen(&weights.attention_norm),
            mlp_norm: widen(&weights.mlp_norm),
            query_bias: widen_if(&weights.query_bias),
            key_bias: widen_if(&weights.key_bias),
            value_bias: widen_if(&weights.value_bias),
            query_norm: widen_if(&weights.query_norm),
            key_norm: widen_if(&weights.key_norm),
        }
    }
}

/// A whole tensor in f32.
pub fn widen(tensor: &StoredTensor<'_>) -> Vec<f32> {
    let mut values = vec![0.0; tensor.elements()];
    dequantize(tensor.tensor_type, tensor.bytes, &mut values);
    values
}

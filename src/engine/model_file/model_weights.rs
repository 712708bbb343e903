//! A model's tensors by what they are for, each of the shape that the configuration says.

use super::StoredTensor;

/// All weights of a model. Matrices are `[outputs, inputs]`, vectors `[elements]`.
#[derive(Clone, Debug)]
pub struct ModelWeights<'a> {
    /// `[vocab, hidden]`.
    pub token_embedding: StoredTensor<'a>,
    pub layers: Vec<LayerWeights<'a>>,
    pub output_norm: StoredTensor<'a>,
    /// `[vocab, hidden]`; the token embedding itself where the head is tied.
    pub head: StoredTensor<'a>,
}

/// The weights of one layer.
#[derive(Clone, Copy, Debug)]
pub struct LayerWeights<'a> {
    pub attention_norm: StoredTensor<'a>,
    pub query: StoredTensor<'a>,
    pub key: StoredTensor<'a>,
    pub value: StoredTensor<'a>,
    /// Where the configuration has `qkv_bias`, as the two below.
    pub query_bias: Option<StoredTensor<'a>>,
    pub key_bias: Option<StoredTensor<'a>>,
    pub value_bias: Option<StoredTensor<'a>>,
    /// `[head_dim]`, where the configuration has `qk_norm`.
    pub query_norm: Option<StoredTensor<'a>>,
    pub key_norm: Option<StoredTensor<'a>>,
    pub attention_output: StoredTensor<'a>,
    pub mlp_norm: StoredTensor<'a>,
    pub gate: StoredTensor<'a>,
    pub up: StoredTensor<'a>,
    pub down: StoredTensor<'a>,
}

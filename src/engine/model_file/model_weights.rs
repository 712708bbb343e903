//! A model's tensors by what they are for, each of the shape that the configuration says.

use sha2::{Digest, Sha256};

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

impl<'a> ModelWeights<'a> {
    /// All tensors, a tied head once.
    pub fn tensors(&self) -> impl Iterator<Item = StoredTensor<'a>> + '_ {
        let tied = std::ptr::eq(self.head.bytes, self.token_embedding.bytes);
        let outer = [Some(self.token_embedding), Some(self.output_norm), (!tied).then_some(self.head)];
        outer.into_iter().flatten().chain(self.layers.iter().flat_map(LayerWeights::tensors))
    }

    /// Bytes of all weights as they are stored.
    pub fn bytes(&self) -> u64 {
        self.tensors().map(|tensor| tensor.bytes.len() as u64).sum()
    }

    /// Numbers in all weights.
    pub fn parameters(&self) -> u64 {
        self.tensors().map(|tensor| tensor.elements() as u64).sum()
    }

    /// What tells models apart: SHA-256 over the names, types, shapes and bytes of all weights. Reads all of them.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for tensor in self.tensors() {
            hash.update(format!("{} {} {:?}\n", tensor.name, tensor.tensor_type, tensor.shape));
            hash.update(tensor.bytes);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
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

impl<'a> LayerWeights<'a> {
    /// Those that the model has.
    pub fn tensors(&self) -> impl Iterator<Item = StoredTensor<'a>> + use<'a> {
        let always = [
            self.attention_norm,
            self.query,
            self.key,
            self.value,
            self.attention_output,
            self.mlp_norm,
            self.gate,
            self.up,
            self.down,
        ];
        let sometimes = [self.query_bias, self.key_bias, self.value_bias, self.query_norm, self.key_norm];
        always.into_iter().chain(sometimes.into_iter().flatten())
    }
}

//! What a weight is for, and what each container calls it.

/// A tensor of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerRole {
    AttentionNorm,
    Query,
    Key,
    Value,
    QueryBias,
    KeyBias,
    ValueBias,
    QueryNorm,
    KeyNorm,
    AttentionOutput,
    MlpNorm,
    Gate,
    Up,
    Down,
}

/// A tensor outside of the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelRole {
    TokenEmbedding,
    OutputNorm,
    Head,
}

/// Whose names a model's tensors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// llama.cpp's `llama-arch.cpp`.
    Gguf,
    /// The modules of transformers' `modeling_llama.py` and its kin.
    HuggingFace,
}

impl Naming {
    pub fn model(self, role: ModelRole) -> &'static str {
        match (self, role) {
            (Naming::Gguf, ModelRole::TokenEmbedding) => "token_embd.weight",
            (Naming::Gguf, ModelRole::OutputNorm) => "output_norm.weight",
            (Naming::Gguf, ModelRole::Head) => "output.weight",
            (Naming::HuggingFace, ModelRole::TokenEmbedding) => "model.embed_tokens.weight",
            (Naming::HuggingFace, ModelRole::OutputNorm) => "model.norm.weight",
            (Naming::HuggingFace, ModelRole::Head) => "lm_head.weight",
        }
    }

    pub fn layer(self, layer: usize, role: LayerRole) -> String {
        let (gguf, hugging_face) = match role {
            LayerRole::AttentionNorm => ("attn_norm.weight", "input_layernorm.weight"),
            LayerRole::Query => ("attn_q.weight", "self_attn.q_proj.weight"),
            LayerRole::Key => ("attn_k.weight", "self_attn.k_proj.weight"),
            LayerRole::Value => ("attn_v.weight", "self_attn.v_proj.weight"),
            LayerRole::QueryBias => ("attn_q.bias", "self_attn.q_proj.bias"),
            LayerRole::KeyBias => ("attn_k.bias", "self_attn.k_proj.bias"),
            LayerRole::ValueBias => ("attn_v.bias", "self_attn.v_proj.bias"),
            LayerRole::QueryNorm => ("attn_q_norm.weight", "self_attn.q_norm.weight"),
            LayerRole::KeyNorm => ("attn_k_norm.weight", "self_attn.k_norm.weight"),
            LayerRole::AttentionOutput => ("attn_output.weight", "self_attn.o_proj.weight"),
            LayerRole::MlpNorm => ("ffn_norm.weight", "post_attention_layernorm.weight"),
            LayerRole::Gate => ("ffn_gate.weight", "mlp.gate_proj.weight"),
            LayerRole::Up => ("ffn_up.weight", "mlp.up_proj.weight"),
            LayerRole::Down => ("ffn_down.weight", "mlp.down_proj.weight"),
        };
        match self {
            Naming::Gguf => format!("blk.{layer}.{gguf}"),
            Naming::HuggingFace => format!("model.layers.{layer}.{hugging_face}"),
        }
    }
}

//! What a model is, whatever container it came in.

use std::fmt;
use std::path::Path;

use super::ModelFileError;
use super::rope::Rope;

/// A family of models; the engine runs these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    Llama,
    /// GGUF files of Mistral models say `llama`, which is the same computation.
    Mistral,
    Qwen2,
    Qwen3,
}

impl Architecture {
    pub const ALL: [Architecture; 4] =
        [Architecture::Llama, Architecture::Mistral, Architecture::Qwen2, Architecture::Qwen3];

    /// `model_type` of Hugging Face; `general.architecture` of GGUF.
    pub const fn name(self) -> &'static str {
        match self {
            Architecture::Llama => "llama",
            Architecture::Mistral => "mistral",
            Architecture::Qwen2 => "qwen2",
            Architecture::Qwen3 => "qwen3",
        }
    }

    pub(super) fn find(path: &Path, what: &str, name: &str) -> Result<Self, ModelFileError> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| ModelFileError::Unsupported {
            path: path.to_path_buf(),
            what: what.to_string(),
            found: format!("`{name}`"),
            supported: Self::ALL.map(Self::name).join(", "),
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// The numbers of a decoder-only transformer with RMSNorm, RoPE, grouped-query attention and a SwiGLU MLP.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    pub architecture: Architecture,
    pub layers: usize,
    /// Width of the residual stream, in elements.
    pub hidden: usize,
    /// Query heads; a multiple of `kv_heads`.
    pub heads: usize,
    pub kv_heads: usize,
    /// Elements per head; even.
    pub head_dim: usize,
    /// Width of the MLP's gate and up projections.
    pub intermediate: usize,
    pub vocab: usize,
    pub norm_epsilon: f32,
    pub rope: Rope,
    /// Query, key and value projections have biases.
    pub qkv_bias: bool,
    /// Each head of queries and keys is normalised before RoPE.
    pub qk_norm: bool,
    /// The head is the token embedding.
    pub tied_head: bool,
    /// Most positions. A model with a sliding window gets no more than the window: up to there the window hides nothing.
    pub context_length: usize,
    /// Tokens that end a text; empty if the files name none.
    pub eos: Vec<u32>,
}

/// No model has a dimension of this size; products of two fit into 64 bits.
const MOST: usize = 1 << 31;

impl ModelConfig {
    /// Width of all query heads together.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads, or value heads, together.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Refuses numbers that no model can have, so that what follows may multiply them.
    pub(super) fn check(self, path: &Path) -> Result<Self, ModelFileError> {
        self.problem()
            .map_or(Ok(self), |problem| Err(ModelFileError::Inconsistent { path: path.to_path_buf(), problem }))
    }

    fn problem(&self) -> Option<String> {
        let sizes = [
            ("layers", self.layers),
            ("hidden size", self.hidden),
            ("attention heads", self.heads),
            ("key-value heads", self.kv_heads),
            ("head dimension", self.head_dim),
            ("intermediate size", self.intermediate),
            ("vocabulary", self.vocab),
            ("context length", self.context_length),
        ];
        if let Some((name, size)) = sizes.into_iter().find(|(_, size)| !(1..=MOST).contains(size)) {
            return Some(format!("the {name} is {size}"));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Some(format!("{} attention heads cannot share {} key-value heads", self.heads, self.kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Some(format!("heads of {} elements cannot be turned in pairs", self.head_dim));
        }
        if !(self.norm_epsilon.is_finite() && self.norm_epsilon >= 0.0) {
            return Some(format!("the norm's epsilon is {}", self.norm_epsilon));
        }
        self.rope.problem(self.head_dim)
    }
}

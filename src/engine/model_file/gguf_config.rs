//! A model's configuration from GGUF metadata. Keys as in <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use super::gguf::{GgufFile, Metadata, MetadataArray, MetadataValue};
use super::model_config::{Architecture, ModelConfig};
use super::rope::{Rope, RopePairing, RopeScaling};
use super::weight_role::{LayerRole, ModelRole, Naming};
use super::{ModelFileError, dequantize};

/// The tensor of RoPE's frequency factors, which models of the Llama 3 family have.
pub const ROPE_FACTORS: &str = "rope_freqs.weight";

/// Keys below the name of the architecture.
struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: Architecture,
}

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn number(&self, name: &str) -> Result<Option<usize>, ModelFileError> {
        let value = self.metadata.unsigned(&self.key(name))?;
        // What does not fit is far beyond what `ModelConfig::check` lets pass.
        Ok(value.map(|value| usize::try_from(value).unwrap_or(usize::MAX)))
    }

    fn required(&self, name: &str) -> Result<usize, ModelFileError> {
        self.number(name)?.ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> ModelFileError {
        ModelFileError::Missing { path: self.metadata.path().to_path_buf(), what: format!("`{}`", self.key(name)) }
    }

    fn unsupported(&self, name: &str, found: impl Into<String>, supported: &str) -> ModelFileError {
        ModelFileError::Unsupported {
            path: self.metadata.path().to_path_buf(),
            what: format!("`{}`", self.key(name)),
            found: found.into(),
            supported: supported.to_string(),
        }
    }

    /// A number that some files give as one value per layer; all layers must agree.
    fn same_in_all_layers(&self, name: &str) -> Result<Option<usize>, ModelFileError> {
        let values: Vec<u64> = match self.metadata.get(&self.key(name)) {
            Some(MetadataValue::Array(MetadataArray::U32(values))) => {
                values.iter().map(|value| (*value).into()).collect()
            }
            Some(MetadataValue::Array(MetadataArray::I32(values))) => {
                values.iter().map(|value| u64::try_from(*value).unwrap_or(u64::MAX)).collect()
            }
            _ => return self.number(name),
        };
        match values.first() {
            Some(first) if values.iter().all(|value| value == first) => {
                Ok(Some(usize::try_from(*first).unwrap_or(usize::MAX)))
            }
            _ => Err(self.unsupported(name, "different from layer to layer", "one value for all layers")),
        }
    }
}

/// The configuration of a GGUF model.
pub fn gguf_config(file: &GgufFile) -> Result<ModelConfig, ModelFileError> {
    let metadata = file.metadata();
    let path = file.path();
    let missing = |what: &str| ModelFileError::Missing { path: path.to_path_buf(), what: what.to_string() };
    let name = metadata.string("general.architecture")?.ok_or_else(|| missing("`general.architecture`"))?;
    let architecture = Architecture::find(path, "`general.architecture`", name)?;
    let keys = Keys { metadata, architecture };

    if let Some(experts) = keys.number("expert_count")?.filter(|experts| *experts > 0) {
        return Err(keys.unsupported("expert_count", experts.to_string(), "models without experts"));
    }
    let hidden = keys.required("embedding_length")?;
    let heads = keys.same_in_all_layers("attention.head_count")?.ok_or_else(|| keys.missing("attention.head_count"))?;
    let head_dim = keys.number("attention.key_length")?.or(hidden.checked_div(heads)).unwrap_or(0);
    for (name, wanted) in [("attention.value_length", head_dim), ("rope.dimension_count", head_dim)] {
        if let Some(found) = keys.number(name)?.filter(|found| *found != wanted) {
            return Err(keys.unsupported(name, found.to_string(), &format!("the head dimension, {wanted}")));
        }
    }
    let embedding = Naming::Gguf.model(ModelRole::TokenEmbedding);
    let vocab = file.tensor(embedding).ok_or_else(|| missing(&format!("tensor `{embedding}`")))?.shape[0];
    if let Some(stated) = keys.number("vocab_size")?.filter(|stated| *stated != vocab) {
        let problem = format!("`{}` is {stated}, but `{embedding}` has {vocab} rows", keys.key("vocab_size"));
        return Err(ModelFileError::Inconsistent { path: path.to_path_buf(), problem });
    }
    let has = |role: LayerRole| file.tensor(&Naming::Gguf.layer(0, role)).is_some();
    let window = keys.number("attention.sliding_window")?.filter(|window| *window > 0);
    let epsilon = metadata.float(&keys.key("attention.layer_norm_rms_epsilon"))?;
    ModelConfig {
        architecture,
        layers: keys.required("block_count")?,
        hidden,
        heads,
        kv_heads: keys.same_in_all_layers("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        intermediate: keys
            .same_in_all_layers("feed_forward_length")?
            .ok_or_else(|| keys.missing("feed_forward_length"))?,
        vocab,
        norm_epsilon: epsilon.ok_or_else(|| keys.missing("attention.layer_norm_rms_epsilon"))? as f32,
        rope: rope(file, &keys)?,
        qkv_bias: has(LayerRole::QueryBias),
        qk_norm: architecture == Architecture::Qwen3,
        tied_head: file.tensor(Naming::Gguf.model(ModelRole::Head)).is_none(),
        context_length: keys.required("context_length")?.min(window.unwrap_or(usize::MAX)),
        eos: eos(metadata)?,
    }
    .check(path)
}

fn rope(file: &GgufFile, keys: &Keys<'_>) -> Result<Rope, ModelFileError> {
    let metadata = file.metadata();
    let base = metadata.float(&keys.key("rope.freq_base"))?.unwrap_or(10_000.0);
    let kind = metadata.string(&keys.key("rope.scaling.type"))?.unwrap_or("linear");
    let factor = match metadata.float(&keys.key("rope.scaling.factor"))? {
        None => metadata.float(&keys.key("rope.scale_linear"))?,
        factor => factor,
    };
    let scaling = match (kind, factor) {
        // llama.cpp reads an absent factor, and 0, as no scaling.
        ("none", _) | ("linear", None) => RopeScaling::None,
        ("linear", Some(factor)) if factor == 0.0 || factor == 1.0 => RopeScaling::None,
        ("linear", Some(factor)) => RopeScaling::Linear { factor },
        (other, _) => return Err(keys.unsupported("rope.scaling.type", format!("`{other}`"), "none, linear")),
    };
    let scaling = match (file.tensor(ROPE_FACTORS), scaling) {
        (None, scaling) => scaling,
        (Some(factors), RopeScaling::None) => RopeScaling::FrequencyFactors(dequantize::whole(&factors)),
        (Some(_), _) => {
            let supported = format!("no linear scaling beside `{ROPE_FACTORS}`");
            return Err(keys.unsupported("rope.scaling.factor", format!("{factor:?}"), &supported));
        }
    };
    // llama.cpp turns neighbours in models called `llama` and halves in the others (`llama_model_rope_type`).
    let pairing = match keys.architecture {
        Architecture::Llama | Architecture::Mistral => RopePairing::Interleaved,
        Architecture::Qwen2 | Architecture::Qwen3 => RopePairing::HalfSplit,
    };
    Ok(Rope { base, scaling, pairing })
}

/// The end of a text, and the end of a turn where a model knows both.
fn eos(metadata: &Metadata) -> Result<Vec<u32>, ModelFileError> {
    let mut ids = Vec::new();
    for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"] {
        let id = metadata.unsigned(key)?.and_then(|id| u32::try_from(id).ok());
        ids.extend(id.filter(|id| !ids.contains(id)));
    }
    Ok(ids)
}

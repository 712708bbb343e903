//! A model's configuration from config.json. Defaults are those of transformers' configuration classes.

use std::path::Path;

use super::super::model_config::{Architecture, ModelConfig};
use super::super::{ModelFileError, ModelFileError as E};
use super::json_object::JsonObject;
use super::rope_config::rope;

/// `head_dim` of transformers' `Qwen3Config` where the file has none.
const QWEN3_HEAD_DIM: usize = 128;

/// Reads config.json, and the tokens that end a text from generation_config.json where there is one.
pub fn hugging_face_config(directory: &Path) -> Result<ModelConfig, ModelFileError> {
    let config = JsonObject::read(&directory.join("config.json"))?;
    let name = config.required("model_type", config.string("model_type")?)?;
    let architecture = Architecture::find(&config.path, "`model_type`", name)?;
    refuse_unsupported(&config, architecture)?;
    let number = |key: &str| config.required(key, config.number(key)?);
    let hidden = number("hidden_size")?;
    let heads = number("num_attention_heads")?;
    let kv_heads = match (config.number("num_key_value_heads")?, architecture) {
        (None, Architecture::Llama) => heads,
        (kv_heads, _) => config.required("num_key_value_heads", kv_heads)?,
    };
    let head_dim = match (config.number("head_dim")?, architecture) {
        (Some(head_dim), _) => head_dim,
        (None, Architecture::Qwen3) => QWEN3_HEAD_DIM,
        (None, _) => hidden.checked_div(heads).unwrap_or(0),
    };
    let context = number("max_position_embeddings")?;
    ModelConfig {
        architecture,
        layers: number("num_hidden_layers")?,
        hidden,
        heads,
        kv_heads,
        head_dim,
        intermediate: number("intermediate_size")?,
        vocab: number("vocab_size")?,
        norm_epsilon: config.float("rms_norm_eps")?.unwrap_or(1e-6) as f32,
        rope: rope(&config)?,
        qkv_bias: architecture == Architecture::Qwen2,
        qk_norm: architecture == Architecture::Qwen3,
        tied_head: config.boolean("tie_word_embeddings")?.unwrap_or(false),
        context_length: context.min(window(&config, architecture)?),
        eos: eos(directory, &config)?,
    }
    .check(&config.path)
}

/// What would change the computation if it were passed over.
fn refuse_unsupported(config: &JsonObject, architecture: Architecture) -> Result<(), E> {
    if let Some(activation) = config.string("hidden_act")?.filter(|activation| *activation != "silu") {
        return Err(config.unsupported("hidden_act", format!("`{activation}`"), "silu"));
    }
    for key in ["attention_bias", "mlp_bias"] {
        if config.boolean(key)?.unwrap_or(false) {
            let supported = format!("false for {architecture}");
            return Err(config.unsupported(key, "true", &supported));
        }
    }
    if config.object("quantization_config")?.is_some() {
        return Err(config.unsupported("quantization_config", "there", "f32, f16 and bf16 weights, or a GGUF file"));
    }
    if let Some(part) = config.float("partial_rotary_factor")?.filter(|part| *part != 1.0) {
        return Err(config.unsupported("partial_rotary_factor", part.to_string(), "1"));
    }
    Ok(())
}

/// Positions that a query sees; without limit in most models. Qwen models name a window and switch it off.
fn window(config: &JsonObject, architecture: Architecture) -> Result<usize, E> {
    let used = match architecture {
        Architecture::Llama => false,
        Architecture::Mistral => true,
        Architecture::Qwen2 | Architecture::Qwen3 => config.boolean("use_sliding_window")?.unwrap_or(false),
    };
    Ok(if used { config.number("sliding_window")?.unwrap_or(usize::MAX) } else { usize::MAX })
}

fn eos(directory: &Path, config: &JsonObject) -> Result<Vec<u32>, E> {
    let mut ids = config.token_ids("eos_token_id")?;
    let generation = directory.join("generation_config.json");
    if generation.is_file() {
        for id in JsonObject::read(&generation)?.token_ids("eos_token_id")? {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    Ok(ids)
}

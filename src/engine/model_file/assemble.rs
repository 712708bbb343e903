//! All weights of a model by role, from wherever each one is.

use super::model_weights::{LayerWeights, ModelWeights};
use super::weight_role::{LayerRole, ModelRole, Naming};
use super::{ModelConfig, StoredTensor};

/// The weights that a model of this configuration has, each got by name and shape from `get`, in an order that depends on
/// the configuration alone.
pub fn assemble_weights<'a, E>(
    config: &ModelConfig,
    naming: Naming,
    mut get: impl FnMut(&str, &[usize]) -> Result<StoredTensor<'a>, E>,
) -> Result<ModelWeights<'a>, E> {
    let (hidden, vocab) = (config.hidden, config.vocab);
    let token_embedding = get(naming.model(ModelRole::TokenEmbedding), &[vocab, hidden])?;
    let head = if config.tied_head { token_embedding } else { get(naming.model(ModelRole::Head), &[vocab, hidden])? };
    let output_norm = get(naming.model(ModelRole::OutputNorm), &[hidden])?;
    // Collected without a size given ahead: the number of layers is not believed before their tensors are there.
    let layers =
        (0..config.layers).map(|layer| layer_weights(config, naming, layer, &mut get)).collect::<Result<_, _>>()?;
    Ok(ModelWeights { token_embedding, layers, output_norm, head })
}

fn layer_weights<'a, E>(
    config: &ModelConfig,
    naming: Naming,
    layer: usize,
    get: &mut impl FnMut(&str, &[usize]) -> Result<StoredTensor<'a>, E>,
) -> Result<LayerWeights<'a>, E> {
    let (hidden, queries, keys) = (config.hidden, config.query_width(), config.kv_width());
    let (head, wide) = (config.head_dim, config.intermediate);
    let (bias, norm) = (config.qkv_bias, config.qk_norm);
    let mut get = |role, shape: &[usize]| get(&naming.layer(layer, role), shape);
    let mut get_if = |there: bool, role, shape: &[usize]| there.then(|| get(role, shape)).transpose();
    Ok(LayerWeights {
        query_bias: get_if(bias, LayerRole::QueryBias, &[queries])?,
        key_bias: get_if(bias, LayerRole::KeyBias, &[keys])?,
        value_bias: get_if(bias, LayerRole::ValueBias, &[keys])?,
        query_norm: get_if(norm, LayerRole::QueryNorm, &[head])?,
        key_norm: get_if(norm, LayerRole::KeyNorm, &[head])?,
        attention_norm: get(LayerRole::AttentionNorm, &[hidden])?,
        query: get(LayerRole::Query, &[queries, hidden])?,
        key: get(LayerRole::Key, &[keys, hidden])?,
        value: get(LayerRole::Value, &[keys, hidden])?,
        attention_output: get(LayerRole::AttentionOutput, &[hidden, queries])?,
        mlp_norm: get(LayerRole::MlpNorm, &[hidden])?,
        gate: get(LayerRole::Gate, &[wide, hidden])?,
        up: get(LayerRole::Up, &[wide, hidden])?,
        down: get(LayerRole::Down, &[hidden, wide])?,
    })
}

//! What a model needs of a device, found out before anything is allocated.

use crate::attention::{AttentionDecode, AttentionPrefill, Rope};
use crate::backend::{Device, DeviceInfo};
use crate::embedding::Embedding;
use crate::engine::model_file::{ModelConfig, ModelWeights, StoredTensor};
use crate::matrix::{MOST_FEW_ROWS, MatrixProduct};
use crate::operation::{Operation, ParameterValue};
use crate::sampler::FUSED_SAMPLER;
use crate::tensor::DType;

use super::DeviceModelError;
use super::composer::{Shape, whole};
use super::device_matrix::kept_format;
use super::device_memory::Sizes;
use super::device_weights::weight_bytes;
use super::settings::Settings;

/// k of the samplers whose workspaces are the largest: the longest list of candidates, and one more, which takes the
/// general path.
const SAMPLERS: [(usize, f64); 3] = [(1, 1.0), (1024, 1.0), (1025, 0.5)];

/// Beyond this many sequences no kernel splits the work of one, and workspaces grow with their number.
const MOST_SPLIT: usize = 4096;

/// Refuses a model that cannot run, and says how large its buffers are.
pub fn sizes(
    device: &dyn Device,
    config: &ModelConfig,
    weights: &ModelWeights<'_>,
    settings: &Settings,
) -> Result<Sizes, DeviceModelError> {
    let Settings { compute, capacity, .. } = *settings;
    if !DType::FLOATS.contains(&compute) {
        return Err(DeviceModelError::ComputeType(compute));
    }
    if capacity.sequences == 0 || capacity.positions == 0 {
        return Err(DeviceModelError::NoRoom);
    }
    if capacity.positions > config.context_length {
        let (positions, context_length) = (capacity.positions, config.context_length);
        return Err(DeviceModelError::BeyondContext { positions, context_length });
    }
    let scratch = scratch(device.info(), config, settings)?;
    let sizes = Sizes::new(settings, scratch, widened(weights, compute));
    check_memory(device, config, weights, &sizes)?;
    Ok(sizes)
}

/// Bytes of the largest matrix that is widened before it is multiplied: parts of one kind lie together.
fn widened(weights: &ModelWeights<'_>, dtype: DType) -> usize {
    let bytes = |tensors: &[Option<usize>]| tensors.iter().flatten().sum::<usize>() * dtype.size();
    let layers = weights.layers.iter().flat_map(|layer| {
        let elements = |tensor: &StoredTensor<'_>| kept_format(tensor.tensor_type).map(|_| tensor.elements());
        [
            bytes(&[&layer.query, &layer.key, &layer.value].map(elements)),
            bytes(&[elements(&layer.attention_output)]),
            bytes(&[&layer.gate, &layer.up].map(elements)),
            bytes(&[elements(&layer.down)]),
        ]
    });
    let head = kept_format(weights.head.tensor_type).map_or(0, |_| weights.head.elements() * dtype.size());
    layers.chain([head]).max().unwrap_or(0)
}

/// Bytes of the largest workspace of an operation, and the most counters, of any number of sequences that there is room for.
/// Refuses shapes that no kernel takes.
fn scratch(info: &DeviceInfo, config: &ModelConfig, settings: &Settings) -> Result<(usize, usize), DeviceModelError> {
    let (dtype, capacity) = (settings.compute, settings.capacity);
    let mut most = (0, 0);
    let mut plan = |operation: &dyn Operation, rows, columns, parameters: &[(&'static str, ParameterValue)]| {
        let problem = Shape { parameters, ..Shape::plain(rows, columns) }.problem(operation, dtype)?;
        operation.check(&problem)?;
        let plan = operation.plan(info, &problem)?;
        most = (most.0.max(plan.workspace_bytes), most.1.max(plan.counters));
        Ok::<_, DeviceModelError>(())
    };
    let heads = [("heads", whole(config.heads)), ("kv_heads", whole(config.kv_heads))];
    let cache = [heads[0], heads[1], ("capacity", whole(capacity.positions))];
    let places = [cache[0], cache[1], cache[2], ("sequences", whole(capacity.sequences))];
    let rows = settings.most_rows.min(capacity.positions).max(1);
    plan(&AttentionPrefill, rows, config.head_dim, &cache)?;
    plan(&Rope::INTO_CACHE, 1, config.head_dim, &places)?;
    plan(&Embedding, 1, config.hidden, &[("vocab", whole(config.vocab))])?;
    let hidden = config.hidden;
    let products = [
        (config.query_width() + 2 * config.kv_width(), hidden),
        (hidden, config.query_width()),
        (2 * config.intermediate, hidden),
        (hidden, config.intermediate),
        (config.vocab, hidden),
    ];
    for (outputs, columns) in products {
        plan(&MatrixProduct, MOST_FEW_ROWS, columns, &[("outputs", whole(outputs))])?;
    }
    for sequences in (1..=capacity.sequences.min(MOST_SPLIT)).chain([capacity.sequences]) {
        plan(&AttentionDecode, sequences, config.head_dim, &cache)?;
        for (k, p) in SAMPLERS {
            let parameters = [("k", whole(k)), ("p", ParameterValue::Float(p))];
            plan(&FUSED_SAMPLER, sequences, config.vocab, &parameters)?;
        }
    }
    Ok(most)
}

/// Refuses a model that does not fit into the memory that this process has left of the device's.
fn check_memory(
    device: &dyn Device,
    config: &ModelConfig,
    weights: &ModelWeights<'_>,
    sizes: &Sizes,
) -> Result<(), DeviceModelError> {
    let weights = weight_bytes(config, weights, sizes.dtype);
    let (cache, activations) = (sizes.cache(config), sizes.activations(config));
    let needed = weights.saturating_add(cache).saturating_add(activations);
    let (total, live) = (device.info().memory_bytes, device.ledger().live_bytes() as u64);
    if needed <= total.saturating_sub(live) {
        return Ok(());
    }
    let Sizes { sequences, positions, .. } = *sizes;
    let device = device.info().id.clone();
    Err(DeviceModelError::Memory { device, total, live, needed, weights, cache, activations, sequences, positions })
}

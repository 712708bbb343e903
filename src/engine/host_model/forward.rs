//! The forward pass: tokens in, logits out.

use rayon::prelude::*;

use super::HostModelError;
use super::attention::attend;
use super::available_memory::zeros;
use super::engine::Continuation;
use super::key_value_cache::KeyValueCache;
use super::layer_vectors::{LayerVectors, widen};
use super::norm::{add, rms_norm, rms_norm_row, swiglu};
use super::projection::{project, read_row};
use super::rotation::Rotation;
use super::span_recorder::SpanRecorder;
use crate::engine::Capacity;
use crate::engine::model_file::{ModelConfig, ModelWeights, StoredTensor};

/// Tokens that go through the layers together: activations of longer prompts would leave the caches, and their memory
/// would grow with the prompt.
const MOST_TOKENS: usize = 512;

/// Which positions logits are wanted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogitRows {
    All,
    Last,
}

/// A model on the CPU with the positions it has seen.
pub struct HostModel<'a> {
    config: &'a ModelConfig,
    weights: ModelWeights<'a>,
    vectors: Vec<LayerVectors>,
    output_norm: Vec<f32>,
    /// Radians per position of each pair of a head.
    frequencies: Vec<f32>,
    /// One per sequence, of equal size.
    caches: Vec<KeyValueCache>,
    pub(super) continuation: Continuation,
    pub(super) recorder: SpanRecorder,
}

impl<'a> HostModel<'a> {
    /// A model with room for sequences and positions. Fails if the model has fewer positions, or memory for the caches is
    /// not there.
    pub fn new(
        config: &'a ModelConfig,
        weights: ModelWeights<'a>,
        Capacity { sequences, positions }: Capacity,
    ) -> Result<Self, HostModelError> {
        Ok(Self {
            config,
            vectors: weights.layers.iter().map(LayerVectors::new).collect(),
            output_norm: widen(&weights.output_norm),
            frequencies: config.rope.frequencies(config.head_dim),
            caches: (0..sequences.max(1)).map(|_| KeyValueCache::new(config, positions)).collect::<Result<_, _>>()?,
            weights,
            continuation: Continuation::default(),
            recorder: SpanRecorder::default(),
        })
    }

    pub fn config(&self) -> &ModelConfig {
        self.config
    }

    /// Sequences that there is room for.
    pub fn sequences(&self) -> usize {
        self.caches.len()
    }

    pub(super) fn first_gate(&self) -> StoredTensor<'a> {
        self.weights.layers[0].gate
    }

    pub(super) fn weight_bytes(&self) -> u64 {
        self.weights.bytes()
    }

    pub(super) fn cache_bytes(&self) -> u64 {
        self.caches.iter().map(KeyValueCache::bytes).sum()
    }

    /// Forgets all positions of all sequences.
    pub fn clear(&mut self) {
        self.caches.iter_mut().for_each(KeyValueCache::clear);
        self.continuation.forget();
    }

    /// Appends `tokens` to the positions that the first sequence has seen and gives logits, `[rows, vocab]`, of all of
    /// them or of the last. On an error nothing is appended.
    pub fn forward(&mut self, tokens: &[u32], rows: LogitRows) -> Result<Vec<f32>, HostModelError> {
        if rows == LogitRows::Last {
            let hidden = self.last_hidden_state(0, tokens)?;
            return Ok(self.last_logits(&hidden));
        }
        self.check(0, tokens)?;
        let vocab = self.config.vocab;
        let mut logits = zeros("the logits", (tokens.len() as u64).saturating_mul(vocab as u64))?;
        for (tokens, logits) in tokens.chunks(MOST_TOKENS).zip(logits.chunks_mut(MOST_TOKENS * vocab)) {
            let hidden = self.hidden_states(0, tokens);
            self.head(&hidden, logits);
        }
        Ok(logits)
    }

    /// Refuses tokens that cannot be appended to `sequence`.
    fn check(&self, sequence: usize, tokens: &[u32]) -> Result<(), HostModelError> {
        let vocab = self.config.vocab;
        if tokens.is_empty() {
            return Err(HostModelError::NoTokens);
        }
        if let Some(&token) = tokens.iter().find(|token| **token as usize >= vocab) {
            return Err(HostModelError::NoSuchToken { token, vocab });
        }
        self.caches[sequence].check_room(tokens.len())
    }

    /// Appends `tokens` to `sequence` and gives the residual stream of the last of them, `[hidden]`.
    pub(super) fn last_hidden_state(&mut self, sequence: usize, tokens: &[u32]) -> Result<Vec<f32>, HostModelError> {
        self.check(sequence, tokens)?;
        let mut hidden = Vec::new();
        for tokens in tokens.chunks(MOST_TOKENS) {
            hidden = self.hidden_states(sequence, tokens);
        }
        Ok(hidden.split_off(hidden.len() - self.config.hidden))
    }

    /// The logits of one position, from its residual stream.
    pub(super) fn last_logits(&mut self, hidden: &[f32]) -> Vec<f32> {
        let mut logits = vec![0.0; self.config.vocab];
        self.head(hidden, &mut logits);
        logits
    }

    fn head(&mut self, hidden: &[f32], logits: &mut [f32]) {
        let mut normed = vec![0.0; hidden.len()];
        let (norm, epsilon) = (&self.output_norm, self.config.norm_epsilon);
        self.recorder.time(None, "rms_norm", || rms_norm(hidden, norm, epsilon, &mut normed));
        self.recorder.time(None, "matrix_product", || project(&self.weights.head, None, &normed, logits));
    }

    /// The residual stream after the last layer, `[tokens, hidden]`.
    fn hidden_states(&mut self, sequence: usize, tokens: &[u32]) -> Vec<f32> {
        let width = self.config.hidden;
        let mut hidden = vec![0.0; tokens.len() * width];
        let table = &self.weights.token_embedding;
        self.recorder.time(None, "embedding", || {
            for (row, token) in hidden.chunks_exact_mut(width).zip(tokens) {
                read_row(table, *token as usize, row);
            }
        });
        let first = self.caches[sequence].filled();
        let rotation = Rotation::new(self.config.rope.pairing, &self.frequencies, first, tokens.len());
        for layer in 0..self.weights.layers.len() {
            self.attention_block(sequence, layer, &rotation, first, &mut hidden);
            self.mlp_block(layer, &mut hidden);
        }
        self.caches[sequence].advance(tokens.len());
        hidden
    }

    fn attention_block(
        &mut self,
        sequence: usize,
        layer: usize,
        rotation: &Rotation,
        first: usize,
        hidden: &mut [f32],
    ) {
        let (config, recorder, at) = (self.config, &mut self.recorder, Some(layer));
        let (weights, vectors) = (&self.weights.layers[layer], &self.vectors[layer]);
        let (tokens, epsilon) = (hidden.len() / config.hidden, config.norm_epsilon);
        let mut normed = vec![0.0; hidden.len()];
        recorder.time(at, "rms_norm", || rms_norm(hidden, &vectors.attention_norm, epsilon, &mut normed));

        let mut queries = vec![0.0; tokens * config.query_width()];
        let cache = self.caches[sequence].layer(layer);
        let new = first * config.kv_width()..(first + tokens) * config.kv_width();
        recorder.time(at, "matrix_product", || {
            project(&weights.query, vectors.query_bias.as_deref(), &normed, &mut queries);
            project(&weights.key, vectors.key_bias.as_deref(), &normed, &mut cache.keys[new.clone()]);
            project(&weights.value, vectors.value_bias.as_deref(), &normed, &mut cache.values[new.clone()]);
        });
        recorder.time(at, "rope_cache", || {
            place(config, rotation, vectors.query_norm.as_deref(), config.query_width(), &mut queries);
            place(config, rotation, vectors.key_norm.as_deref(), config.kv_width(), &mut cache.keys[new]);
        });

        let mut attended = vec![0.0; queries.len()];
        let attention = if tokens == 1 { "attention_decode" } else { "attention_prefill" };
        recorder.time(at, attention, || attend(config, &cache, &queries, first, &mut attended));
        recorder.time(at, "matrix_product", || project(&weights.attention_output, None, &attended, &mut normed));
        recorder.time(at, "add", || add(hidden, &normed));
    }

    fn mlp_block(&mut self, layer: usize, hidden: &mut [f32]) {
        let (recorder, at, epsilon) = (&mut self.recorder, Some(layer), self.config.norm_epsilon);
        let (weights, vectors) = (&self.weights.layers[layer], &self.vectors[layer]);
        let tokens = hidden.len() / self.config.hidden;
        let mut normed = vec![0.0; hidden.len()];
        recorder.time(at, "rms_norm", || rms_norm(hidden, &vectors.mlp_norm, epsilon, &mut normed));
        let mut gate = vec![0.0; tokens * self.config.intermediate];
        let mut up = vec![0.0; gate.len()];
        recorder.time(at, "matrix_product", || {
            project(&weights.gate, None, &normed, &mut gate);
            project(&weights.up, None, &normed, &mut up);
        });
        recorder.time(at, "swiglu", || swiglu(&mut gate, &up));
        recorder.time(at, "matrix_product", || project(&weights.down, None, &gate, &mut normed));
        recorder.time(at, "add", || add(hidden, &normed));
    }
}

/// Normalises each head where the model does so, and turns it to its position.
fn place(config: &ModelConfig, rotation: &Rotation, norm: Option<&[f32]>, width: usize, rows: &mut [f32]) {
    rows.par_chunks_mut(width).enumerate().for_each(|(token, row)| {
        for head in row.chunks_exact_mut(config.head_dim) {
            if let Some(weight) = norm {
                rms_norm_row(head, weight, config.norm_epsilon);
            }
            rotation.turn(token, head);
        }
    });
}

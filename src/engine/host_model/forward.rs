//! The forward pass: tokens in, logits out.

use rayon::prelude::*;

use super::HostModelError;
use super::attention::attend;
use super::available_memory::zeros;
use super::key_value_cache::KeyValueCache;
use super::layer_vectors::{LayerVectors, widen};
use super::norm::{add, rms_norm, rms_norm_row, swiglu};
use super::projection::{project, read_row};
use super::rotation::Rotation;
use crate::engine::model_file::{ModelConfig, ModelFile, ModelWeights};

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
    cache: KeyValueCache,
}

impl<'a> HostModel<'a> {
    /// A model with room for `positions` positions. Fails if the model has fewer, or memory for the cache is not there.
    pub fn new(file: &'a ModelFile, positions: usize) -> Result<Self, HostModelError> {
        let config = file.config();
        let weights = file.weights()?;
        Ok(Self {
            config,
            vectors: weights.layers.iter().map(LayerVectors::new).collect(),
            output_norm: widen(&weights.output_norm),
            frequencies: config.rope.frequencies(config.head_dim),
            cache: KeyValueCache::new(config, positions)?,
            weights,
        })
    }

    pub fn config(&self) -> &ModelConfig {
        self.config
    }

    /// Forgets all positions.
    pub fn clear(&mut self) {
        self.cache.clear();
    }

    /// Appends `tokens` to the positions seen so far and gives logits, `[rows, vocab]`, of all of them or of the last.
    /// On an error nothing is appended.
    pub fn forward(&mut self, tokens: &[u32], rows: LogitRows) -> Result<Vec<f32>, HostModelError> {
        let vocab = self.config.vocab;
        if tokens.is_empty() {
            return Err(HostModelError::NoTokens);
        }
        if let Some(&token) = tokens.iter().find(|token| **token as usize >= vocab) {
            return Err(HostModelError::NoSuchToken { token, vocab });
        }
        self.cache.check_room(tokens.len())?;
        let width = self.config.hidden;
        if rows == LogitRows::Last {
            let mut logits = vec![0.0; vocab];
            let mut hidden = Vec::new();
            for tokens in tokens.chunks(MOST_TOKENS) {
                hidden = self.hidden_states(tokens);
            }
            self.head(&hidden[hidden.len() - width..], &mut logits);
            return Ok(logits);
        }
        let mut logits = zeros("the logits", (tokens.len() as u64).saturating_mul(vocab as u64))?;
        for (tokens, logits) in tokens.chunks(MOST_TOKENS).zip(logits.chunks_mut(MOST_TOKENS * vocab)) {
            let hidden = self.hidden_states(tokens);
            self.head(&hidden, logits);
        }
        Ok(logits)
    }

    fn head(&self, hidden: &[f32], logits: &mut [f32]) {
        let mut normed = vec![0.0; hidden.len()];
        rms_norm(hidden, &self.output_norm, self.config.norm_epsilon, &mut normed);
        project(&self.weights.head, None, &normed, logits);
    }

    /// The residual stream after the last layer, `[tokens, hidden]`.
    fn hidden_states(&mut self, tokens: &[u32]) -> Vec<f32> {
        let width = self.config.hidden;
        let mut hidden = vec![0.0; tokens.len() * width];
        for (row, token) in hidden.chunks_exact_mut(width).zip(tokens) {
            read_row(&self.weights.token_embedding, *token as usize, row);
        }
        let first = self.cache.filled();
        let rotation = Rotation::new(self.config.rope.pairing, &self.frequencies, first, tokens.len());
        for layer in 0..self.weights.layers.len() {
            self.attention_block(layer, &rotation, first, &mut hidden);
            self.mlp_block(layer, &mut hidden);
        }
        self.cache.advance(tokens.len());
        hidden
    }

    fn attention_block(&mut self, layer: usize, rotation: &Rotation, first: usize, hidden: &mut [f32]) {
        let config = self.config;
        let (weights, vectors) = (&self.weights.layers[layer], &self.vectors[layer]);
        let tokens = hidden.len() / config.hidden;
        let mut normed = vec![0.0; hidden.len()];
        rms_norm(hidden, &vectors.attention_norm, config.norm_epsilon, &mut normed);

        let mut queries = vec![0.0; tokens * config.query_width()];
        project(&weights.query, vectors.query_bias.as_deref(), &normed, &mut queries);
        let cache = self.cache.layer(layer);
        let new = first * config.kv_width()..(first + tokens) * config.kv_width();
        project(&weights.key, vectors.key_bias.as_deref(), &normed, &mut cache.keys[new.clone()]);
        project(&weights.value, vectors.value_bias.as_deref(), &normed, &mut cache.values[new.clone()]);
        place(config, rotation, vectors.query_norm.as_deref(), config.query_width(), &mut queries);
        place(config, rotation, vectors.key_norm.as_deref(), config.kv_width(), &mut cache.keys[new]);

        let mut attended = vec![0.0; queries.len()];
        attend(config, &cache, &queries, first, &mut attended);
        project(&weights.attention_output, None, &attended, &mut normed);
        add(hidden, &normed);
    }

    fn mlp_block(&self, layer: usize, hidden: &mut [f32]) {
        let (weights, vectors) = (&self.weights.layers[layer], &self.vectors[layer]);
        let tokens = hidden.len() / self.config.hidden;
        let mut normed = vec![0.0; hidden.len()];
        rms_norm(hidden, &vectors.mlp_norm, self.config.norm_epsilon, &mut normed);
        let mut gate = vec![0.0; tokens * self.config.intermediate];
        let mut up = vec![0.0; gate.len()];
        project(&weights.gate, None, &normed, &mut gate);
        project(&weights.up, None, &normed, &mut up);
        swiglu(&mut gate, &up);
        project(&weights.down, None, &gate, &mut normed);
        add(hidden, &normed);
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

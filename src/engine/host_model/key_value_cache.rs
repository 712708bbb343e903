//! Keys and values of the positions so far: room for all of them is taken at the start.

use super::HostModelError;
use super::available_memory::zeros;
use crate::engine::model_file::ModelConfig;

/// Per layer `[positions, kv_width]` keys, then as many values.
pub struct KeyValueCache {
    elements: Vec<f32>,
    width: usize,
    positions: usize,
    filled: usize,
}

/// The keys and the values of one layer, each `[positions, kv_width]`.
pub struct LayerCache<'a> {
    pub keys: &'a mut [f32],
    pub values: &'a mut [f32],
}

impl KeyValueCache {
    pub fn new(config: &ModelConfig, positions: usize) -> Result<Self, HostModelError> {
        let context_length = config.context_length;
        if positions > context_length {
            return Err(HostModelError::BeyondContext { positions, context_length });
        }
        let width = config.kv_width();
        let sizes = [2, config.layers, positions, width];
        let elements = sizes.into_iter().fold(1u64, |product, size| product.saturating_mul(size as u64));
        Ok(Self { elements: zeros("the key-value cache", elements)?, width, positions, filled: 0 })
    }

    /// Memory of all positions.
    pub fn bytes(&self) -> u64 {
        4 * self.elements.len() as u64
    }

    /// Positions that are filled.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Refuses more positions than there is room for.
    pub fn check_room(&self, tokens: usize) -> Result<(), HostModelError> {
        let wanted = self.filled.saturating_add(tokens);
        if wanted > self.positions {
            return Err(HostModelError::TooLong { wanted, positions: self.positions });
        }
        Ok(())
    }

    pub fn layer(&mut self, layer: usize) -> LayerCache<'_> {
        let half = self.positions * self.width;
        let (keys, values) = self.elements[2 * layer * half..][..2 * half].split_at_mut(half);
        LayerCache { keys, values }
    }

    /// Counts positions that every layer has written.
    pub fn advance(&mut self, tokens: usize) {
        self.filled += tokens;
    }

    /// Forgets all positions.
    pub fn clear(&mut self) {
        self.filled = 0;
    }
}

//! The memory that a model computes in: all of it is taken at the start, and its size is known before.

use crate::backend::{Buffer, Device, Download};
use crate::engine::model_file::ModelConfig;
use crate::operation::{Place, Scratch};
use crate::tensor::DType;

use super::DeviceModelError;
use super::settings::Settings;

/// Rows of logits that are made at a time where every position is asked for.
const LOGIT_ROWS: usize = 64;

const WORD: usize = DType::U32.size();

/// Words of a sampler's details of a row.
const DETAIL_WORDS: usize = 3;

/// What the buffers are sized for.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub dtype: DType,
    pub sequences: usize,
    pub positions: usize,
    /// Rows that go through the layers together, at most.
    pub rows: usize,
    pub logit_rows: usize,
    /// Bytes of the largest workspace of an operation.
    pub workspace: usize,
    /// The most counters of an operation.
    pub counters: usize,
    /// Bytes of the largest quantised matrix once it is widened.
    pub widened: usize,
}

impl Sizes {
    pub fn new(settings: &Settings, (workspace, counters): (usize, usize), widened: usize) -> Self {
        let (sequences, positions) = (settings.capacity.sequences, settings.capacity.positions);
        let rows = settings.most_rows.min(sequences * positions).max(sequences);
        let logit_rows = sequences.max(LOGIT_ROWS.min(rows));
        Self { dtype: settings.compute, sequences, positions, rows, logit_rows, workspace, counters, widened }
    }

    /// Tokens of each of `sequences` prompts that go through the layers together.
    pub fn chunk(&self, sequences: usize) -> usize {
        (self.rows / sequences).max(1)
    }

    /// Bytes of the keys, or the values, of one layer.
    fn cache_of_layer(&self, config: &ModelConfig) -> usize {
        let sizes = [self.positions, config.kv_width(), self.dtype.size()];
        sizes.into_iter().fold(self.sequences, usize::saturating_mul)
    }

    /// Bytes of the keys and values of all layers.
    pub fn cache(&self, config: &ModelConfig) -> u64 {
        (2 * config.layers as u64).saturating_mul(self.cache_of_layer(config) as u64)
    }

    /// Bytes of each buffer besides weights and cache, in the order of the fields below.
    fn buffers(&self, config: &ModelConfig) -> [(&'static str, usize); 15] {
        let numbers = |elements: usize| elements * self.dtype.size();
        let (rows, tokens) = (self.rows, self.sequences * self.positions);
        let qkv = config.query_width() + 2 * config.kv_width();
        [
            ("hidden", numbers(rows * config.hidden)),
            ("branch", numbers(rows * config.hidden)),
            ("qkv rows", numbers(rows * qkv)),
            ("attended", numbers(rows * config.query_width())),
            ("gate and up rows", numbers(rows * 2 * config.intermediate)),
            ("activated", numbers(rows * config.intermediate)),
            ("logits", numbers(self.logit_rows * config.vocab)),
            ("sequence state", (2 * self.sequences + tokens) * WORD),
            ("token places", (self.sequences + 2 * tokens) * WORD),
            ("sampled tokens", self.sequences * WORD),
            ("sampler details", DETAIL_WORDS * self.sequences * WORD),
            ("embedding flags", rows * WORD),
            ("workspace", self.workspace),
            ("counters", self.counters * WORD),
            ("widened weights", self.widened),
        ]
    }

    /// Bytes of everything besides weights and cache.
    pub fn activations(&self, config: &ModelConfig) -> u64 {
        self.buffers(config).iter().map(|(_, bytes)| *bytes as u64).sum()
    }
}

/// Keys and values of one layer, each `[sequences, kv_heads, positions, head_dim]`.
pub struct LayerCache {
    pub keys: Buffer,
    pub values: Buffer,
}

/// Buffers of a model besides its weights.
pub struct DeviceMemory {
    pub sizes: Sizes,
    /// The residual stream, `[rows, hidden]`.
    pub hidden: Buffer,
    /// What is normalised, and what a block adds to the stream, `[rows, hidden]`.
    pub branch: Buffer,
    pub qkv: Buffer,
    pub attended: Buffer,
    pub gate_up: Buffer,
    pub activated: Buffer,
    pub logits: Buffer,
    /// Words: the next position of each sequence, the positions that its next token sees, then the prompt's ids.
    state: Buffer,
    /// Words: the numbers of all sequences, the position of each token of a prompt, the sequence of each.
    places: Buffer,
    pub tokens: Buffer,
    pub details: Buffer,
    pub flags: Buffer,
    pub scratch: Scratch,
    pub widened: Buffer,
    pub cache: Vec<LayerCache>,
}

impl DeviceMemory {
    pub fn allocate(device: &dyn Device, config: &ModelConfig, sizes: Sizes) -> Result<Self, DeviceModelError> {
        let take = |(label, bytes): (&str, usize)| device.allocate(bytes, label);
        let cache = (0..config.layers).map(|layer| {
            let take = |what: &str| take((&format!("layer {layer} {what}"), sizes.cache_of_layer(config)));
            Ok(LayerCache { keys: take("keys")?, values: take("values")? })
        });
        let cache = cache.collect::<Result<_, DeviceModelError>>()?;
        let [
            hidden,
            branch,
            qkv,
            attended,
            gate_up,
            activated,
            logits,
            state,
            places,
            tokens,
            details,
            flags,
            workspace,
            counters,
            widened,
        ] = sizes.buffers(config);
        let memory = Self {
            sizes,
            hidden: take(hidden)?,
            branch: take(branch)?,
            qkv: take(qkv)?,
            attended: take(attended)?,
            gate_up: take(gate_up)?,
            activated: take(activated)?,
            logits: take(logits)?,
            state: take(state)?,
            places: take(places)?,
            tokens: take(tokens)?,
            details: take(details)?,
            flags: take(flags)?,
            scratch: Scratch { workspace: take(workspace)?, counters: take(counters)? },
            widened: take(widened)?,
            cache,
        };
        let numbers: Vec<u8> = (0..sizes.sequences as u32).flat_map(u32::to_le_bytes).collect();
        device.upload(&memory.places, 0, &numbers)?;
        device.fill(&memory.scratch.counters, 0, counters.1, 0)?;
        Ok(memory)
    }

    /// Kernels write these at the end of a step, if at all.
    fn word(buffer: &Buffer, index: usize) -> Place {
        Place::settled(buffer).skip(index, DType::U32)
    }

    /// The next position of each sequence.
    pub fn next_positions(&self) -> Place {
        Self::word(&self.state, 0)
    }

    /// The number of positions that each sequence's next token sees.
    pub fn lengths(&self) -> Place {
        Self::word(&self.state, self.sizes.sequences)
    }

    /// The ids of a prompt's rows from `row` on.
    pub fn prompt_ids(&self, row: usize) -> Place {
        Self::word(&self.state, 2 * self.sizes.sequences + row)
    }

    /// The number of each sequence, which is its row in a decoding step.
    pub fn sequence_numbers(&self) -> Place {
        Self::word(&self.places, 0)
    }

    /// The positions of a prompt's rows.
    pub fn row_positions(&self, row: usize) -> Place {
        Self::word(&self.places, self.sizes.sequences + row)
    }

    /// Their sequences.
    pub fn row_sequences(&self, row: usize) -> Place {
        Self::word(&self.places, self.sizes.sequences * (1 + self.sizes.positions) + row)
    }

    /// Copies the state of sequences that have read `filled` tokens, and the ids of their prompts' rows.
    pub fn upload_prompts(&self, device: &dyn Device, filled: usize, ids: &[u32]) -> Result<(), DeviceModelError> {
        let sequences = self.sizes.sequences;
        let next = std::iter::repeat_n(filled as u32, sequences);
        let seen = std::iter::repeat_n(filled as u32 + 1, sequences);
        let words: Vec<u8> = next.chain(seen).chain(ids.iter().copied()).flat_map(u32::to_le_bytes).collect();
        Ok(device.upload(&self.state, 0, &words)?)
    }

    /// Copies the places of a prompt's rows: position and sequence of each.
    pub fn upload_places(&self, device: &dyn Device, places: &[(u32, u32)]) -> Result<(), DeviceModelError> {
        let positions: Vec<u8> = places.iter().flat_map(|(position, _)| position.to_le_bytes()).collect();
        let sequences: Vec<u8> = places.iter().flat_map(|(_, sequence)| sequence.to_le_bytes()).collect();
        device.upload(&self.places, self.row_positions(0).offset, &positions)?;
        Ok(device.upload(&self.places, self.row_sequences(0).offset, &sequences)?)
    }

    /// Enqueues a copy of the tokens that are sampled last by then: 4 bytes for each of `sequences`.
    pub fn send_tokens(&self, device: &dyn Device, sequences: usize) -> Result<Box<dyn Download>, DeviceModelError> {
        Ok(device.download_later(&self.tokens, 0, sequences * WORD)?)
    }

    /// Waits for tokens.
    pub fn receive_tokens(tokens: Box<dyn Download>) -> Result<Vec<u32>, DeviceModelError> {
        let bytes = tokens.wait()?;
        Ok(bytes.as_chunks::<WORD>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }
}

//! The attention of one layer, of prompts' tokens or of one token per sequence.

use crate::attention::{AttentionDecode, AttentionPrefill, FusedQkv, Rope, is_short_prompt};
use crate::engine::model_file::RopePairing;
use crate::mlp::RmsNorm;
use crate::operation::{Operation, ParameterValue, Place};

use super::DeviceModelError;
use super::composer::{Composer, Shape, whole};
use super::device_memory::DeviceMemory;
use super::device_weights::DeviceLayer;
use super::projection::Operands;

/// Which tokens go through the layers together: `tokens` of each sequence, sequence after sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// A piece of prompts: positions `past..past + tokens`, whose ids are rows `first..` of the prompt's.
    Prompt { sequences: usize, tokens: usize, past: usize, first: usize },
    /// The token that each sequence got last; its position is in device memory.
    Next { sequences: usize },
}

impl Rows {
    pub fn count(&self) -> usize {
        self.sequences() * self.tokens()
    }

    pub fn sequences(&self) -> usize {
        match *self {
            Rows::Prompt { sequences, .. } | Rows::Next { sequences } => sequences,
        }
    }

    /// Of each sequence.
    pub fn tokens(&self) -> usize {
        match *self {
            Rows::Prompt { tokens, .. } => tokens,
            Rows::Next { .. } => 1,
        }
    }

    /// Position and sequence of each row.
    fn places(&self, memory: &DeviceMemory) -> [Place; 2] {
        match *self {
            Rows::Prompt { first, .. } => [memory.row_positions(first), memory.row_sequences(first)],
            Rows::Next { .. } => [memory.next_positions(), memory.sequence_numbers()],
        }
    }
}

/// Where queries, keys and values of the rows are.
struct Projected {
    query: Place,
    key: Place,
    value: Place,
}

impl Composer<'_> {
    /// Norm, projections, positions, the cache, attention, and the output projection onto the stream.
    pub fn attention(&mut self, layer: &DeviceLayer, index: usize, rows: Rows) -> Result<(), DeviceModelError> {
        let bench = self.bench;
        let (config, memory) = (&bench.config, &bench.memory);
        let cache = &memory.cache[index];
        let (keys, values) = (Place::settled(&cache.keys), Place::settled(&cache.values));
        let heads = [("heads", whole(config.heads)), ("kv_heads", whole(config.kv_heads))];
        let capacity = ("capacity", whole(memory.sizes.positions));
        let query = self.fill_cache(layer, rows, [&keys, &values])?;

        let attended = Place::start(&memory.attended).with_row_stride(config.query_width());
        match rows {
            Rows::Next { sequences } => {
                let parameters = [heads[0], heads[1], capacity];
                let shape = Shape { parameters: &parameters, ..Shape::plain(sequences, config.head_dim) };
                let places = [query, keys, values, memory.lengths(), attended.clone()];
                self.push(&AttentionDecode, &shape, &places)?;
            }
            Rows::Prompt { sequences, tokens, past, .. } => {
                let heads_of = (config.heads, config.head_dim);
                let short = is_short_prompt(bench.device.info(), self.dtype(), heads_of, tokens, past);
                let short = ("short", ParameterValue::Flag(short));
                let parameters = [heads[0], heads[1], capacity, ("past", whole(past)), short];
                let shape = Shape { parameters: &parameters, ..Shape::plain(tokens, config.head_dim) };
                for sequence in 0..sequences {
                    let of_rows = |place: &Place, width| {
                        let stride = place.row_stride.unwrap_or(width);
                        place.skip(sequence * tokens * stride, memory.sizes.dtype)
                    };
                    let cached = sequence * memory.sizes.positions * config.kv_width();
                    let [keys, values] = [&keys, &values].map(|cache| cache.skip(cached, memory.sizes.dtype));
                    let width = config.query_width();
                    let places = [of_rows(&query, width), keys, values, of_rows(&attended, width)];
                    self.push(&AttentionPrefill, &shape, &places)?;
                }
            }
        }
        self.project_onto_stream(&layer.attention_output, rows.count(), &attended)
    }

    /// Keys and values of the rows to the cache; gives where their queries are. One token of a model without norms of each
    /// head takes one kernel.
    fn fill_cache(
        &mut self,
        layer: &DeviceLayer,
        rows: Rows,
        [keys, values]: [&Place; 2],
    ) -> Result<Place, DeviceModelError> {
        let bench = self.bench;
        let (config, memory) = (&bench.config, &bench.memory);
        let norm = Place::constant(&layer.attention_norm);
        let interleaved = config.rope.pairing == RopePairing::Interleaved;
        let parameters = [
            ("heads", whole(config.heads)),
            ("kv_heads", whole(config.kv_heads)),
            ("interleaved", ParameterValue::Flag(interleaved)),
            ("sequences", whole(memory.sizes.sequences)),
            ("capacity", whole(memory.sizes.positions)),
        ];
        let [positions, sequences] = rows.places(memory);
        let behind = [positions, sequences, Place::constant(&bench.weights.frequencies)];
        let cache = [keys.clone(), values.clone()];
        let weights = layer.qkv.numbers().filter(|_| layer.query_norm.is_none() && self.is_one_token(rows.count()));
        if let Some(weights) = weights {
            let bias = layer.qkv_bias.as_ref().map(Place::constant);
            let of_product =
                [("hidden", whole(config.hidden)), self.epsilon(), ("bias", ParameterValue::Flag(bias.is_some()))];
            let parameters = [&parameters[..], &of_product].concat();
            let shape = Shape { parameters: &parameters, ..Shape::plain(1, config.head_dim) };
            let query = Place::start(&memory.qkv);
            let mut places = vec![Place::start(&memory.hidden), norm, Place::constant(weights)];
            places.extend(bias.into_iter().chain(behind).chain([query.clone()]).chain(cache));
            self.push(&FusedQkv, &shape, &places)?;
            return Ok(query.with_row_stride(config.query_width()));
        }
        self.norm(&norm, rows.count(), 0, config.hidden)?;
        let Projected { query, key, value } = self.project_qkv(layer, rows.count())?;
        let shape = Shape { rows: rows.count(), columns: config.head_dim, parameters: &parameters, in_place: true };
        let places: Vec<_> = [query.clone(), key, value].into_iter().chain(behind).chain(cache).collect();
        self.push(&Rope::INTO_CACHE, &shape, &places)?;
        Ok(query)
    }

    /// Queries, keys and values of `rows` normalised rows in `branch`: in one product, in rows of all three. Where heads
    /// are normalised, they must follow each other without gaps, so that each has rows of its own if there are several.
    fn project_qkv(&mut self, layer: &DeviceLayer, rows: usize) -> Result<Projected, DeviceModelError> {
        let bench = self.bench;
        let (config, dtype) = (&bench.config, self.dtype());
        let (queries, keys) = (config.query_width(), config.kv_width());
        let width = queries + 2 * keys;
        let normed = Place::start(&bench.memory.branch).with_row_stride(config.hidden);
        let start = Place::start(&bench.memory.qkv);
        let bias = layer.qkv_bias.as_ref().map(Place::constant);
        if layer.query_norm.is_none() || rows == 1 {
            let start = start.with_row_stride(width);
            let operands = Operands { rows, x: &normed, y: &start };
            self.project(&layer.qkv, 0..width, operands, bias.as_ref())?;
            let (key, value) = (start.skip(queries, dtype), start.skip(queries + keys, dtype));
            let projected = Projected { query: start, key, value };
            self.norm_heads(layer, rows, &projected)?;
            return Ok(projected);
        }
        let mut part = |first: usize, width: usize| -> Result<Place, DeviceModelError> {
            let y = start.skip(rows * first, dtype).with_row_stride(width);
            let bias = bias.as_ref().map(|bias| bias.skip(first, dtype));
            let operands = Operands { rows, x: &normed, y: &y };
            self.project(&layer.qkv, first..first + width, operands, bias.as_ref())?;
            Ok(y)
        };
        let (query, key, value) = (part(0, queries)?, part(queries, keys)?, part(queries + keys, keys)?);
        let projected = Projected { query, key, value };
        self.norm_heads(layer, rows, &projected)?;
        Ok(projected)
    }

    /// Normalises each head of queries and keys, where the model does so.
    fn norm_heads(&mut self, layer: &DeviceLayer, rows: usize, at: &Projected) -> Result<(), DeviceModelError> {
        let config = &self.bench.config;
        let epsilon = [self.epsilon()];
        let norms = [(&layer.query_norm, &at.query, config.heads), (&layer.key_norm, &at.key, config.kv_heads)];
        for (weight, place, heads) in norms {
            if let Some(weight) = weight {
                let shape =
                    Shape { rows: rows * heads, columns: config.head_dim, parameters: &epsilon, in_place: true };
                let place = place.clone().with_row_stride(config.head_dim);
                self.push(&RmsNorm::PLAIN as &dyn Operation, &shape, &[place, Place::constant(weight)])?;
            }
        }
        Ok(())
    }
}

//! The passes of a model: prompts through the layers, the next token through the layers, the head, the sampler.

use crate::attention::AdvancePositions;
use crate::embedding::Embedding;
use crate::engine::Sampling;
use crate::operation::{ParameterValue, Place};
use crate::sampler::FUSED_SAMPLER;

use super::DeviceModelError;
use super::attention_block::Rows;
use super::composer::{Bench, Composer, Shape, whole};
use super::program::Program;
use super::projection::Operands;

/// A prompt's pieces: tokens of each sequence, the position of the first, and the first row of its ids.
pub fn prompt_pieces(bench: &Bench, sequences: usize, tokens: usize) -> Vec<Rows> {
    let chunk = bench.memory.sizes.chunk(sequences);
    let starts = (0..tokens).step_by(chunk);
    let rows = starts.map(|past| {
        let tokens = chunk.min(tokens - past);
        Rows::Prompt { sequences, tokens, past, first: past * sequences }
    });
    rows.collect()
}

/// Embedding and layers of some rows. The result is in `hidden`, but for what is pending.
pub fn layers(composer: &mut Composer<'_>, rows: Rows) -> Result<(), DeviceModelError> {
    let bench = composer.bench;
    let (config, memory, weights) = (&bench.config, &bench.memory, &bench.weights);
    let ids = match rows {
        Rows::Prompt { first, .. } => memory.prompt_ids(first),
        Rows::Next { .. } => Place::start(&memory.tokens),
    };
    let vocab = [("vocab", whole(config.vocab))];
    let shape = Shape { parameters: &vocab, ..Shape::plain(rows.count(), config.hidden) };
    let [table, hidden, flags] = [&weights.token_embedding, &memory.hidden, &memory.flags].map(Place::start);
    composer.layer = None;
    composer.push(&Embedding, &shape, &[ids, table, hidden, flags])?;
    for (index, layer) in weights.layers.iter().enumerate() {
        composer.layer = Some(index);
        composer.attention(layer, index, rows)?;
        composer.mlp_swiglu(layer, rows.count())?;
    }
    composer.layer = None;
    Ok(())
}

/// Logits of the last token of each sequence, from what `layers` left.
pub fn head(composer: &mut Composer<'_>, rows: Rows) -> Result<(), DeviceModelError> {
    let bench = composer.bench;
    let (tokens, hidden) = (rows.tokens(), bench.config.hidden);
    let norm = Place::constant(&bench.weights.output_norm);
    let normed = composer.norm(&norm, rows.sequences(), tokens - 1, tokens * hidden)?;
    logits(composer, &normed, rows.sequences())
}

/// Logits of normalised rows, to the beginning of the memory for them.
pub fn logits(composer: &mut Composer<'_>, normed: &Place, rows: usize) -> Result<(), DeviceModelError> {
    let bench = composer.bench;
    let vocab = bench.config.vocab;
    let y = Place::start(&bench.memory.logits).with_row_stride(vocab);
    composer.project(&bench.weights.head, 0..vocab, Operands { rows, x: normed, y: &y }, None)
}

/// Parameters of `fused_sampler` for token `step` of each sequence.
pub fn sampler_parameters(sampling: &Sampling, step: u64) -> Vec<(&'static str, ParameterValue)> {
    let float = |value: f32| ParameterValue::Float(f64::from(value));
    match *sampling {
        Sampling::Greedy => vec![("temperature", float(0.0))],
        Sampling::Random { temperature, top_k, top_p, min_p, seed } => vec![
            ("k", whole(top_k as usize)),
            ("p", float(top_p)),
            ("min_p", float(min_p)),
            ("temperature", float(temperature)),
            ("step", ParameterValue::Integer(step as i64)),
            ("stream", ParameterValue::Integer(seed as i64)),
        ],
    }
}

/// A token for each sequence from its row of logits, to `tokens`.
pub fn sample(
    composer: &mut Composer<'_>,
    sampling: &Sampling,
    sequences: usize,
    step: u64,
) -> Result<(), DeviceModelError> {
    let bench = composer.bench;
    let parameters = sampler_parameters(sampling, step);
    let shape = Shape { parameters: &parameters, ..Shape::plain(sequences, bench.config.vocab) };
    let memory = &bench.memory;
    let places = [&memory.logits, &memory.tokens, &memory.details].map(Place::start);
    composer.push(&FUSED_SAMPLER, &shape, &places)
}

/// The programs that answer prompts of one shape.
pub struct PromptPrograms {
    pub sequences: usize,
    pub tokens: usize,
    pub layers: Program,
    pub head: Program,
}

impl PromptPrograms {
    pub fn new(bench: &Bench, sequences: usize, tokens: usize) -> Result<Self, DeviceModelError> {
        let pieces = prompt_pieces(bench, sequences, tokens);
        let mut composer = Composer::new(bench);
        for (index, rows) in pieces.iter().enumerate() {
            if index > 0 {
                // Nobody asks for what the last layer says of the pieces before.
                composer.forget_pending();
            }
            layers(&mut composer, *rows)?;
        }
        let layers = Program::new(std::mem::take(&mut composer.steps));
        head(&mut composer, *pieces.last().expect("a prompt has tokens"))?;
        Ok(Self { sequences, tokens, layers, head: Program::new(composer.steps) })
    }
}

/// One decoding step: the tokens sampled last through the model to logits, and positions moved on; with the sampler
/// where that is the same in every step.
pub fn next_token(bench: &Bench, sequences: usize, sampling: &Sampling) -> Result<Program, DeviceModelError> {
    let mut composer = Composer::new(bench);
    let rows = Rows::Next { sequences };
    layers(&mut composer, rows)?;
    head(&mut composer, rows)?;
    let memory = &bench.memory;
    let shape = Shape { in_place: true, ..Shape::plain(sequences, 1) };
    composer.push(&AdvancePositions, &shape, &[memory.next_positions(), memory.lengths()])?;
    if is_greedy(sampling) {
        sample(&mut composer, sampling, sequences, 0)?;
    }
    Ok(Program::new(composer.steps))
}

/// Whether the sampler does the same in every step.
pub fn is_greedy(sampling: &Sampling) -> bool {
    matches!(sampling, Sampling::Greedy | Sampling::Random { temperature: 0.0, .. })
}

/// The sampler by itself.
pub fn sampler(bench: &Bench, sequences: usize, sampling: &Sampling, step: u64) -> Result<Program, DeviceModelError> {
    let mut composer = Composer::new(bench);
    sample(&mut composer, sampling, sequences, step)?;
    Ok(Program::new(composer.steps))
}

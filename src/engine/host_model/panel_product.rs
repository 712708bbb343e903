//! Products of many activations with a stored matrix, the work of a prompt. Blocked as by Goto and van de Geijn (2008,
//! "Anatomy of high-performance matrix multiplication"): a strip of activations stays in the first-level cache, widened
//! weights in the second, and a tile of sums in registers.

use rayon::prelude::*;

use super::lanes::{LANES, Lanes, Work, with_lanes};
use super::stored_groups::{GroupSink, VECTORS, walk_groups};
use crate::engine::model_file::StoredTensor;
use crate::tensor::GROUP;

/// Inputs that are summed before a tile goes back to memory. A strip of so many is 16 KiB, half of a first-level cache, and
/// they are whole blocks of every storage type.
const DEPTH: usize = 256;

/// Tokens of a strip, and rows of the weight of a tile: 12 vectors of sums, which leaves registers for the factors.
const STRIP: usize = 2 * LANES;
const TILE_ROWS: usize = 6;

/// Rows of the weight that are widened together: 96 KiB, well within a second-level cache.
const BLOCK_ROWS: usize = 16 * TILE_ROWS;

type Strip = [[f32; STRIP]; DEPTH];
type Tile = [[f32; STRIP]; TILE_ROWS];
type WideRows = [[f32; DEPTH]; TILE_ROWS];

/// Activations `[tokens, inputs]` in strips: for each `DEPTH` inputs and each `STRIP` tokens, token beside token. Zeros fill
/// up both.
pub struct PackedActivations {
    strips: Vec<Strip>,
    tokens: usize,
    inputs: usize,
}

impl PackedActivations {
    pub fn new(input: &[f32], inputs: usize) -> Self {
        let tokens = input.len() / inputs;
        let across = tokens.div_ceil(STRIP);
        let mut strips: Vec<Strip> = vec![[[0.0; STRIP]; DEPTH]; inputs.div_ceil(DEPTH) * across];
        strips.par_iter_mut().enumerate().for_each(|(at, strip)| {
            let (first_input, first_token) = (at / across * DEPTH, at % across * STRIP);
            let (inputs_here, tokens_here) = (DEPTH.min(inputs - first_input), STRIP.min(tokens - first_token));
            for token in 0..tokens_here {
                let values = &input[(first_token + token) * inputs + first_input..][..inputs_here];
                for (row, value) in strip.iter_mut().zip(values) {
                    row[token] = *value;
                }
            }
        });
        Self { strips, tokens, inputs }
    }

    /// All tokens' strips of the inputs `DEPTH * part ..`.
    fn part(&self, part: usize) -> &[Strip] {
        let across = self.tokens.div_ceil(STRIP);
        &self.strips[part * across..][..across]
    }

    fn parts(&self) -> usize {
        self.inputs.div_ceil(DEPTH)
    }
}

/// `output[token][row]` becomes the product of activations and row, for `[tokens, outputs]` and a weight `[outputs, inputs]`.
pub fn multiply_panels(weight: &StoredTensor<'_>, activations: &PackedActivations, output: &mut [f32]) {
    let outputs = weight.shape[0];
    assert_eq!((weight.shape[1], output.len()), (activations.inputs, activations.tokens * outputs), "shapes");
    // Small matrices are cut into fewer rows, so that each thread has some.
    let share = outputs.div_ceil(rayon::current_num_threads()).next_multiple_of(TILE_ROWS);
    let rows = BLOCK_ROWS.min(share);
    let mut blocks: Vec<Vec<&mut [f32]>> = Vec::new();
    blocks.resize_with(outputs.div_ceil(rows), || Vec::with_capacity(activations.tokens));
    for token in output.chunks_exact_mut(outputs) {
        blocks.iter_mut().zip(token.chunks_mut(rows)).for_each(|(block, part)| block.push(part));
    }
    blocks.into_par_iter().enumerate().for_each_init(Scratch::default, |scratch, (block, output)| {
        with_lanes(BlockProduct { weight, first_row: block * rows, activations, scratch, output });
    });
}

/// Memory of a thread, kept from block to block.
#[derive(Default)]
struct Scratch {
    widened: Vec<WideRows>,
    tiles: Vec<Tile>,
}

struct BlockProduct<'a> {
    weight: &'a StoredTensor<'a>,
    first_row: usize,
    activations: &'a PackedActivations,
    scratch: &'a mut Scratch,
    /// The block's part of each token's output.
    output: Vec<&'a mut [f32]>,
}

impl Work for BlockProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn call<L: Lanes>(mut self, lanes: L) {
        let Scratch { widened, tiles } = self.scratch;
        let rows = self.output.first().map_or(0, |part| part.len());
        let strips = self.activations.part(0).len();
        let tile_rows = rows.div_ceil(TILE_ROWS);
        widened.clear();
        widened.resize(tile_rows, [[0.0; DEPTH]; TILE_ROWS]);
        tiles.clear();
        tiles.resize(tile_rows * strips, [[0.0; STRIP]; TILE_ROWS]);
        for part in 0..self.activations.parts() {
            let first_input = part * DEPTH;
            let inputs = DEPTH.min(self.activations.inputs - first_input);
            for (row, wide) in widened.as_flattened_mut()[..rows].iter_mut().enumerate() {
                let stored = self.weight.columns(self.first_row + row, first_input, inputs);
                walk_groups(lanes, self.weight.tensor_type, stored, &mut Widen { lanes, wide });
            }
            for (strip, tiles) in self.activations.part(part).iter().zip(tiles.chunks_exact_mut(tile_rows)) {
                for (weights, tile) in widened.iter().zip(tiles) {
                    add_tile(lanes, tile, weights, strip, inputs);
                }
            }
        }
        for (strip, tokens) in self.output.chunks_mut(STRIP).enumerate() {
            let sums = tiles[strip * tile_rows..][..tile_rows].as_flattened();
            for (lane, token) in tokens.iter_mut().enumerate() {
                for (value, sums) in token.iter_mut().zip(sums) {
                    *value = sums[lane];
                }
            }
        }
    }
}

struct Widen<'a, L> {
    lanes: L,
    wide: &'a mut [f32; DEPTH],
}

impl<L: Lanes> GroupSink<L> for Widen<'_, L> {
    #[inline(always)]
    fn group(&mut self, at: usize, weights: [L::Vector; VECTORS]) {
        let wide = self.wide.as_chunks_mut::<GROUP>().0[at].as_chunks_mut::<LANES>().0;
        for (wide, weights) in wide.iter_mut().zip(&weights) {
            *wide = self.lanes.store(*weights);
        }
    }

    #[inline(always)]
    fn quantised(&mut self, at: usize, codes: [L::Vector; VECTORS], steps: [f32; 2], offset: Option<f32>) {
        let steps = [self.lanes.splat(steps[0]), self.lanes.splat(steps[1])];
        let mut weights = codes;
        for (at, weight) in weights.iter_mut().enumerate() {
            *weight = self.lanes.multiply(*weight, steps[2 * at / VECTORS]);
        }
        if let Some(offset) = offset {
            let offset = self.lanes.splat(offset);
            for weight in &mut weights {
                *weight = self.lanes.subtract(*weight, offset);
            }
        }
        self.group(at, weights);
    }
}

/// Adds the products of `inputs` inputs to a tile.
#[inline(always)]
fn add_tile<L: Lanes>(lanes: L, tile: &mut Tile, weights: &WideRows, strip: &Strip, inputs: usize) {
    let mut sums = [[lanes.splat(0.0); 2]; TILE_ROWS];
    for (sums, tile) in sums.iter_mut().zip(tile.iter()) {
        let [low, high] = halves(tile);
        *sums = [lanes.load(low), lanes.load(high)];
    }
    for (input, tokens) in strip[..inputs].iter().enumerate() {
        let [low, high] = halves(tokens);
        let (low, high) = (lanes.load(low), lanes.load(high));
        for (sums, weights) in sums.iter_mut().zip(weights) {
            let weight = lanes.splat(weights[input]);
            sums[0] = lanes.multiply_add(weight, low, sums[0]);
            sums[1] = lanes.multiply_add(weight, high, sums[1]);
        }
    }
    for (tile, sums) in tile.iter_mut().zip(&sums) {
        tile[..LANES].copy_from_slice(&lanes.store(sums[0]));
        tile[LANES..].copy_from_slice(&lanes.store(sums[1]));
    }
}

#[inline(always)]
fn halves(values: &[f32; STRIP]) -> [&[f32; LANES]; 2] {
    let (halves, _) = values.as_chunks::<LANES>();
    [&halves[0], &halves[1]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::host_model::lanes::Portable;
    use crate::engine::host_model::row_dot::{RowFactor, multiply_rows};
    use crate::engine::model_file::TensorType;

    /// Tokens and rows that fill strips, tiles and blocks, and such that do not, against products of one token.
    #[test]
    fn panels_give_what_rows_give() {
        for tensor_type in TensorType::ALL {
            // More than one part, the last one short, where blocks allow it.
            let inputs = if tensor_type.block_elements() == 1 { 300 } else { 2 * DEPTH };
            let outputs = 2 * BLOCK_ROWS + 7;
            let elements = outputs * inputs;
            let mut bytes = vec![0u8; tensor_type.bytes_of(elements).expect("whole blocks")];
            bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 73 % 241) as u8 & 0x3F);
            let shape = [outputs, inputs];
            let weight = StoredTensor { name: "w", tensor_type, shape: &shape, bytes: &bytes };
            for tokens in [2, STRIP, 2 * STRIP + 1] {
                let input: Vec<f32> = (0..tokens * inputs).map(|at| (at * 31 % 97) as f32 / 48.0 - 1.0).collect();
                let mut output = vec![f32::NAN; tokens * outputs];
                multiply_panels(&weight, &PackedActivations::new(&input, inputs), &mut output);
                for (values, products) in input.chunks_exact(inputs).zip(output.chunks_exact(outputs)) {
                    let mut rows = vec![f32::NAN; outputs];
                    multiply_rows(&weight, 0, &RowFactor::new(values), &mut rows);
                    let largest = rows.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
                    assert!(largest > 0.0 && largest.is_finite(), "{tensor_type}: {largest}");
                    for (found, expected) in products.iter().zip(&rows) {
                        assert!((found - expected).abs() <= 1e-5 * largest, "{tensor_type}: {found}, not {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn plain_arrays_give_the_same() {
        let (inputs, outputs, tokens) = (DEPTH + 8, TILE_ROWS + 1, 3);
        let bytes: Vec<u8> = (0..inputs * outputs).flat_map(|at| ((at % 13) as f32 - 6.0).to_le_bytes()).collect();
        let shape = [outputs, inputs];
        let weight = StoredTensor { name: "w", tensor_type: TensorType::F32, shape: &shape, bytes: &bytes };
        let input: Vec<f32> = (0..tokens * inputs).map(|at| (at % 7) as f32 - 3.0).collect();
        let activations = PackedActivations::new(&input, inputs);
        let (mut best, mut plain) = (vec![f32::NAN; tokens * outputs], vec![f32::NAN; tokens * outputs]);
        multiply_panels(&weight, &activations, &mut best);
        let (scratch, output) = (&mut Scratch::default(), plain.chunks_exact_mut(outputs).collect());
        Portable.run(BlockProduct { weight: &weight, first_row: 0, activations: &activations, scratch, output });
        // Whole numbers: no order of sums rounds.
        assert_eq!(best, plain);
    }
}

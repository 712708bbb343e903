//! Stored weights as vectors, 32 at a time, whatever their type. What is done with them is a trait instead of a closure:
//! only what is inlined into `Work::call` has vector instructions.

use bytemuck::{Pod, Zeroable};

use super::lanes::{LANES, Lanes};
use crate::engine::model_file::TensorType;
use crate::tensor::{BlockVisitor, GROUP, QuantBlock};

/// Vectors of a group.
pub const VECTORS: usize = GROUP / LANES;

/// What is done with the groups of a row.
pub trait GroupSink<L: Lanes> {
    /// Weights `32 * at ..` of the row, with zeros after its end.
    fn group(&mut self, at: usize, weights: [L::Vector; VECTORS]);

    /// The same of a quantised group: codes, each to be multiplied by the step of its half, less the offset.
    fn quantised(&mut self, at: usize, codes: [L::Vector; VECTORS], steps: [f32; 2], offset: Option<f32>);
}

/// Gives a row, or whole blocks of one, group by group.
#[inline(always)]
pub fn walk_groups<L: Lanes, S: GroupSink<L>>(lanes: L, tensor_type: TensorType, row: &[u8], sink: &mut S) {
    match tensor_type {
        TensorType::F32 => walk_numbers::<L, Float, S>(lanes, row, sink),
        TensorType::F16 => walk_numbers::<L, Half, S>(lanes, row, sink),
        TensorType::BF16 => walk_numbers::<L, Bfloat, S>(lanes, row, sink),
        TensorType::Q8_0 | TensorType::Q4_0 | TensorType::Q4K | TensorType::Q5K | TensorType::Q6K => {
            if let Some(format) = tensor_type.quant_format() {
                format.visit(row, Blocks { lanes, sink });
            }
        }
    }
}

/// Little-endian numbers that lie anywhere.
trait StoredNumber: Pod {
    fn widen<L: Lanes>(lanes: L, numbers: &[Self; LANES]) -> L::Vector;
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Float([u8; 4]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Half([u8; 2]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Bfloat([u8; 2]);

impl StoredNumber for Float {
    #[inline(always)]
    fn widen<L: Lanes>(lanes: L, numbers: &[Self; LANES]) -> L::Vector {
        lanes.widen_floats(bytemuck::cast_ref(numbers))
    }
}

impl StoredNumber for Half {
    #[inline(always)]
    fn widen<L: Lanes>(lanes: L, numbers: &[Self; LANES]) -> L::Vector {
        lanes.widen_halves(bytemuck::cast_ref(numbers))
    }
}

impl StoredNumber for Bfloat {
    #[inline(always)]
    fn widen<L: Lanes>(lanes: L, numbers: &[Self; LANES]) -> L::Vector {
        lanes.widen_bfloats(bytemuck::cast_ref(numbers))
    }
}

#[inline(always)]
fn walk_numbers<L: Lanes, N: StoredNumber, S: GroupSink<L>>(lanes: L, row: &[u8], sink: &mut S) {
    let (groups, rest) = bytemuck::cast_slice::<u8, N>(row).as_chunks::<GROUP>();
    for (at, numbers) in groups.iter().enumerate() {
        sink.group(at, widen_group(lanes, numbers));
    }
    if !rest.is_empty() {
        let mut numbers = [N::zeroed(); GROUP];
        numbers[..rest.len()].copy_from_slice(rest);
        sink.group(groups.len(), widen_group(lanes, &numbers));
    }
}

#[inline(always)]
fn widen_group<L: Lanes, N: StoredNumber>(lanes: L, numbers: &[N; GROUP]) -> [L::Vector; VECTORS] {
    let numbers = numbers.as_chunks::<LANES>().0;
    let mut widened = [lanes.splat(0.0); VECTORS];
    for (widened, numbers) in widened.iter_mut().zip(numbers) {
        *widened = N::widen(lanes, numbers);
    }
    widened
}

struct Blocks<'a, L, S> {
    lanes: L,
    sink: &'a mut S,
}

impl<L: Lanes, S: GroupSink<L>> BlockVisitor for Blocks<'_, L, S> {
    type Output = ();

    #[inline(always)]
    fn visit<B: QuantBlock>(mut self, blocks: &[B]) {
        const { assert!(B::GROUPS == 1 || B::GROUPS == 8) };
        for (at, block) in blocks.iter().enumerate() {
            let first = at * B::GROUPS;
            self.group(block, first, 0);
            if B::GROUPS == 8 {
                // One by one, for shifts by constants are a good part of the work; a loop of this size stays a loop.
                self.group(block, first, 1);
                self.group(block, first, 2);
                self.group(block, first, 3);
                self.group(block, first, 4);
                self.group(block, first, 5);
                self.group(block, first, 6);
                self.group(block, first, 7);
            }
        }
    }
}

impl<L: Lanes, S: GroupSink<L>> Blocks<'_, L, S> {
    /// Group `at` of a block whose first group is `first` of the row.
    #[inline(always)]
    fn group<B: QuantBlock>(&mut self, block: &B, first: usize, at: usize) {
        let group = block.group(at);
        let (steps, offset) = group.factors();
        self.sink.quantised(first + at, self.lanes.widen_codes(group.codes), steps, offset);
    }
}

//! How many threads work on a row, and how many rows a block takes.

use crate::backend::DeviceInfo;
use crate::operation::{Layout, Problem, TensorRole, TensorSpec};
use crate::tensor::DType;

/// Threads of a block that holds several short rows.
const SHARED_BLOCK_THREADS: u32 = 256;

/// A row's single elements (up to 14 of 16 bits beside its vectors) need a thread each.
const LEAST_GROUP: u32 = 16;

/// Blocks beyond this walk on in steps of the grid; times 1,024 threads it stays below AMD's 2^32 work-items.
const MOST_BLOCKS: u64 = 1 << 20;

/// Threads and rows of a block, and blocks of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaunchShape {
    /// Threads that work on one row together, a power of two.
    pub group: u32,
    pub block: u32,
    pub grid: u32,
}

impl LaunchShape {
    /// Threads per row so that each takes about `per_thread` of the row's `vectors`; at most `most` threads.
    pub fn group_for(vectors: usize, per_thread: usize, most: u32) -> u32 {
        let wanted = vectors.div_ceil(per_thread).next_power_of_two();
        (wanted.min(most as usize) as u32).max(LEAST_GROUP)
    }

    /// Groups of up to 32 threads, which lie inside a wave of either size, share a block; larger ones are one.
    pub fn new(device: &DeviceInfo, rows: usize, group: u32, blocks_per_row: u32) -> Self {
        let rows_per_block = match group {
            ..=32 => (SHARED_BLOCK_THREADS / group).min(u32::try_from(rows.next_power_of_two()).unwrap_or(u32::MAX)),
            _ => 1,
        };
        let block = (group * rows_per_block).max(device.wave_size);
        let row_groups = (rows as u64).div_ceil(u64::from(block / group));
        let most = MOST_BLOCKS / u64::from(blocks_per_row);
        Self { group, block, grid: (row_groups.min(most)) as u32 * blocks_per_row }
    }
}

/// The largest power of two that the device allows for a block, up to 1,024.
pub(super) fn most_threads(device: &DeviceInfo) -> u32 {
    let most = device.max_threads_per_block.clamp(64, 1024);
    1 << most.ilog2()
}

/// Elements in 16 bytes.
pub(super) fn vector_elements(dtype: DType) -> usize {
    16 / dtype.size()
}

/// A tensor with a row per row of the problem.
pub(super) fn row_tensor(name: &'static str, role: TensorRole, problem: &Problem, columns: usize) -> TensorSpec {
    let distinct_rows = if role == TensorRole::Input { problem.distinct_rows() } else { problem.rows };
    TensorSpec {
        row_stride: problem.row_stride(columns),
        base_offset: problem.layout.base_offset,
        distinct_rows,
        ..TensorSpec::new(name, role, problem.dtype, problem.rows, columns)
    }
}

/// Where an output lies: in memory of its own, or over the input in slot `input`.
pub(super) fn output_role(layout: &Layout, input: usize) -> TensorRole {
    if layout.in_place { TensorRole::InPlace { input } } else { TensorRole::Output }
}

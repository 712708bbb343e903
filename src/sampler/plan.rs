//! What the selection kernels' launches have in common.

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{ContractError, PlanArgument, PlannedLaunch, Problem};
use crate::tensor::DType;

/// Threads of every block: `SELECT_THREADS` and `DESCENT_THREADS`.
const THREADS: usize = 256;

/// The kernels for k = 1 of `top_k` and the samplers.
pub const BEST_MODULE: &str = "sampler/best_logit";

/// The largest k of the one-pass kernels: `MOST_CANDIDATES` of `candidates.h`.
pub const MOST_CANDIDATES: usize = 1024;

/// Bits that one launch of a radix descent decides: `DIGIT_BITS`.
const DIGIT_BITS: usize = 8;

/// Bytes of a row's histograms: `ROW_HISTOGRAM_WORDS` words of 8.
const HISTOGRAM_BYTES: usize = 3 * 2 * 256 * 8;

/// Bytes of a row's states: `MOST_STATES` times `sizeof(DescentState)`.
const STATE_BYTES: usize = 9 * 32;

/// `sizeof(KeptPart)`.
const KEPT_PART_BYTES: usize = 24;

/// A block should have at least this many 16-byte loads per thread to be worth a merge.
const LEAST_LOADS: usize = 2;

/// Blocks per multiprocessor that keep enough loads in flight.
const BLOCKS_PER_MULTIPROCESSOR: usize = 4;

/// A row's parts are combined by one block with a thread for each.
const MOST_SPLITS: usize = 64;

/// Grid times block must stay below 2^32 threads on AMD devices, with `MOST_SPLITS` blocks for a few rows only.
const MOST_ROWS: usize = (1 << 24) - 1;

/// Masses are 2^40 per column in 64 bits, with room to spare.
const MOST_COLUMNS: usize = 1 << 22;

/// Refuses shapes that the kernels cannot count.
pub fn check_shape(operation: &'static str, problem: &Problem) -> Result<(), ContractError> {
    let refused =
        |rule: String| Err(ContractError::Shape { operation, rows: problem.rows, columns: problem.columns, rule });
    if problem.columns == 0 || problem.columns > MOST_COLUMNS {
        return refused(format!("a row has 1 to {MOST_COLUMNS} columns"));
    }
    if problem.rows > MOST_ROWS {
        return refused(format!("at most {MOST_ROWS} rows"));
    }
    if problem.layout.in_place {
        let layout = "in_place".to_string();
        return Err(ContractError::Layout { operation, layout, rule: "the logits are not written".to_string() });
    }
    Ok(())
}

/// Blocks per row: one with enough rows to fill the device, else as many as do.
pub fn splits(device: &DeviceInfo, problem: &Problem) -> usize {
    let loads = (problem.columns * problem.dtype.size()).div_ceil(16);
    let useful = loads / (THREADS * LEAST_LOADS);
    let wanted = (device.multiprocessors as usize * BLOCKS_PER_MULTIPROCESSOR).div_ceil(problem.rows.max(1));
    wanted.min(useful).clamp(1, MOST_SPLITS)
}

/// Levels of a radix descent over one storage type's keys.
pub fn levels(dtype: DType) -> u32 {
    (dtype.size() * 8 / DIGIT_BITS) as u32
}

/// One launch with one block of `THREADS` threads for each of `blocks`.
pub fn launch(module: &str, function: String, blocks: usize, arguments: Vec<PlanArgument>) -> PlannedLaunch {
    let grid = u32::try_from(blocks).expect("check_shape bounds the rows");
    PlannedLaunch {
        kernel: KernelId::new(module, function),
        dimensions: LaunchDimensions { grid: [grid, 1, 1], block: [THREADS as u32, 1, 1], dynamic_shared_bytes: 0 },
        arguments,
    }
}

/// Scratch memory handed out in pieces aligned for any type.
#[derive(Default)]
pub struct Workspace {
    pub bytes: usize,
}

impl Workspace {
    pub fn reserve(&mut self, bytes: usize) -> PlanArgument {
        let offset = self.bytes;
        self.bytes += bytes.next_multiple_of(256);
        PlanArgument::Workspace(offset)
    }

    /// Histograms, states and kept parts of a descent: the last three arguments of its kernels.
    pub fn reserve_descent(&mut self, rows: usize, splits: usize) -> [PlanArgument; 3] {
        [
            self.reserve(rows * HISTOGRAM_BYTES),
            self.reserve(rows * STATE_BYTES),
            self.reserve(rows * splits * KEPT_PART_BYTES),
        ]
    }
}

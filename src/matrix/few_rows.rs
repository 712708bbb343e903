//! How a product of few rows is launched, which reads every weight once.

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{LaunchPlan, PlanArgument, PlannedLaunch, Problem};
use crate::tensor::DType;

/// Rows of 16-bit numbers up to which `MatrixProduct` reads every weight once. With so many it needs the most scratch memory.
pub const MOST_FEW_ROWS: usize = 64;

/// Of `kernels/matrix/matrix_product_few_rows.hip`.
const THREADS: usize = 128;
const TILE: usize = 64;
const SLICE: usize = 128;
const PADDED_SLICE: usize = SLICE + 8;

/// Slices in shared memory: one that is multiplied, and those on their way.
const LEAST_STAGES: usize = 2;
const MOST_STAGES: usize = 5;

/// Blocks that a multiprocessor holds together: one multiplies while the other waits for a slice.
const BLOCKS: usize = 2;

/// Slices that are worth a block of their own.
const LEAST_SLICES: usize = 4;

/// What blocks have of a multiprocessor, where nothing else is known: LDS of AMD, and less than NVIDIA's.
const SHARED_BYTES: usize = 64 * 1024;

/// What the driver keeps of each block's.
const RESERVED_SHARED_BYTES: usize = 1024;

/// Shared memory of a multiprocessor where copies go there by themselves ("Technical Specifications per Compute Capability",
/// CUDA programming guide).
fn shared_bytes_with_copies(device: &DeviceInfo) -> Option<usize> {
    match device.compute_capability()? {
        ..80 => None,
        80 | 87 => Some(164 * 1024),
        90..120 => Some(228 * 1024),
        _ => Some(100 * 1024),
    }
}

/// Blocks of a multiprocessor, and the stages of each one's ring. Elsewhere the next slice is on its way in registers.
fn blocks_and_stages(device: &DeviceInfo, stage_bytes: usize) -> (usize, usize) {
    let Some(shared_bytes) = shared_bytes_with_copies(device) else {
        return ((SHARED_BYTES / stage_bytes).clamp(1, BLOCKS), 1);
    };
    let stages_of = |blocks: usize| (shared_bytes / blocks - RESERVED_SHARED_BYTES) / stage_bytes;
    let blocks = if stages_of(BLOCKS) >= LEAST_STAGES { BLOCKS } else { 1 };
    (blocks, stages_of(blocks).min(MOST_STAGES))
}

/// Rows that the kernel for `rows` makes, some of them for nothing.
pub(super) fn rows_made(rows: usize) -> usize {
    rows.next_power_of_two().max(16)
}

fn slices(columns: usize, outputs: usize) -> usize {
    outputs.div_ceil(TILE) * columns.div_ceil(SLICE)
}

/// Whether the kernel takes so many rows of such weights.
pub(super) fn takes(problem: &Problem, outputs: usize) -> bool {
    problem.dtype.size() == 2
        && problem.rows <= MOST_FEW_ROWS
        && u32::try_from(slices(problem.columns, outputs)).is_ok()
}

/// The launch over `x`, `weight` and `y` in slots 0 to 2.
pub(super) fn plan(device: &DeviceInfo, problem: &Problem, outputs: usize) -> LaunchPlan {
    let Problem { dtype, rows, columns, .. } = *problem;
    let rows_made = rows_made(rows);
    let stage_bytes = (rows_made + TILE) * PADDED_SLICE * dtype.size();
    let (blocks, stages) = blocks_and_stages(device, stage_bytes);
    let slices = slices(columns, outputs);
    let blocks = (slices / LEAST_SLICES).clamp(1, blocks * device.multiprocessors as usize);
    let mut arguments: Vec<_> = (0..3).map(PlanArgument::Tensor).collect();
    arguments.extend([PlanArgument::Workspace(0), PlanArgument::Counters]);
    let numbers = [rows, outputs, columns, stages, slices / blocks, slices % blocks];
    arguments.extend(numbers.map(|number| PlanArgument::U32(number as u32)));
    arguments.extend((0..3).map(PlanArgument::RowStride));
    let name = "matrix_product_few_rows";
    let launch = PlannedLaunch {
        kernel: KernelId::new(format!("matrix/{name}"), format!("{name}_{dtype}_{rows_made}")),
        dimensions: LaunchDimensions {
            grid: [blocks as u32, 1, 1],
            block: [THREADS as u32, 1, 1],
            dynamic_shared_bytes: (stages * stage_bytes) as u32,
        },
        arguments,
    };
    // Each block leaves parts of two tiles at most; the waves of a tile are counted apart.
    let workspace_bytes = 2 * blocks * rows_made * TILE * DType::F32.size();
    let counters = outputs.div_ceil(TILE) * THREADS / device.wave_size as usize;
    LaunchPlan::of_launches(workspace_bytes, vec![launch]).with_counters(counters).overlapping_ahead(&[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::amd_device_on_paper;
    use crate::operation::{Layout, Parameters};

    fn problem(rows: usize) -> Problem {
        let parameters = Parameters::new("few_rows", &[], &[]).expect("none are asked for");
        Problem { dtype: DType::BF16, rows, columns: 4096, parameters, layout: Layout::default() }
    }

    #[test]
    fn rings_fit_into_the_shared_memory_of_each_architecture() {
        for (architecture, room) in
            [("sm_75", 64), ("sm_80", 163), ("sm_86", 99), ("sm_89", 99), ("sm_90", 227), ("gfx942", 64)]
        {
            let device = amd_device_on_paper(architecture, 32);
            let workspace = |rows| plan(&device, &problem(rows), 4096).workspace_bytes;
            assert!(workspace(MOST_FEW_ROWS) >= workspace(16).max(workspace(32)), "{architecture}");
            for rows_made in [16, 32, 64] {
                let stage_bytes = (rows_made + TILE) * PADDED_SLICE * 2;
                let (blocks, stages) = blocks_and_stages(&device, stage_bytes);
                assert!(stages * stage_bytes <= room * 1024, "{architecture} {rows_made}: {stages} stages");
                assert!(
                    blocks * stages * stage_bytes <= (room + 1) * 1024,
                    "{architecture} {rows_made}: {blocks} blocks"
                );
                // One stage is overwritten while it is read if copies go there by themselves.
                let copies = !["sm_75", "gfx942"].contains(&architecture);
                assert_eq!(stages > 1, copies, "{architecture} {rows_made}");
            }
        }
    }
}

//! How a product is launched by tiles that stream through shared memory: `kernels/include/warpgroup_product.h`.

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{LaunchPlan, PlanArgument, PlannedLaunch, Problem};
use crate::tensor::DType;

/// Of the header. Where nothing copies by itself, slices are a vector longer and the threads that multiply copy.
const MULTIPLIERS: u32 = 256;
const SLICE: usize = 64;
const PADDED_SLICE: usize = SLICE + 8;
const MOST_STAGES: usize = 16;

/// Blocks of a cluster, which share the columns.
const CLUSTER: usize = 2;

/// Rows of weights of a block's tile, and of a cluster's: those that there are kernels for.
const TILES: [usize; 3] = [128, 224, 256];
const SHARED_TILES: [usize; 3] = [64, 96, 128];

/// Of the 227 KiB that a block can ask for on compute capability 9.0; less than that is static, or lost to alignment.
const SHARED_BYTES: usize = 225 * 1024;

/// What rows begin at on compute capability 9.0, in elements: 16 bytes.
const ALIGNMENT: usize = 8;

/// How the kernel is cut for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    /// Rows of X of a tile: 64 or 128, of which so many are read.
    rows: usize,
    x_rows: usize,
    /// Rows of weights.
    tile: usize,
    /// Whether the kernel is one of clusters.
    shared: bool,
    /// Blocks of a tile.
    blocks: usize,
    tiles: usize,
}

impl Cut {
    /// Rows that a multiprocessor reads at most, in halves if a cluster shares their columns: what it takes time for.
    fn half_rows_read(&self, device: &DeviceInfo) -> usize {
        let rounds = (self.tiles * self.blocks).div_ceil(device.multiprocessors as usize);
        rounds * (self.tile + self.x_rows) * (2 / self.blocks)
    }

    /// With those that copy: one wave, or as many as multiply half where registers change hands between groups of so many.
    fn threads(&self) -> u32 {
        const MOST_SUMS: usize = 144;
        // Of one pass of a group of 128 threads: its sums, and as many twice in flight, or the other half of them and one half.
        let of_group = self.tile * self.rows / MULTIPLIERS as usize;
        let pass = if self.rows == 128 && self.tile > 128 { of_group / 2 } else { of_group };
        MULTIPLIERS + if 3 * pass > MOST_SUMS { 128 } else { 32 }
    }

    fn stage_bytes(&self) -> usize {
        (self.x_rows + self.tile) * SLICE * DType::F16.size()
    }

    fn stages(&self) -> usize {
        (SHARED_BYTES / self.stage_bytes()).min(MOST_STAGES)
    }

    fn shared_bytes(&self, copies_tiles: bool) -> usize {
        /// The ring begins at a multiple of so many.
        const RING_ALIGNMENT: usize = 1024;
        match copies_tiles {
            true => RING_ALIGNMENT + self.stages() * self.stage_bytes(),
            // Sixty-four rows after the other.
            false => (self.x_rows.min(64) + self.tile) * PADDED_SLICE * DType::F16.size(),
        }
    }
}

/// Whether the device has a tensor memory accelerator and products of warpgroups.
fn copies_tiles(device: &DeviceInfo) -> bool {
    device.compute_capability() == Some(90)
}

/// Whether rows begin where a copy engine takes them from.
pub fn is_aligned(problem: &Problem) -> bool {
    let Problem { columns, layout, .. } = problem;
    [*columns, layout.row_padding, layout.base_offset].iter().all(|n| n.is_multiple_of(ALIGNMENT))
}

/// Whether tiles stream through shared memory here: on compute capability 9.0 where rows begin at multiples of 16 bytes, and
/// wherever else a problem asks for it.
pub(super) fn takes(device: &DeviceInfo, problem: &Problem, asked: bool) -> bool {
    problem.dtype.size() == 2 && if copies_tiles(device) { is_aligned(problem) } else { asked }
}

/// Rows of a prompt up to which tiles take less time than a vendor's library does, between a model's other kernels
/// (docs/performance.md).
pub const MOST_TILED_ROWS: usize = 128;

/// Whether a model's products with so many rows go by tiles although there is a library.
pub fn beats_library(device: &DeviceInfo, dtype: DType, rows: usize, columns: usize) -> bool {
    dtype.size() == 2 && rows <= MOST_TILED_ROWS && copies_tiles(device) && columns.is_multiple_of(ALIGNMENT)
}

/// What tiles are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tiled {
    /// `Y = X W^T`, W of as many rows as Y has columns.
    Product,
    /// `Y = swiglu(X G^T, X U^T)`, W of G and U, one below the other: of a tile's rows half are of G and half of U.
    SwiGlu,
}

impl Tiled {
    /// Columns of Y that so many rows of weights make.
    fn width(self, rows: usize) -> usize {
        match self {
            Tiled::Product => rows,
            Tiled::SwiGlu => rows / 2,
        }
    }

    /// The cut that keeps the busiest multiprocessor for the shortest time.
    fn cut(self, device: &DeviceInfo, problem: &Problem, outputs: usize) -> Cut {
        let rows = if problem.rows <= 64 { 64 } else { 128 };
        let x_rows = problem.rows.next_multiple_of(16).min(rows);
        let tiles = |tile| problem.rows.div_ceil(rows) * outputs.div_ceil(self.width(tile));
        let cut = |shared, blocks| move |tile| Cut { rows, x_rows, tile, shared, blocks, tiles: tiles(tile) };
        let blocks = if copies_tiles(device) { CLUSTER } else { 1 };
        let shared: &[usize] = if self == Tiled::Product { &SHARED_TILES } else { &[] };
        let cuts = TILES.into_iter().map(cut(false, 1)).chain(shared.iter().copied().map(cut(true, blocks)));
        cuts.min_by_key(|cut| cut.half_rows_read(device)).expect("there are tiles")
    }

    /// The launch over `x`, `weight` and `y` in slots 0 to 2; 16-bit numbers.
    pub fn plan(self, device: &DeviceInfo, problem: &Problem, outputs: usize) -> LaunchPlan {
        let Problem { dtype, rows, columns, .. } = *problem;
        let (cut, copies_tiles) = (self.cut(device, problem, outputs), copies_tiles(device));
        let weights = outputs * cut.tile / self.width(cut.tile);
        let map =
            |slot, rows, tile_rows| PlanArgument::TensorMap { slot, rows, columns, tile_rows, tile_columns: SLICE };
        let mut arguments = vec![map(0, rows, cut.x_rows), map(1, weights, self.width(cut.tile))];
        arguments.extend((0..3).map(PlanArgument::Tensor));
        let stages = if copies_tiles { cut.stages() } else { 1 };
        arguments.extend([rows, outputs, columns, stages, cut.x_rows].map(|number| PlanArgument::U32(number as u32)));
        arguments.extend((0..3).map(PlanArgument::RowStride));
        let (module, name) = match (self, cut.shared) {
            (Tiled::SwiGlu, _) => ("mlp/gate_up_swiglu", "gate_up_swiglu"),
            (Tiled::Product, false) => ("matrix/matrix_product_tiles", "matrix_product_tiles"),
            (Tiled::Product, true) => ("matrix/matrix_product_shared_tiles", "matrix_product_shared_tiles"),
        };
        let launch = PlannedLaunch {
            kernel: KernelId::new(module, format!("{name}_{dtype}_{}x{}", cut.rows, cut.tile)),
            dimensions: LaunchDimensions {
                grid: [(cut.tiles * cut.blocks) as u32, 1, 1],
                block: [if copies_tiles { cut.threads() } else { MULTIPLIERS }, 1, 1],
                dynamic_shared_bytes: cut.shared_bytes(copies_tiles) as u32,
            },
            arguments,
        };
        LaunchPlan::of_launches(0, vec![launch]).overlapping_ahead(&[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::amd_device_on_paper;
    use crate::operation::{Layout, Parameters};

    fn problem(rows: usize, columns: usize) -> Problem {
        let parameters = Parameters::new("tiles", &[], &[]).expect("none are asked for");
        Problem { dtype: DType::BF16, rows, columns, parameters, layout: Layout::default() }
    }

    fn hopper() -> DeviceInfo {
        DeviceInfo { multiprocessors: 132, ..amd_device_on_paper("sm_90", 32) }
    }

    fn kernel(tiled: Tiled, rows: usize, outputs: usize) -> String {
        let plan = tiled.plan(&hopper(), &problem(rows, 4096), outputs);
        plan.launches().map(|launch| launch.kernel.function.clone()).collect()
    }

    #[test]
    fn each_matrix_of_a_model_has_one_round_of_blocks() {
        // Llama-3-8B's gate and up, query, key and value, and output; the first also of Llama-3.2-1B.
        assert_eq!(kernel(Tiled::Product, 32, 28672), "matrix_product_tiles_bf16_64x224");
        assert_eq!(kernel(Tiled::SwiGlu, 32, 14336), "gate_up_swiglu_bf16_64x224");
        assert_eq!(kernel(Tiled::Product, 64, 6144), "matrix_product_shared_tiles_bf16_64x96");
        assert_eq!(kernel(Tiled::Product, 65, 4096), "matrix_product_shared_tiles_bf16_128x64");
        assert_eq!(kernel(Tiled::SwiGlu, 32, 8192), "gate_up_swiglu_bf16_64x128");
    }

    #[test]
    fn rings_fit_into_shared_memory_and_hold_two_slices_at_least() {
        /// Of compute capability 9.0, less the barriers, and of the emulator and AMD, less what emulated matrix cores take.
        const MOST: [(bool, usize); 2] = [(true, 227 * 1024 - 256), (false, 56 * 1024)];
        for rows in [1, 64, 65, 128, 2048] {
            for outputs in [1, 64, 4096, 6144, 28672, 128_256] {
                for tiled in [Tiled::Product, Tiled::SwiGlu] {
                    let cut = tiled.cut(&hopper(), &problem(rows, 4096), outputs);
                    assert!(cut.stages() >= 2, "{rows} {outputs}: {cut:?}");
                    for (copies_tiles, most) in MOST {
                        let bytes = cut.shared_bytes(copies_tiles);
                        assert!(bytes <= most, "{rows} {outputs}: {bytes} bytes for {cut:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn blocks_of_kernels_whose_registers_change_hands_have_a_whole_group_that_copies() {
        // MANY_REGISTERS of warpgroup_product.h: with one wave for a group, `setmaxnreg` would wait for ever.
        let many = [(64, 224), (64, 256), (128, 128), (128, 224), (128, 256)];
        for rows in [64, 128] {
            for tile in TILES.into_iter().chain(SHARED_TILES) {
                let cut = Cut { rows, x_rows: rows, tile, shared: false, blocks: 1, tiles: 1 };
                let expected = if many.contains(&(rows, tile)) { 384 } else { 288 };
                assert_eq!(cut.threads(), expected, "{rows}x{tile}");
            }
        }
    }

    #[test]
    fn rows_that_begin_anywhere_are_left_to_other_kernels_where_an_engine_copies() {
        let emulated = DeviceInfo { architecture: "emulated-wave32".to_string(), ..hopper() };
        for (columns, aligned) in [(4096, true), (4100, false)] {
            let problem = problem(32, columns);
            assert_eq!(takes(&hopper(), &problem, false), aligned);
            assert_eq!(takes(&hopper(), &problem, true), aligned);
            assert!(takes(&emulated, &problem, true) && !takes(&emulated, &problem, false));
        }
        let apart = Layout { row_padding: 1, ..Layout::default() };
        assert!(!takes(&hopper(), &Problem { layout: apart, ..problem(32, 4096) }, false));
    }
}

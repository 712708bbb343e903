//! How the rows of a product with a vector are dealt out to waves: `kernels/include/wave_share.h`.

use crate::backend::{DeviceInfo, LaunchDimensions};

/// Threads of a block.
const THREADS: u32 = 256;

/// Threads of each multiprocessor that keep memory busy: half of what it has room for, each with 64 bytes of weights on their way.
const BUSY_THREADS: usize = 1024;

/// Weights of a wave that make it worth its place: two loads of each of its lanes.
const LEAST_SHARE: usize = 512;

/// Rows that have blocks enough on every device: HIP counts the threads of a launch in 32 bits.
pub const MOST_ROWS: usize = 1 << 24;

/// Waves for each row, and the launch that has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaveShare {
    /// Neighbouring waves that share a row, a power of two: more than one where a wave for each row leaves memory idle.
    pub waves_per_row: u32,
    pub dimensions: LaunchDimensions,
}

impl WaveShare {
    /// For `rows` rows, at most `MOST_ROWS`, of `columns` weights that are read together; a kernel that makes several rows at a
    /// time has so many fewer, and longer ones.
    pub fn new(device: &DeviceInfo, rows: usize, columns: usize) -> Self {
        let (wave, busy) = (device.wave_size as usize, device.multiprocessors as usize * BUSY_THREADS);
        let most = (THREADS as usize / wave).min(columns / LEAST_SHARE).max(1);
        let wanted = busy.div_ceil((rows * wave).max(1)).min(most);
        let waves_per_row = 1 << wanted.ilog2();
        let rows_per_block = THREADS as usize / wave / waves_per_row;
        let grid = rows.div_ceil(rows_per_block) as u32;
        let dimensions = LaunchDimensions { grid: [grid, 1, 1], block: [THREADS, 1, 1], dynamic_shared_bytes: 0 };
        Self { waves_per_row: waves_per_row as u32, dimensions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::amd_device_on_paper;

    #[test]
    fn every_row_has_its_waves_and_no_launch_has_more_threads_than_32_bits_count() {
        for (architecture, wave_size) in [("gfx942", 64), ("gfx1100", 32)] {
            let device = amd_device_on_paper(architecture, wave_size);
            let exponents = (0..=30).flat_map(|exponent| [(1 << exponent) - 1, 1 << exponent, (1 << exponent) + 1]);
            for rows in exponents.filter(|rows| (1..=MOST_ROWS).contains(rows)) {
                for columns in [1, 511, 2048, 1 << 20] {
                    let share = WaveShare::new(&device, rows, columns);
                    let threads = u64::from(share.dimensions.grid[0]) * u64::from(THREADS);
                    let waves = threads / u64::from(device.wave_size);
                    let of = format!("{rows} rows of {columns} on {architecture}: {share:?}");
                    assert!(waves >= rows as u64 * u64::from(share.waves_per_row), "{of}");
                    assert!(share.waves_per_row.is_power_of_two() && threads < 1 << 32, "{of}");
                }
            }
        }
    }
}

//! What all threads of the block that runs share.

use std::ptr;

use super::access_check::RecentRanges;
use super::fault::Fault;
use super::kernel_table::KernelEntry;
use super::kernel_wrapper::Variant;
use super::launch::Launch;
use super::race_detector::RaceDetector;
use super::shared_memory::SharedMemory;
use super::thread_state::pack;

/// The running block, as callbacks see it through the current thread.
pub(super) struct BlockState {
    pub entry: KernelEntry,
    pub arguments: *const u64,
    /// Packed as in `thread_state::pack`.
    pub block_index: u64,
    pub block_size: u64,
    pub grid_size: u64,
    pub wave_size: u32,
    pub shared: SharedMemory,
    pub launch: *const Launch,
    pub races: RaceDetector,
    pub recent: RecentRanges,
    /// Accesses that this OS thread has checked.
    pub accesses: u64,
    /// Set by a callback that stops its thread with `Wait::Fault`.
    pub fault: Option<Fault>,
}

unsafe extern "C" fn no_kernel(_arguments: *const u64) {}

impl BlockState {
    pub fn new() -> Self {
        Self {
            entry: no_kernel,
            arguments: ptr::null(),
            block_index: 0,
            block_size: 0,
            grid_size: 0,
            wave_size: 32,
            shared: SharedMemory::new(),
            launch: ptr::null(),
            races: RaceDetector::new(),
            recent: RecentRanges::default(),
            accesses: 0,
            fault: None,
        }
    }

    /// Sets up for a launch's block of that number.
    pub fn begin_block(&mut self, launch: &Launch, block: u64) {
        let [width, height, _] = launch.dimensions.grid.map(u64::from);
        let index = [block % width, block / width % height, block / (width * height)].map(|part| part as u32);
        self.entry = launch.entry();
        self.arguments = launch.arguments.as_ptr();
        self.block_index = pack(index);
        self.block_size = pack(launch.dimensions.block);
        self.grid_size = pack(launch.dimensions.grid);
        self.wave_size = launch.wave_size;
        self.fault = None;
        if launch.variant == Variant::Checked {
            self.races.begin_block(launch.wave_size);
            self.recent.clear();
        }
        self.launch = launch;
        self.shared.begin_block(launch.dimensions.dynamic_shared_bytes as usize);
    }

    /// All threads of the block have met.
    pub fn block_barrier_passed(&mut self) {
        self.races.block_barrier_passed();
    }

    /// All threads of a wave have met.
    pub fn wave_barrier_passed(&mut self, wave: usize) {
        self.races.wave_barrier_passed(wave);
    }
}

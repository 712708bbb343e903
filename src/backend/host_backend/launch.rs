//! One launch: its blocks are spread over OS threads and run to their end before the launch returns.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Schedule;
use super::block_runner::run_block;
use super::fault::Fault;
use super::kernel_table::{HostKernel, KernelEntry};
use super::kernel_wrapper::Variant;
use super::memory::{HostMemory, NamedRange};
use super::ordering::GridOrder;
use super::step_count::counting;
use crate::backend::LaunchDimensions;

/// Below this many threads, waking another OS thread costs more than it saves.
const THREADS_WORTH_SHARING: u64 = 2048;

/// Everything a launch needs, owned, so that helpers on other OS threads may look at it at any time.
pub(super) struct Launch {
    pub kernel: Arc<HostKernel>,
    pub variant: Variant,
    /// One word per parameter.
    pub arguments: Vec<u64>,
    /// The buffers that the arguments point into, each once.
    pub buffers: Vec<NamedRange>,
    /// To name what a stray access hits.
    pub memory: Arc<HostMemory>,
    pub dimensions: LaunchDimensions,
    pub wave_size: u32,
    pub schedule: Schedule,
    pub deadline: Option<Instant>,
    /// As if earlier kernels still ran when this one begins: a thread must wait for them before it touches a buffer.
    pub overlapped: bool,
    pub progress: Progress,
}

/// Which blocks have been given out, and what went wrong.
#[derive(Default)]
pub(super) struct Progress {
    next: AtomicU64,
    /// Position after which no block needs to run, because one at or before it has faulted.
    faulted_at: AtomicU64,
    fault: Mutex<Option<(u64, Fault)>>,
    /// Of the blocks that have run.
    steps: AtomicU64,
    helpers: Mutex<Helpers>,
    helper_left: Condvar,
}

#[derive(Default)]
struct Helpers {
    running: usize,
    closed: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self { faulted_at: AtomicU64::new(u64::MAX), ..Self::default() }
    }
}

impl Launch {
    pub fn entry(&self) -> KernelEntry {
        self.kernel.entry(self.variant)
    }

    /// Runs all blocks and gives the steps that their threads took. The fault is that of the first faulty block in schedule order, however many OS
    /// threads took part.
    ///
    /// Rayon's joins are not used: a worker that waits in one may pick up a whole other case, and the
    /// launch's time would include it.
    pub fn run(self: &Arc<Self>) -> Result<u64, Fault> {
        let blocks = self.dimensions.blocks();
        if blocks * u64::from(self.dimensions.threads_per_block()) >= THREADS_WORTH_SHARING {
            let helpers = (rayon::current_num_threads() as u64).min(blocks).saturating_sub(1);
            for _ in 0..helpers {
                let launch = self.clone();
                rayon::spawn(move || launch.help());
            }
        }
        self.run_blocks();
        self.wait_for_helpers();
        match lock(&self.progress.fault).take() {
            Some((_, fault)) => Err(fault),
            None => Ok(self.progress.steps.load(Ordering::Relaxed)),
        }
    }

    fn help(&self) {
        {
            let mut helpers = lock(&self.progress.helpers);
            if helpers.closed {
                return;
            }
            helpers.running += 1;
        }
        self.run_blocks();
        lock(&self.progress.helpers).running -= 1;
        self.progress.helper_left.notify_all();
    }

    /// Helpers that have not begun find the launch closed; those that run finish their blocks.
    fn wait_for_helpers(&self) {
        let mut helpers = lock(&self.progress.helpers);
        helpers.closed = true;
        while helpers.running > 0 {
            helpers = self.progress.helper_left.wait(helpers).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run_blocks(&self) {
        let blocks = self.dimensions.blocks();
        let order = GridOrder::new(self.schedule, blocks);
        let progress = &self.progress;
        loop {
            let position = progress.next.fetch_add(1, Ordering::Relaxed);
            if position >= blocks || position > progress.faulted_at.load(Ordering::Relaxed) {
                return;
            }
            let (outcome, steps) = counting(|| run_block(self, order.block(position)));
            progress.steps.fetch_add(steps, Ordering::Relaxed);
            if let Err(fault) = outcome {
                progress.faulted_at.fetch_min(position, Ordering::Relaxed);
                let mut first = lock(&progress.fault);
                if first.as_ref().is_none_or(|(earlier, _)| position < *earlier) {
                    *first = Some((position, fault));
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The values behind these locks are whole after each statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

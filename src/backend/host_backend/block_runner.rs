//! Runs one block: waves between wave operations, the block between barriers.

use std::cell::RefCell;
use std::ptr;
use std::time::Instant;

use super::block_state::BlockState;
use super::fault::{Fault, Position, divergence};
use super::launch::Launch;
use super::ordering::BlockOrder;
use super::thread_state::{ThreadSlot, Wait, pack};

thread_local! {
    static RUNNER: RefCell<BlockRunner> = RefCell::new(BlockRunner::new());
}

/// Runs block `block` (its number in the grid) of a launch on this OS thread.
pub(super) fn run_block(launch: &Launch, block: u64) -> Result<(), Fault> {
    RUNNER.with_borrow_mut(|runner| runner.run(launch, block))
}

/// The coroutines and the block state of one OS thread, reused for every block that it runs.
struct BlockRunner {
    threads: Vec<ThreadSlot>,
    state: Box<BlockState>,
    waves: Vec<Wave>,
    /// What the contexts are set up for: threads of the block in x, y, z, and the wave size.
    prepared: ([u32; 3], u32),
}

/// A run of threads that executes together.
struct Wave {
    first: usize,
    lanes: usize,
    /// What all of its threads wait for; `None` while it can run.
    parked: Option<Wait>,
}

impl BlockRunner {
    fn new() -> Self {
        Self { threads: Vec::new(), state: Box::new(BlockState::new()), waves: Vec::new(), prepared: ([0; 3], 0) }
    }

    fn run(&mut self, launch: &Launch, block: u64) -> Result<(), Fault> {
        self.prepare_threads(launch)?;
        self.state.begin_block(launch, block);
        for wave in &mut self.waves {
            wave.parked = None;
        }
        let mut order = BlockOrder::new(launch.schedule, block);
        let outcome = self.run_to_end(launch, &mut order);
        if outcome.is_err() {
            let used = launch.dimensions.threads_per_block() as usize;
            self.threads[..used].iter_mut().for_each(ThreadSlot::abandon);
        }
        outcome?;
        match self.state.shared.damaged_fence() {
            Some(problem) => Err(Fault::Undefined(format!("{problem}, in block {}", Position(self.state.block_index)))),
            None => Ok(()),
        }
    }

    fn prepare_threads(&mut self, launch: &Launch) -> Result<(), Fault> {
        let [width, height, depth] = launch.dimensions.block;
        let wanted = (launch.dimensions.block, launch.wave_size);
        if self.prepared == wanted {
            return Ok(());
        }
        let count = width * height * depth;
        while self.threads.len() < count as usize {
            let slot = ThreadSlot::new(self.threads.len() as u32).map_err(|error| {
                Fault::Undefined(format!(
                    "no memory for the stacks of {count} emulated threads ({error}); raise the limit on memory maps"
                ))
            })?;
            self.threads.push(slot);
        }
        let state: *mut BlockState = &mut *self.state;
        for (linear, slot) in (0..count).zip(&mut self.threads) {
            let context = slot.context_mut();
            context.index = pack([linear % width, linear / width % height, linear / (width * height)]);
            context.wave = linear / launch.wave_size;
            context.lane = linear % launch.wave_size;
            context.block = state;
        }
        let waves = (0..count as usize).step_by(launch.wave_size as usize).map(|first| Wave {
            first,
            lanes: (count as usize - first).min(launch.wave_size as usize),
            parked: None,
        });
        self.waves = waves.collect();
        self.prepared = wanted;
        Ok(())
    }

    fn run_to_end(&mut self, launch: &Launch, order: &mut BlockOrder) -> Result<(), Fault> {
        loop {
            self.run_until_all_parked(launch, order)?;
            if self.all_left()? {
                return Ok(());
            }
            self.state.block_barrier_passed();
            for wave in &mut self.waves {
                wave.parked = None;
            }
        }
    }

    fn run_until_all_parked(&mut self, launch: &Launch, order: &mut BlockOrder) -> Result<(), Fault> {
        let mut ready: Vec<usize> = (0..self.waves.len()).collect();
        while !ready.is_empty() {
            let choice = order.wave(ready.len());
            let wave = ready[choice];
            self.step_wave(wave, order)?;
            if self.waves[wave].parked.is_some() {
                ready.remove(choice);
            }
            if launch.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Fault::Deadline);
            }
        }
        Ok(())
    }

    /// Runs each thread of a wave to its next rendezvous, and completes a wave operation.
    fn step_wave(&mut self, number: usize, order: &mut BlockOrder) -> Result<(), Fault> {
        let Wave { first, lanes, .. } = self.waves[number];
        let mut lane_order = [0u32; 64];
        let lane_order = &mut lane_order[..lanes];
        order.lanes(lane_order);
        let threads = &mut self.threads[first..first + lanes];
        for &lane in lane_order.iter() {
            // SAFETY: `begin_block` and `prepare_threads` set the block up; the launch owns its arguments.
            let wait = unsafe { threads[lane as usize].run() };
            if wait == Wait::Fault {
                return Err(self.state.fault.take().expect("a callback that faults says why"));
            }
        }
        let wait = threads[0].context().wait;
        if let Some(other) = threads.iter().find(|thread| thread.context().wait != wait) {
            return Err(diverged(self.state.block_index, &threads[0], other));
        }
        match wait {
            Wait::Exchange => return exchange(&mut self.threads[first..first + lanes], self.state.block_index),
            Wait::Ballot => {
                let votes =
                    threads.iter().enumerate().fold(0, |votes, (lane, thread)| votes | thread.context().value << lane);
                threads.iter_mut().for_each(|thread| thread.context_mut().value = votes);
            }
            Wait::WaveBarrier => self.state.wave_barrier_passed(number),
            Wait::BlockBarrier | Wait::Exit => self.waves[number].parked = Some(wait),
            Wait::Fault => {}
        }
        Ok(())
    }

    /// Whether all waves have left the kernel; a fault if only some have.
    fn all_left(&self) -> Result<bool, Fault> {
        let first = &self.waves[0];
        match self.waves.iter().find(|wave| wave.parked != first.parked) {
            Some(other) => {
                Err(diverged(self.state.block_index, &self.threads[first.first], &self.threads[other.first]))
            }
            None => Ok(first.parked == Some(Wait::Exit)),
        }
    }
}

fn diverged(block: u64, first: &ThreadSlot, second: &ThreadSlot) -> Fault {
    let side = |thread: &ThreadSlot| (thread.context().index, thread.context().wait);
    divergence(block, side(first), side(second))
}

/// Gives every lane the value of the lane that it named.
fn exchange(threads: &mut [ThreadSlot], block: u64) -> Result<(), Fault> {
    let mut values = [0u64; 64];
    for (value, thread) in values.iter_mut().zip(threads.iter()) {
        *value = thread.context().value;
    }
    let lanes = threads.len();
    for thread in threads {
        let context = thread.context_mut();
        let source = context.source_lane as usize;
        if source >= lanes {
            return Err(Fault::Undefined(format!(
                "wave shuffle from lane {source} of a wave with {lanes} threads, by block {} thread {}",
                Position(block),
                Position(context.index)
            )));
        }
        context.value = values[source];
    }
    Ok(())
}

impl Drop for BlockRunner {
    fn drop(&mut self) {
        // Threads point to the state: they go first.
        self.threads.clear();
        self.state.arguments = ptr::null();
    }
}

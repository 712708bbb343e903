//! Counts what checked kernels execute: the emulator's measure of cost, in place of its meaningless wall time.
//!
//! A step is a basic block that a thread enters (a branch or a loop turn), a memory access, or a rendezvous (a barrier, a
//! wave operation, the end of a thread). The compiler calls `__sanitizer_cov_trace_pc` in each basic block
//! (`-fsanitize-coverage=trace-pc`), so that loops that only compute count too. Straight-line arithmetic does not.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

thread_local! {
    /// Steps of kernel threads on this OS thread, ever; a block's are the difference over its run.
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

#[inline(always)]
pub(super) fn count_step() {
    STEPS.set(STEPS.get().wrapping_add(1));
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn __sanitizer_cov_trace_pc() {
    count_step();
}

/// Runs `work`, and gives the steps that kernel threads took on this OS thread meanwhile.
pub(super) fn counting<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = STEPS.get();
    let result = work();
    (result, STEPS.get().wrapping_sub(before))
}

/// The steps of one device's launches, by the OS thread that launched: cases that run side by side do not mix.
#[derive(Default)]
pub(super) struct StepLedger {
    by_thread: Mutex<HashMap<ThreadId, u64>>,
}

impl StepLedger {
    /// Adds the steps of a whole launch that this OS thread made.
    pub fn add(&self, steps: u64) {
        let mut by_thread = self.by_thread.lock().unwrap_or_else(PoisonError::into_inner);
        *by_thread.entry(thread::current().id()).or_default() += steps;
    }

    /// What was added by this OS thread since its last call.
    pub fn take(&self) -> u64 {
        let mut by_thread = self.by_thread.lock().unwrap_or_else(PoisonError::into_inner);
        by_thread.remove(&thread::current().id()).unwrap_or(0)
    }
}

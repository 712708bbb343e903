//! The functions that portability_host.h declares: what a kernel asks of the emulator.
//!
//! Every function here runs on a kernel thread's coroutine. None may panic: that would abort the process.

use std::ffi::{CStr, c_char, c_void};

use super::block_state::BlockState;
use super::fault::{Fault, Position};
use super::thread_state::{ThreadContext, Wait, current, suspend};

/// The running thread and its block.
///
/// # Safety
/// Called from a kernel, so that both are there.
#[inline(always)]
unsafe fn running<'a>() -> (&'a mut ThreadContext, &'a mut BlockState) {
    // SAFETY: the scheduler sets both before it resumes a coroutine; one thread runs at a time per OS thread.
    unsafe {
        let context = &mut *current();
        let block = &mut *context.block;
        (context, block)
    }
}

/// Stops the running thread for good: `problem` becomes the launch's error.
#[cold]
pub(super) fn stop_with_fault(problem: String) {
    // SAFETY: callbacks run on the current thread's coroutine, and `problem` is dropped before it stops.
    unsafe {
        let (context, block) = running();
        block.fault = Some(Fault::Undefined(format!(
            "{problem}, by block {} thread {}",
            Position(block.block_index),
            Position(context.index)
        )));
        drop(problem);
        suspend(context, Wait::Fault);
    }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_thread_index() -> u64 {
    // SAFETY: only kernels call this.
    unsafe { running().0.index }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_block_index() -> u64 {
    // SAFETY: only kernels call this.
    unsafe { running().1.block_index }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_block_size() -> u64 {
    // SAFETY: only kernels call this.
    unsafe { running().1.block_size }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_grid_size() -> u64 {
    // SAFETY: only kernels call this.
    unsafe { running().1.grid_size }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_wave_size() -> u32 {
    // SAFETY: only kernels call this.
    unsafe { running().1.wave_size }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_lane() -> u32 {
    // SAFETY: only kernels call this.
    unsafe { running().0.lane }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_block_barrier() {
    // SAFETY: only kernels call this, on their own coroutine.
    unsafe { suspend(current(), Wait::BlockBarrier) }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_wave_barrier() {
    // SAFETY: only kernels call this, on their own coroutine.
    unsafe { suspend(current(), Wait::WaveBarrier) }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_wave_exchange(value: u64, source_lane: u32) -> u64 {
    // SAFETY: only kernels call this, on their own coroutine.
    unsafe {
        let context = current();
        (*context).value = value;
        (*context).source_lane = source_lane;
        suspend(context, Wait::Exchange);
        (*context).value
    }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_wave_ballot(predicate: u32) -> u64 {
    // SAFETY: only kernels call this, on their own coroutine.
    unsafe {
        let context = current();
        (*context).value = u64::from(predicate != 0);
        suspend(context, Wait::Ballot);
        (*context).value
    }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_wait_for_previous_kernels() {
    // SAFETY: only kernels call this.
    unsafe { running().0.waited = true }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_shared(bytes: u64, name: *const c_char, site: *const c_void) -> *mut c_void {
    // SAFETY: only HG_SHARED calls this, with a string literal and the address of a static marker.
    let result = unsafe {
        let name = CStr::from_ptr(name).to_str().unwrap_or("shared array");
        running().1.shared.array(site, name, bytes as usize)
    };
    match result {
        Ok(address) => address.cast(),
        Err(problem) => {
            stop_with_fault(problem);
            std::ptr::null_mut()
        }
    }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_dynamic_shared() -> *mut c_void {
    // SAFETY: only kernels call this.
    match unsafe { running().1.shared.dynamic() } {
        Some(address) => address.cast(),
        None => {
            stop_with_fault("the kernel uses dynamic shared memory, but the launch gives it 0 bytes".to_string());
            std::ptr::null_mut()
        }
    }
}

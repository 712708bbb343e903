//! The names and addresses of every function that compiled kernels call, for shared objects.

use super::kernel_callbacks::*;
use super::sanitizer_callbacks::*;
use super::step_count::*;

macro_rules! callbacks {
    ($($name:ident),* $(,)?) => {
        /// In the order of `callback_addresses`.
        pub(super) const CALLBACK_NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Where the functions are in this process.
        pub(super) fn callback_addresses() -> Vec<*const ()> {
            vec![$($name as *const ()),*]
        }
    };
}

callbacks! {
    hipgauge_host_thread_index,
    hipgauge_host_block_index,
    hipgauge_host_block_size,
    hipgauge_host_grid_size,
    hipgauge_host_wave_size,
    hipgauge_host_lane,
    hipgauge_host_block_barrier,
    hipgauge_host_wave_barrier,
    hipgauge_host_wave_exchange,
    hipgauge_host_wave_ballot,
    hipgauge_host_wait_for_previous_kernels,
    hipgauge_host_shared,
    hipgauge_host_dynamic_shared,
    __tsan_read_range,
    __tsan_write_range,
    hipgauge_host_check_copy,
    __tsan_func_entry,
    __tsan_func_exit,
    __sanitizer_cov_trace_pc,
    __tsan_atomic_thread_fence,
    __tsan_read1,
    __tsan_read2,
    __tsan_read4,
    __tsan_read8,
    __tsan_read16,
    __tsan_write1,
    __tsan_write2,
    __tsan_write4,
    __tsan_write8,
    __tsan_write16,
    __tsan_unaligned_read2,
    __tsan_unaligned_read4,
    __tsan_unaligned_read8,
    __tsan_unaligned_read16,
    __tsan_unaligned_write2,
    __tsan_unaligned_write4,
    __tsan_unaligned_write8,
    __tsan_unaligned_write16,
    __tsan_atomic32_compare_exchange_strong,
    __tsan_atomic32_compare_exchange_weak,
    __tsan_atomic32_exchange,
    __tsan_atomic32_fetch_add,
    __tsan_atomic32_fetch_and,
    __tsan_atomic32_fetch_or,
    __tsan_atomic32_fetch_sub,
    __tsan_atomic32_fetch_xor,
    __tsan_atomic32_load,
    __tsan_atomic32_store,
    __tsan_atomic64_compare_exchange_strong,
    __tsan_atomic64_compare_exchange_weak,
    __tsan_atomic64_exchange,
    __tsan_atomic64_fetch_add,
    __tsan_atomic64_fetch_and,
    __tsan_atomic64_fetch_or,
    __tsan_atomic64_fetch_sub,
    __tsan_atomic64_fetch_xor,
    __tsan_atomic64_load,
    __tsan_atomic64_store,
}

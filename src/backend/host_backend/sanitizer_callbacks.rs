//! The thread-sanitizer callbacks that the checked copy of a kernel makes before every memory access, and
//! the atomic operations that it makes through them. Interface: LLVM's compiler-rt, tsan_interface.h and
//! tsan_interface_atomic.h. None may panic: that would abort the process.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::access_check::{AccessKind, check_access};

macro_rules! accesses {
    ($($name:ident: $bytes:literal $kind:ident),* $(,)?) => { $(
        #[unsafe(no_mangle)]
        pub(super) extern "C" fn $name(address: *mut c_void) {
            check_access(address as usize, $bytes, AccessKind::$kind);
        }
    )* };
}

accesses! {
    __tsan_read1: 1 Read,
    __tsan_read2: 2 Read,
    __tsan_read4: 4 Read,
    __tsan_read8: 8 Read,
    __tsan_read16: 16 Read,
    __tsan_write1: 1 Write,
    __tsan_write2: 2 Write,
    __tsan_write4: 4 Write,
    __tsan_write8: 8 Write,
    __tsan_write16: 16 Write,
    __tsan_unaligned_read2: 2 Read,
    __tsan_unaligned_read4: 4 Read,
    __tsan_unaligned_read8: 8 Read,
    __tsan_unaligned_read16: 16 Read,
    __tsan_unaligned_write2: 2 Write,
    __tsan_unaligned_write4: 4 Write,
    __tsan_unaligned_write8: 8 Write,
    __tsan_unaligned_write16: 16 Write,
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn __tsan_read_range(address: *mut c_void, bytes: usize) {
    check_access(address as usize, bytes, AccessKind::Read);
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn __tsan_write_range(address: *mut c_void, bytes: usize) {
    check_access(address as usize, bytes, AccessKind::Write);
}

/// portability_host.h calls this in place of what an instrumented `memcpy` would not check.
#[unsafe(no_mangle)]
pub(super) extern "C" fn hipgauge_host_check_copy(destination: *const c_void, source: *const c_void, bytes: u64) {
    if bytes > 0 {
        check_access(source as usize, bytes as usize, AccessKind::Read);
        check_access(destination as usize, bytes as usize, AccessKind::Write);
    }
}

#[unsafe(no_mangle)]
extern "C" fn __tsan_init() {}

#[unsafe(no_mangle)]
pub(super) extern "C" fn __tsan_func_entry(_caller: *mut c_void) {}

#[unsafe(no_mangle)]
pub(super) extern "C" fn __tsan_func_exit() {}

#[unsafe(no_mangle)]
pub(super) extern "C" fn __tsan_atomic_thread_fence(_order: i32) {
    fence(Ordering::SeqCst);
}

/// Atomic operations of one width. All are sequentially consistent, at least as strong as what was asked for.
macro_rules! atomics {
    ($atomic:ident, $word:ident, $bytes:literal,
     load $load:ident, store $store:ident, exchange $exchange:ident,
     compare $($compare:ident)*, combine $($combine:ident $method:ident),*) => {
        #[unsafe(no_mangle)]
        pub(super) unsafe extern "C" fn $load(address: *mut $word, _order: i32) -> $word {
            check_access(address as usize, $bytes, AccessKind::Atomic);
            // SAFETY: the check has passed, and kernels align what they access atomically.
            unsafe { $atomic::from_ptr(address) }.load(Ordering::SeqCst)
        }

        #[unsafe(no_mangle)]
        pub(super) unsafe extern "C" fn $store(address: *mut $word, value: $word, _order: i32) {
            check_access(address as usize, $bytes, AccessKind::Atomic);
            // SAFETY: as in the load.
            unsafe { $atomic::from_ptr(address) }.store(value, Ordering::SeqCst);
        }

        #[unsafe(no_mangle)]
        pub(super) unsafe extern "C" fn $exchange(address: *mut $word, value: $word, _order: i32) -> $word {
            check_access(address as usize, $bytes, AccessKind::Atomic);
            // SAFETY: as in the load.
            unsafe { $atomic::from_ptr(address) }.swap(value, Ordering::SeqCst)
        }

        $(
            #[unsafe(no_mangle)]
            pub(super) unsafe extern "C" fn $compare(
                address: *mut $word,
                expected: *mut $word,
                desired: $word,
                _order: i32,
                _failure_order: i32,
            ) -> i32 {
                check_access(address as usize, $bytes, AccessKind::Atomic);
                // SAFETY: as in the load; `expected` is a local variable of the kernel.
                unsafe {
                    let atomic = $atomic::from_ptr(address);
                    match atomic.compare_exchange(*expected, desired, Ordering::SeqCst, Ordering::SeqCst) {
                        Ok(_) => 1,
                        Err(seen) => {
                            *expected = seen;
                            0
                        }
                    }
                }
            }
        )*

        $(
            #[unsafe(no_mangle)]
            pub(super) unsafe extern "C" fn $combine(address: *mut $word, value: $word, _order: i32) -> $word {
                check_access(address as usize, $bytes, AccessKind::Atomic);
                // SAFETY: as in the load.
                unsafe { $atomic::from_ptr(address) }.$method(value, Ordering::SeqCst)
            }
        )*
    };
}

atomics! {
    AtomicU32, u32, 4,
    load __tsan_atomic32_load, store __tsan_atomic32_store, exchange __tsan_atomic32_exchange,
    compare __tsan_atomic32_compare_exchange_strong __tsan_atomic32_compare_exchange_weak,
    combine __tsan_atomic32_fetch_add fetch_add, __tsan_atomic32_fetch_sub fetch_sub,
            __tsan_atomic32_fetch_and fetch_and, __tsan_atomic32_fetch_or fetch_or,
            __tsan_atomic32_fetch_xor fetch_xor
}

atomics! {
    AtomicU64, u64, 8,
    load __tsan_atomic64_load, store __tsan_atomic64_store, exchange __tsan_atomic64_exchange,
    compare __tsan_atomic64_compare_exchange_strong __tsan_atomic64_compare_exchange_weak,
    combine __tsan_atomic64_fetch_add fetch_add, __tsan_atomic64_fetch_sub fetch_sub,
            __tsan_atomic64_fetch_and fetch_and, __tsan_atomic64_fetch_or fetch_or,
            __tsan_atomic64_fetch_xor fetch_xor
}

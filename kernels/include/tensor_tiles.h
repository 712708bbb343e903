// Tiles of matrices that a copy engine brings to shared memory: NVIDIA's tensor memory accelerator, compute capability 9.0
// ("Tensor Memory Access", CUDA programming guide). One thread asks for a tile; a barrier in shared memory counts its bytes.
//
// Rows of a tile have 64 elements of 16 bits, 128 bytes, of which vector v of row r is at place v ^ r % 8: what matrix cores
// read together is then in different banks. Outside of the matrix there are zeros.
#pragma once

#include "shared_copy.h"

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

// Barriers by the address that instructions on shared memory take.
HG_DEVICE void begin_barrier(uint32_t barrier, uint32_t arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
// After the last begin_barrier, by the thread that called it: the copy engine sees the barriers.
HG_DEVICE void show_barriers() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
HG_DEVICE void arrive_at(uint32_t barrier) {
    asm volatile("{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%0]; }" ::"r"(barrier) : "memory");
}
// Arrives, and says how many bytes are to come before the barrier lets anyone pass.
HG_DEVICE void arrive_expecting(uint32_t barrier, uint32_t bytes) {
    asm volatile("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1; }" ::"r"(barrier), "r"(bytes)
                 : "memory");
}
// Waits for the end of a phase: phases of parity 0 and 1 take turns, the first has 0.
HG_DEVICE void wait_at(uint32_t barrier, uint32_t parity) {
    asm volatile(
        "{ .reg .pred done; WAIT: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1; @!done bra WAIT; }" ::"r"(barrier),
        "r"(parity)
        : "memory");
}
// The tile whose first element is in that row and column.
HG_DEVICE void start_tile(const TensorMap& map, uint32_t shared, uint32_t row, uint32_t column, uint32_t barrier, uint64_t policy) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1, {%2, %3}], [%4], %5;" ::"r"(
            shared),
        "l"(&map), "r"(column), "r"(row), "r"(barrier), "l"(policy)
        : "memory");
}

#endif

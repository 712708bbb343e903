// One spelling for HIP (hipcc, hiprtc, plain clang without ROCm headers), CUDA (NVRTC) and host C++.
//
// Kernels keep HIP's own words: threadIdx, blockIdx, blockDim, gridDim, __syncthreads. What differs between
// compilers goes through HG_ macros and the functions below. Nothing is included from a vendor, so that the
// same text compiles where no toolkit is installed.
//
// Rules for kernel authors:
//   - kernels are found by scanning the text: HG_KERNEL(name, stands on one line, outside of macros, with the
//     name spelled out;
//   - every wave_* function is called by all threads of a wave, in uniform control flow;
//   - the wave size is a run-time value (wave_size()), 32 or 64;
//   - shared memory is declared with HG_SHARED or HG_DYNAMIC_SHARED, outside of loops and branches;
//   - no block waits for another block of the same launch;
//   - a kernel whose plan is `overlapping` touches no global memory before begin_overlapped() or
//     wait_for_previous_kernels(), which every thread calls, but for tensors that the plan says it reads ahead: an engine
//     overlaps it only where nothing writes these, or has since all before was done (the emulator stops a kernel that does
//     otherwise).
#pragma once

#if defined(__CUDACC_RTC__) || defined(__CUDACC__) || defined(__CUDA__)
#include "portability_cuda.h"
#elif defined(__HIP__) || defined(__HIPCC_RTC__) || defined(__AMDGCN__)
#include "portability_amd.h"
#else
#include "portability_host.h"
#endif

// Provided by each of the three headers:
//
//   integer types        uint8_t uint16_t uint32_t uint64_t int32_t int64_t
//   HG_KERNEL(name, max_threads, (parameters)) { body }
//                        defines an extern "C" kernel; its parameters are pointers and 4- or 8-byte scalars
//   HG_RESIDENT_BLOCKS   a file may define it first of all: blocks of its kernels that a multiprocessor of NVIDIA is to hold
//                        together, for which the compiler spends the registers that this leaves
//   HG_CLUSTER_BLOCKS    a file may define it first of all: see block_cluster.h
//   HG_TENSOR_MAP(name)  a parameter that describes a matrix to a copy engine, see tensor_tiles.h; a null pointer where there is
//                        none
//   HG_DEVICE            marks a device function of its file, always inlined; HG_MEMBER a member function
//   HG_SHARED(type, name, count)           static shared array of the block
//   HG_DYNAMIC_SHARED(type, name)          the launch's dynamic shared memory, 16-byte aligned
//   HG_UNROLL, HG_NO_UNROLL                asks for the following loop to be unrolled, or not (to save registers)
//   threadIdx.x blockIdx.x .y .z blockDim.x gridDim.x .y .z
//   __syncthreads()
//   uint32_t wave_size(), lane_index()
//   T wave_shuffle(T value, uint32_t source_lane)      4- or 8-byte T
//   T wave_shuffle_xor(T value, uint32_t lane_mask)
//   uint64_t wave_ballot(bool predicate)               bit i is lane i
//   void wave_barrier()                    orders shared memory within a wave
//   uint32_t atomic_add(uint32_t*, uint32_t), uint64_t atomic_add(uint64_t*, uint64_t)
//   uint32_t atomic_max(uint32_t*, uint32_t), uint64_t atomic_max(uint64_t*, uint64_t)
//   uint32_t atomic_add_in_order(uint32_t*, uint32_t)   what came before it is seen before it, what comes after it is seen after
//   void let_next_kernel_begin()           an overlapped launch behind this one may start its blocks from here on
//   void wait_for_previous_kernels()       until all earlier launches are done; nothing to wait for in ordinary launches
//   void prefetch(const void*)             asks for a line of 128 bytes ahead of time, where the hardware can: it reads nothing yet
//   uint32_t popcount32/64, count_leading_zeros32/64; uint64_t multiply_high_u64(a, b)
//   float fused_multiply_add(a, b, c), square_root(x), divide(a, b)   all correctly rounded
//   float larger(float, float)             of a NaN and a number the number
//   float approximate_reciprocal(float)    of normal numbers whose reciprocal is normal, within 1 unit of the last place
//   float approximate_exp2(float)          within 4 units of the last place; results below 2^-126 may be 0
//   uint32_t float_bits(float), float bits_float(uint32_t), float scale_by_power_of_two(float, int)
//   uint64_t device_clock()                ticks that only grow; their length is the device's

// The beginning of a kernel that has nothing to do ahead of its inputs. CUDA calls it programmatic dependent launch.
HG_DEVICE void begin_overlapped() {
    let_next_kernel_begin();
    wait_for_previous_kernels();
}

// For kernels that read ahead: waits for earlier launches when it is first asked to.
struct PreviousKernels {
    bool waited = false;

    // Whether this was the first time.
    HG_MEMBER bool wait() {
        if (waited) return false;
        wait_for_previous_kernels();
        return waited = true;
    }
};

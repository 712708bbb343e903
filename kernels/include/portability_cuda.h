// NVIDIA GPUs: NVRTC with no include path, and clang's CUDA mode with -nocudainc -nocudalib (a syntax check on
// machines without CUDA). Where the two differ in what they predefine, inline PTX is used; its operations are
// described in the PTX ISA reference.
#pragma once

// Macros over our own typedefs: NVRTC versions differ in which of these names they declare themselves.
typedef unsigned char cuda_uint8_t;
#define uint8_t cuda_uint8_t
typedef unsigned short cuda_uint16_t;
#define uint16_t cuda_uint16_t
typedef unsigned int cuda_uint32_t;
#define uint32_t cuda_uint32_t
typedef unsigned long long cuda_uint64_t;
#define uint64_t cuda_uint64_t
typedef int cuda_int32_t;
#define int32_t cuda_int32_t
typedef long long cuda_int64_t;
#define int64_t cuda_int64_t

#if !defined(__CUDACC_RTC__)
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(threads) __attribute__((launch_bounds(threads)))
struct CudaDim3 {
    uint32_t x, y, z;
};
#define threadIdx \
    (CudaDim3{uint32_t(__nvvm_read_ptx_sreg_tid_x()), \
              uint32_t(__nvvm_read_ptx_sreg_tid_y()), \
              uint32_t(__nvvm_read_ptx_sreg_tid_z())})
#define blockIdx \
    (CudaDim3{uint32_t(__nvvm_read_ptx_sreg_ctaid_x()), \
              uint32_t(__nvvm_read_ptx_sreg_ctaid_y()), \
              uint32_t(__nvvm_read_ptx_sreg_ctaid_z())})
#define blockDim \
    (CudaDim3{uint32_t(__nvvm_read_ptx_sreg_ntid_x()), \
              uint32_t(__nvvm_read_ptx_sreg_ntid_y()), \
              uint32_t(__nvvm_read_ptx_sreg_ntid_z())})
#define gridDim \
    (CudaDim3{uint32_t(__nvvm_read_ptx_sreg_nctaid_x()), \
              uint32_t(__nvvm_read_ptx_sreg_nctaid_y()), \
              uint32_t(__nvvm_read_ptx_sreg_nctaid_z())})
#endif

#define HG_DEVICE static __device__ __forceinline__
#define HG_MEMBER __device__ __forceinline__
#define HG_UNROLL _Pragma("unroll")
#define HG_NO_UNROLL _Pragma("unroll 1")
#ifdef HG_RESIDENT_BLOCKS
#define HG_LAUNCH_BOUNDS(max_threads) __launch_bounds__(max_threads, HG_RESIDENT_BLOCKS)
#else
#define HG_LAUNCH_BOUNDS(max_threads) __launch_bounds__(max_threads)
#endif
#if defined(HG_CLUSTER_BLOCKS) && defined(__CUDACC_RTC__) && __CUDA_ARCH__ >= 900
#define HG_CLUSTER __cluster_dims__(HG_CLUSTER_BLOCKS, 1, 1)
#else
#define HG_CLUSTER
#endif
#define HG_KERNEL(name, max_threads, parameters) \
    extern "C" __global__ void HG_CLUSTER HG_LAUNCH_BOUNDS(max_threads) name parameters
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
// What cuTensorMapEncodeTiled makes; its contents are the driver's.
struct alignas(64) TensorMap {
    uint64_t words[16];
};
#if !defined(__CUDACC_RTC__)
#define __grid_constant__
#endif
#define HG_TENSOR_MAP(name) const __grid_constant__ TensorMap name
#else
#define HG_TENSOR_MAP(name) const void* name
#endif
#define HG_SHARED(type, name, count) static __shared__ type name[count]
#define HG_DYNAMIC_SHARED(type, name) type* const name = reinterpret_cast<type*>(cuda_dynamic_shared)

extern __shared__ __attribute__((aligned(16))) uint8_t cuda_dynamic_shared[];

#define CUDA_FULL_MASK 0xFFFFFFFFu

HG_DEVICE uint32_t float_bits(float value) {
    uint32_t bits;
    asm("mov.b32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
}
HG_DEVICE float bits_float(uint32_t bits) {
    float value;
    asm("mov.b32 %0, %1;" : "=f"(value) : "r"(bits));
    return value;
}

HG_DEVICE uint32_t wave_size() { return 32; }
HG_DEVICE uint32_t lane_index() {
    uint32_t lane;
    asm("mov.u32 %0, %%laneid;" : "=r"(lane));
    return lane;
}
HG_DEVICE void wave_barrier() { asm volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }

HG_DEVICE uint64_t wave_ballot(bool predicate) {
    uint32_t lanes;
    asm volatile(
        "{ .reg .pred p; setp.ne.u32 p, %1, 0; vote.sync.ballot.b32 %0, p, 0xffffffff; }"
        : "=r"(lanes)
        : "r"(uint32_t(predicate)));
    return lanes;
}

HG_DEVICE uint32_t cuda_shuffle_word(uint32_t word, uint32_t source_lane) {
    uint32_t result;
    asm volatile("shfl.sync.idx.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(result) : "r"(word), "r"(source_lane));
    return result;
}
HG_DEVICE uint32_t cuda_exchange(uint32_t value, uint32_t source_lane) {
    return cuda_shuffle_word(value, source_lane);
}
HG_DEVICE int32_t cuda_exchange(int32_t value, uint32_t source_lane) {
    return int32_t(cuda_shuffle_word(uint32_t(value), source_lane));
}
HG_DEVICE float cuda_exchange(float value, uint32_t source_lane) {
    return bits_float(cuda_shuffle_word(float_bits(value), source_lane));
}
HG_DEVICE uint64_t cuda_exchange(uint64_t value, uint32_t source_lane) {
    const uint32_t low = cuda_shuffle_word(uint32_t(value), source_lane);
    const uint32_t high = cuda_shuffle_word(uint32_t(value >> 32), source_lane);
    return uint64_t(high) << 32 | low;
}
HG_DEVICE int64_t cuda_exchange(int64_t value, uint32_t source_lane) {
    return int64_t(cuda_exchange(uint64_t(value), source_lane));
}
HG_DEVICE double cuda_exchange(double value, uint32_t source_lane) {
    uint64_t bits;
    asm("mov.b64 %0, %1;" : "=l"(bits) : "d"(value));
    bits = cuda_exchange(bits, source_lane);
    asm("mov.b64 %0, %1;" : "=d"(value) : "l"(bits));
    return value;
}

template <typename T>
HG_DEVICE T wave_shuffle(T value, uint32_t source_lane) {
    return cuda_exchange(value, source_lane);
}
template <typename T>
HG_DEVICE T wave_shuffle_xor(T value, uint32_t lane_mask) {
    return cuda_exchange(value, lane_index() ^ lane_mask);
}

// Generic addresses: the same text serves global and shared memory.
HG_DEVICE uint32_t atomic_add(uint32_t* address, uint32_t value) {
    uint32_t previous;
    asm volatile("atom.relaxed.gpu.add.u32 %0, [%1], %2;" : "=r"(previous) : "l"(address), "r"(value) : "memory");
    return previous;
}
// To a word of shared memory; nobody asks what was there.
HG_DEVICE void shared_add(uint32_t* address, uint32_t value) {
    asm volatile(
        "{ .reg .u64 shared; cvta.to.shared.u64 shared, %0; red.relaxed.cta.shared.add.u32 [shared], %1; }" ::"l"(address),
        "r"(value)
        : "memory");
}
HG_DEVICE uint64_t atomic_add(uint64_t* address, uint64_t value) {
    uint64_t previous;
    asm volatile("atom.relaxed.gpu.add.u64 %0, [%1], %2;" : "=l"(previous) : "l"(address), "l"(value) : "memory");
    return previous;
}
HG_DEVICE uint32_t atomic_max(uint32_t* address, uint32_t value) {
    uint32_t previous;
    asm volatile("atom.relaxed.gpu.max.u32 %0, [%1], %2;" : "=r"(previous) : "l"(address), "r"(value) : "memory");
    return previous;
}
HG_DEVICE uint64_t atomic_max(uint64_t* address, uint64_t value) {
    uint64_t previous;
    asm volatile("atom.relaxed.gpu.max.u64 %0, [%1], %2;" : "=l"(previous) : "l"(address), "l"(value) : "memory");
    return previous;
}
HG_DEVICE uint32_t atomic_add_in_order(uint32_t* address, uint32_t value) {
    uint32_t previous;
    asm volatile("atom.acq_rel.gpu.add.u32 %0, [%1], %2;" : "=r"(previous) : "l"(address), "r"(value) : "memory");
    return previous;
}
// griddepcontrol came with sm_90; before it launches never overlap.
HG_DEVICE void let_next_kernel_begin() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}
HG_DEVICE void wait_for_previous_kernels() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// L2's policies for what is read once, which leaves it first, and for all else: createpolicy.fractional.L2::evict_first of all bytes, and
// evict_last. As constants CUTLASS has them (TMA::CacheHintSm90).
constexpr uint64_t READ_ONCE = 0x12F0000000000000, READ_OFTEN = 0x14F0000000000000;

HG_DEVICE void prefetch(const void* address) { asm volatile("prefetch.global.L2 [%0];" ::"l"(address)); }

HG_DEVICE uint32_t popcount32(uint32_t value) {
    uint32_t count;
    asm("popc.b32 %0, %1;" : "=r"(count) : "r"(value));
    return count;
}
HG_DEVICE uint32_t popcount64(uint64_t value) {
    uint32_t count;
    asm("popc.b64 %0, %1;" : "=r"(count) : "l"(value));
    return count;
}
HG_DEVICE uint32_t count_leading_zeros32(uint32_t value) {
    uint32_t count;
    asm("clz.b32 %0, %1;" : "=r"(count) : "r"(value));
    return count;
}
HG_DEVICE uint32_t count_leading_zeros64(uint64_t value) {
    uint32_t count;
    asm("clz.b64 %0, %1;" : "=r"(count) : "l"(value));
    return count;
}
HG_DEVICE uint64_t multiply_high_u64(uint64_t a, uint64_t b) {
    uint64_t high;
    asm("mul.hi.u64 %0, %1, %2;" : "=l"(high) : "l"(a), "l"(b));
    return high;
}

HG_DEVICE float fused_multiply_add(float a, float b, float c) {
    float result;
    asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(result) : "f"(a), "f"(b), "f"(c));
    return result;
}
HG_DEVICE float square_root(float x) {
    float result;
    asm("sqrt.rn.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}
HG_DEVICE float divide(float a, float b) {
    float result;
    asm("div.rn.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
    return result;
}
HG_DEVICE float larger(float a, float b) {
    float result;
    asm("max.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
    return result;
}
HG_DEVICE float approximate_reciprocal(float x) {
    float result;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}
HG_DEVICE float approximate_exp2(float x) {
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

// One rounding at most: steps up are exact until they overflow, and a step down towards the subnormals keeps
// the last 24 binary places for the final multiplication.
HG_DEVICE float scale_by_power_of_two(float value, int exponent) {
    for (int step = 0; step < 2 && exponent > 127; step++) {
        value *= bits_float(254u << 23);
        exponent -= 127;
    }
    for (int step = 0; step < 2 && exponent < -126; step++) {
        value *= bits_float(25u << 23);
        exponent += 102;
    }
    const int last = exponent > 127 ? 127 : exponent < -126 ? -126 : exponent;
    return value * bits_float(uint32_t(last + 127) << 23);
}

// Cycles of the multiprocessor's clock.
HG_DEVICE uint64_t device_clock() {
    uint64_t ticks;
    asm volatile("mov.u64 %0, %%clock64;" : "=l"(ticks));
    return ticks;
}

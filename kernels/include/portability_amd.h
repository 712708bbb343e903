// AMD GPUs: hipcc, hiprtc, and plain clang >= 16 with -nogpuinc -nogpulib, where no ROCm header or device
// library exists. Only compiler builtins are used. Names that hipcc or hiprtc bring along are overridden by
// macros, so that every compiler sees the same definitions.
#pragma once

// HIP contracts a*b+c to a fused operation by default; results must not depend on the compiler's mood.
#pragma clang fp contract(off)

#if defined(__HIPCC_RTC__)
// Some hiprtc versions declare these themselves, with other underlying types.
typedef unsigned char amd_uint8_t;
#define uint8_t amd_uint8_t
typedef unsigned short amd_uint16_t;
#define uint16_t amd_uint16_t
typedef unsigned int amd_uint32_t;
#define uint32_t amd_uint32_t
typedef unsigned long long amd_uint64_t;
#define uint64_t amd_uint64_t
typedef int amd_int32_t;
#define int32_t amd_int32_t
typedef long long amd_int64_t;
#define int64_t amd_int64_t
#else
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
#endif

#define HG_DEVICE static inline __attribute__((device, always_inline))
#define HG_MEMBER inline __attribute__((device, always_inline))
#define HG_UNROLL _Pragma("unroll")
#define HG_NO_UNROLL _Pragma("unroll 1")
// What HIP's own __launch_bounds__ expands to: clang heeds only this attribute, and else keeps registers for 1,024 threads.
#define HG_KERNEL(name, max_threads, parameters)                                                              \
    extern "C" __attribute__((global, amdgpu_flat_work_group_size(1, max_threads), visibility("default"))) void \
    name parameters
#define HG_SHARED(type, name, count) static __attribute__((shared)) type name[count]
#define HG_TENSOR_MAP(name) const void* name
#define HG_DYNAMIC_SHARED(type, name) type* const name = reinterpret_cast<type*>(amd_dynamic_shared)

extern __attribute__((shared, aligned(16))) uint8_t amd_dynamic_shared[];

struct AmdDim3 {
    uint32_t x, y, z;
};

HG_DEVICE AmdDim3 amd_thread_index() {
    return {__builtin_amdgcn_workitem_id_x(), __builtin_amdgcn_workitem_id_y(), __builtin_amdgcn_workitem_id_z()};
}
HG_DEVICE AmdDim3 amd_block_index() {
    return {uint32_t(__builtin_amdgcn_workgroup_id_x()), uint32_t(__builtin_amdgcn_workgroup_id_y()),
            uint32_t(__builtin_amdgcn_workgroup_id_z())};
}
HG_DEVICE AmdDim3 amd_block_size() {
    return {__builtin_amdgcn_workgroup_size_x(), __builtin_amdgcn_workgroup_size_y(),
            __builtin_amdgcn_workgroup_size_z()};
}
// The dispatch packet counts work-items, not blocks; HIP launches whole blocks only, so the division is exact.
HG_DEVICE AmdDim3 amd_grid_size() {
    return {__builtin_amdgcn_grid_size_x() / __builtin_amdgcn_workgroup_size_x(),
            __builtin_amdgcn_grid_size_y() / __builtin_amdgcn_workgroup_size_y(),
            __builtin_amdgcn_grid_size_z() / __builtin_amdgcn_workgroup_size_z()};
}

#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim
#undef __syncthreads
#define threadIdx (amd_thread_index())
#define blockIdx (amd_block_index())
#define blockDim (amd_block_size())
#define gridDim (amd_grid_size())
#define __syncthreads() amd_block_barrier()

HG_DEVICE void amd_block_barrier() {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

HG_DEVICE uint32_t wave_size() { return __builtin_amdgcn_wavefrontsize(); }
HG_DEVICE uint32_t lane_index() { return __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, 0u)); }

HG_DEVICE void wave_barrier() {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "wavefront");
    __builtin_amdgcn_wave_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "wavefront");
}

// 33 is LLVM's ICMP_NE. This builtin gives 64 bits on both wave sizes; the ballot builtins exist for one each.
HG_DEVICE uint64_t wave_ballot(bool predicate) { return __builtin_amdgcn_uicmp(uint32_t(predicate), 0u, 33); }

template <typename T>
HG_DEVICE T wave_shuffle(T value, uint32_t source_lane) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "a shuffle moves 4 or 8 bytes");
    int32_t words[sizeof(T) / 4];
    __builtin_memcpy(words, &value, sizeof(T));
    HG_UNROLL
    for (uint32_t i = 0; i < sizeof(T) / 4; i++) words[i] = __builtin_amdgcn_ds_bpermute(int32_t(source_lane * 4), words[i]);
    __builtin_memcpy(&value, words, sizeof(T));
    return value;
}

template <typename T>
HG_DEVICE T wave_shuffle_xor(T value, uint32_t lane_mask) {
    return wave_shuffle(value, lane_index() ^ lane_mask);
}

HG_DEVICE uint32_t atomic_add(uint32_t* address, uint32_t value) {
    return __hip_atomic_fetch_add(address, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
// To a word of shared memory; nobody asks what was there.
HG_DEVICE void shared_add(uint32_t* address, uint32_t value) {
    __hip_atomic_fetch_add(address, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
}
HG_DEVICE uint64_t atomic_add(uint64_t* address, uint64_t value) {
    return __hip_atomic_fetch_add(address, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
HG_DEVICE uint32_t atomic_max(uint32_t* address, uint32_t value) {
    return __hip_atomic_fetch_max(address, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
HG_DEVICE uint64_t atomic_max(uint64_t* address, uint64_t value) {
    return __hip_atomic_fetch_max(address, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
HG_DEVICE uint32_t atomic_add_in_order(uint32_t* address, uint32_t value) {
    return __hip_atomic_fetch_add(address, value, __ATOMIC_ACQ_REL, __HIP_MEMORY_SCOPE_AGENT);
}
// A stream's launches never overlap.
HG_DEVICE void let_next_kernel_begin() {}
HG_DEVICE void wait_for_previous_kernels() {}

HG_DEVICE void prefetch(const void*) {}
HG_DEVICE uint32_t popcount32(uint32_t value) { return uint32_t(__builtin_popcount(value)); }
HG_DEVICE uint32_t popcount64(uint64_t value) { return uint32_t(__builtin_popcountll(value)); }
HG_DEVICE uint32_t count_leading_zeros32(uint32_t value) { return value ? uint32_t(__builtin_clz(value)) : 32; }
HG_DEVICE uint32_t count_leading_zeros64(uint64_t value) { return value ? uint32_t(__builtin_clzll(value)) : 64; }

// Four 32-bit products, because the builtin 128-bit type is not available to every HIP compiler.
HG_DEVICE uint64_t multiply_high_u64(uint64_t a, uint64_t b) {
    const uint64_t a_low = uint32_t(a), a_high = a >> 32, b_low = uint32_t(b), b_high = b >> 32;
    const uint64_t low_high = a_low * b_high + ((a_low * b_low) >> 32);
    const uint64_t high_low = a_high * b_low + uint32_t(low_high);
    return a_high * b_high + (low_high >> 32) + (high_low >> 32);
}

HG_DEVICE uint32_t float_bits(float value) { return __builtin_bit_cast(uint32_t, value); }
HG_DEVICE float bits_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
HG_DEVICE float fused_multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
// HIP's defaults round both correctly (-fhip-fp32-correctly-rounded-divide-sqrt).
HG_DEVICE float square_root(float x) { return __builtin_sqrtf(x); }
HG_DEVICE float divide(float a, float b) { return a / b; }
HG_DEVICE float larger(float a, float b) { return __builtin_fmaxf(a, b); }
HG_DEVICE float approximate_reciprocal(float x) { return __builtin_amdgcn_rcpf(x); }
HG_DEVICE float approximate_exp2(float x) { return __builtin_amdgcn_exp2f(x); }
HG_DEVICE float scale_by_power_of_two(float value, int exponent) { return __builtin_amdgcn_ldexpf(value, exponent); }

// 100 MHz on every AMD GPU since gfx9, whatever the shader clock does.
HG_DEVICE uint64_t device_clock() {
#if __has_builtin(__builtin_readsteadycounter)
    return __builtin_readsteadycounter();
#else
    return __builtin_readcyclecounter();
#endif
}

// Host C++: kernels run on the SIMT emulator in src/backend/host_backend, one coroutine per GPU thread.
// The functions declared extern "C" here are defined by the emulator, in Rust.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

struct HostDim3 {
    uint32_t x, y, z;
};

extern "C" {
// x in the low 32 bits, then y and z in 16 bits each. Constant within a thread, so compilers may reuse them.
uint64_t hipgauge_host_thread_index() __attribute__((const));
uint64_t hipgauge_host_block_index() __attribute__((const));
uint64_t hipgauge_host_block_size() __attribute__((const));
uint64_t hipgauge_host_grid_size() __attribute__((const));
uint32_t hipgauge_host_wave_size() __attribute__((const));
uint32_t hipgauge_host_lane() __attribute__((const));
void hipgauge_host_block_barrier();
void hipgauge_host_wave_barrier();
uint64_t hipgauge_host_wave_exchange(uint64_t value, uint32_t source_lane);
uint64_t hipgauge_host_wave_ballot(uint32_t predicate);
void hipgauge_host_wait_for_previous_kernels();
// The block's own copy of the static shared array that is declared at `site`.
void* hipgauge_host_shared(uint64_t bytes, const char* name, const void* site);
void* hipgauge_host_dynamic_shared();
// Checks a copy before it is made, in the checked copy of a kernel only.
void hipgauge_host_check_copy(const void* destination, const void* source, uint64_t bytes);
}

static inline HostDim3 host_dimensions(uint64_t packed) {
    return {uint32_t(packed), uint32_t(packed >> 32) & 0xffff, uint32_t(packed >> 48)};
}

#define threadIdx (host_dimensions(hipgauge_host_thread_index()))
#define blockIdx (host_dimensions(hipgauge_host_block_index()))
#define blockDim (host_dimensions(hipgauge_host_block_size()))
#define gridDim (host_dimensions(hipgauge_host_grid_size()))

#define HG_DEVICE static inline
#define HG_MEMBER inline
#define HG_UNROLL
#define HG_NO_UNROLL
// The marker's address tells declarations apart: a function that is called twice has one array, as on a GPU.
#define HG_SHARED(type, name, count)   \
    static char name##_declaration = 0; \
    type* const name = static_cast<type*>(hipgauge_host_shared(sizeof(type) * (count), #name, &name##_declaration))
#define HG_TENSOR_MAP(name) const void* name
#define HG_DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(hipgauge_host_dynamic_shared())

// Each kernel is compiled twice, the second time (HIPGAUGE_HOST_CHECKED) with thread-sanitizer instrumentation
// whose callbacks the emulator defines. HIPGAUGE_HOST_ENTRY and HIPGAUGE_HOST_SIGNATURE give the symbols.
#define HG_KERNEL(name, max_threads, parameters)                                                       \
    static void name parameters;                                                                       \
    extern "C" __attribute__((visibility("default"))) void HIPGAUGE_HOST_ENTRY(name)(const uint64_t* arguments) { \
        host_kernel_call(&name, arguments);                                                            \
    }                                                                                                  \
    extern "C" __attribute__((visibility("default"))) uint32_t HIPGAUGE_HOST_SIGNATURE(name)(          \
        uint8_t* sizes, uint32_t capacity) {                                                           \
        return host_kernel_signature(&name, sizes, capacity);                                          \
    }                                                                                                  \
    static void name parameters

template <typename T>
static inline T host_argument(uint64_t bits) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "kernel parameters are 4 or 8 bytes");
    T value;
    memcpy(&value, &bits, sizeof(T));
    return value;
}

template <typename... P, size_t... I>
static inline void host_kernel_apply(void (*kernel)(P...), const uint64_t* arguments, std::index_sequence<I...>) {
    kernel(host_argument<P>(arguments[I])...);
}

template <typename... P>
static inline void host_kernel_call(void (*kernel)(P...), const uint64_t* arguments) {
    host_kernel_apply(kernel, arguments, std::index_sequence_for<P...>{});
}

// Writes the size of each parameter and returns how many there are, so that a launch with the wrong
// arguments is refused.
template <typename... P>
static inline uint32_t host_kernel_signature(void (*)(P...), uint8_t* sizes, uint32_t capacity) {
    const uint8_t all[] = {uint8_t(sizeof(P))..., 0};
    for (uint32_t i = 0; i < sizeof...(P) && i < capacity; i++) sizes[i] = all[i];
    return sizeof...(P);
}

static inline void __syncthreads() { hipgauge_host_block_barrier(); }
static inline uint32_t wave_size() { return hipgauge_host_wave_size(); }
static inline uint32_t lane_index() { return hipgauge_host_lane(); }
static inline void wave_barrier() { hipgauge_host_wave_barrier(); }
static inline uint64_t wave_ballot(bool predicate) { return hipgauge_host_wave_ballot(predicate); }

template <typename T>
static inline T wave_shuffle(T value, uint32_t source_lane) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "a shuffle moves 4 or 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(T));
    bits = hipgauge_host_wave_exchange(bits, source_lane);
    memcpy(&value, &bits, sizeof(T));
    return value;
}

template <typename T>
static inline T wave_shuffle_xor(T value, uint32_t lane_mask) {
    return wave_shuffle(value, lane_index() ^ lane_mask);
}

template <typename T>
static inline T atomic_add(T* address, T value) {
    return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}

static inline void shared_add(uint32_t* address, uint32_t value) { __atomic_fetch_add(address, value, __ATOMIC_RELAXED); }

template <typename T>
static inline T atomic_max(T* address, T value) {
    T seen = __atomic_load_n(address, __ATOMIC_RELAXED);
    while (seen < value && !__atomic_compare_exchange_n(address, &seen, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return seen;
}

static inline uint32_t atomic_add_in_order(uint32_t* address, uint32_t value) {
    return __atomic_fetch_add(address, value, __ATOMIC_ACQ_REL);
}
static inline void let_next_kernel_begin() {}
static inline void wait_for_previous_kernels() { hipgauge_host_wait_for_previous_kernels(); }
static inline void prefetch(const void*) {}
static inline uint32_t popcount32(uint32_t value) { return uint32_t(__builtin_popcount(value)); }
static inline uint32_t popcount64(uint64_t value) { return uint32_t(__builtin_popcountll(value)); }
static inline uint32_t count_leading_zeros32(uint32_t value) { return value ? uint32_t(__builtin_clz(value)) : 32; }
static inline uint32_t count_leading_zeros64(uint64_t value) { return value ? uint32_t(__builtin_clzll(value)) : 64; }
static inline uint64_t multiply_high_u64(uint64_t a, uint64_t b) {
    return uint64_t((static_cast<unsigned __int128>(a) * b) >> 64);
}
static inline float fused_multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline float square_root(float x) { return __builtin_sqrtf(x); }
static inline float divide(float a, float b) { return a / b; }
HG_DEVICE float larger(float a, float b) { return a > b || b != b ? a : b; }
static inline float approximate_reciprocal(float x) { return 1.0f / x; }
static inline float approximate_exp2(float x) { return __builtin_exp2f(x); }
static inline uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}
static inline float bits_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
static inline float scale_by_power_of_two(float value, int exponent) { return __builtin_scalbnf(value, exponent); }

// Advances at each call, so that a kernel which waits for the clock ends.
static inline uint64_t device_clock() {
    static uint64_t ticks = 0;
    return __atomic_fetch_add(&ticks, 1, __ATOMIC_RELAXED);
}

#if HIPGAUGE_HOST_CHECKED
// Instrumentation sees a copy of 1, 2, 4, 8 or 16 bytes as a load and a store, and leaves others to a library that
// would intercept memcpy. Last in this file: the copies above are between variables.
static inline __attribute__((always_inline)) void* host_checked_copy(void* destination, const void* source, size_t bytes) {
    const bool instrumented = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8 || bytes == 16;
    if (!(__builtin_constant_p(bytes) && instrumented)) hipgauge_host_check_copy(destination, source, bytes);
    return __builtin_memcpy(destination, source, bytes);
}
#define memcpy(destination, source, bytes) host_checked_copy(destination, source, bytes)
#endif

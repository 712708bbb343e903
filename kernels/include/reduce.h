// Sums and maxima over a wave or a block, for waves of 32 and 64. The order of additions is a fixed tree, so
// a result depends on the wave size and the block size only.
#pragma once

#include "portability.h"

struct Sum {
    static HG_MEMBER float combine(float a, float b) { return a + b; }
    static HG_MEMBER float identity() { return 0.0f; }
};
// The larger one; a NaN on either side is dropped if the other is a number.
struct Maximum {
    static HG_MEMBER float combine(float a, float b) { return a > b || b != b ? a : b; }
    static HG_MEMBER float identity() { return bits_float(0xFF800000u); }
};

// Combines aligned groups of `width` lanes (a power of two, at most the wave size); every lane gets its group's result.
template <typename Operator>
HG_DEVICE float group_reduce(float value, uint32_t width) {
    for (uint32_t distance = width / 2; distance > 0; distance /= 2) {
        value = Operator::combine(value, wave_shuffle_xor(value, distance));
    }
    return value;
}

// Floats of shared memory that block_reduce needs: one per wave of the largest block, 1024 threads.
constexpr uint32_t BLOCK_REDUCE_SLOTS = 32;

// Combines a whole block of whole waves; every thread gets the result. `slots` is shared memory of
// BLOCK_REDUCE_SLOTS floats; it may be used again right after the call.
template <typename Operator>
HG_DEVICE float block_reduce(float value, float* slots) {
    const uint32_t wave = threadIdx.x / wave_size(), waves = blockDim.x / wave_size();
    value = group_reduce<Operator>(value, wave_size());
    if (waves == 1) return value;
    if (lane_index() == 0) slots[wave] = value;
    __syncthreads();
    value = lane_index() < waves ? slots[lane_index()] : Operator::identity();
    value = group_reduce<Operator>(value, wave_size());
    __syncthreads();
    return value;
}

HG_DEVICE float wave_reduce_sum(float value) { return group_reduce<Sum>(value, wave_size()); }
HG_DEVICE float wave_reduce_maximum(float value) { return group_reduce<Maximum>(value, wave_size()); }
HG_DEVICE float block_reduce_sum(float value, float* slots) { return block_reduce<Sum>(value, slots); }
HG_DEVICE float block_reduce_maximum(float value, float* slots) { return block_reduce<Maximum>(value, slots); }

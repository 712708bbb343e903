// Inclusive sums and reductions over the threads of a block (one dimension, a whole number of waves).
#pragma once

#include "portability.h"

// One scratch element for each wave of the largest block, 1,024 threads in waves of 32.
constexpr uint32_t BLOCK_SCAN_SCRATCH = 32;

template <typename T>
HG_DEVICE T wave_inclusive_sum(T value) {
    const uint32_t lane = lane_index();
    for (uint32_t distance = 1; distance < wave_size(); distance *= 2) {
        const T below = wave_shuffle(value, lane >= distance ? lane - distance : lane);
        if (lane >= distance) value += below;
    }
    return value;
}

// The sum over this thread and all before it; `total` is the block's. Called by all threads of the block;
// ends with a barrier, so that `scratch` can be used again at once.
template <typename T>
HG_DEVICE T block_inclusive_sum(T value, T* scratch, T* total) {
    const uint32_t wave = threadIdx.x / wave_size();
    const uint32_t waves = (blockDim.x + wave_size() - 1) / wave_size();
    T sum = wave_inclusive_sum(value);
    if (lane_index() == wave_size() - 1) scratch[wave] = sum;
    __syncthreads();
    T all = 0;
    for (uint32_t i = 0; i < waves; i++) {
        const T part = scratch[i];
        if (i < wave) sum += part;
        all += part;
    }
    __syncthreads();
    *total = all;
    return sum;
}

template <typename T>
HG_DEVICE T block_sum(T value, T* scratch) {
    T total;
    block_inclusive_sum(value, scratch, &total);
    return total;
}

// The block's largest value, for all threads. Ends with a barrier.
template <typename T>
HG_DEVICE T block_maximum(T value, T* scratch) {
    for (uint32_t distance = wave_size() / 2; distance > 0; distance /= 2) {
        const T other = wave_shuffle_xor(value, distance);
        value = other > value ? other : value;
    }
    if (lane_index() == 0) scratch[threadIdx.x / wave_size()] = value;
    __syncthreads();
    const uint32_t waves = (blockDim.x + wave_size() - 1) / wave_size();
    for (uint32_t i = 0; i < waves; i++) value = scratch[i] > value ? scratch[i] : value;
    __syncthreads();
    return value;
}

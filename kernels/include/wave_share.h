// Rows of a product with a vector, dealt out to the waves of a block: one each, or `waves_per_row` neighbours to a row.
#pragma once

#include "reduce.h"

constexpr uint32_t VECTOR_THREADS = 256;

// Waves of a block, where a wave is 32.
constexpr uint32_t MOST_WAVES = VECTOR_THREADS / 32;

// Which row this wave works on, and which part of it: blocks have rows enough for all.
struct WaveShare {
    uint32_t waves_per_row, wave;

    HG_MEMBER explicit WaveShare(uint32_t waves) : waves_per_row(waves), wave(threadIdx.x / wave_size()) {}
    HG_MEMBER uint32_t row() const { return (blockIdx.x * (VECTOR_THREADS / wave_size()) + wave) / waves_per_row; }
    // A power of two, so that a block's waves have whole rows.
    HG_MEMBER uint32_t part() const { return wave & (waves_per_row - 1); }
    // Where this wave's part of `count` things begins; the next one's is where it ends.
    HG_MEMBER uint32_t begin(uint32_t count, uint32_t part) const {
        const uint32_t share = (count + waves_per_row - 1) / waves_per_row, begin = part * share;
        return begin < count ? begin : count;
    }
};

// Adds a lane's sums over its wave, then over the waves of the row, in order: every thread gets the row's. Called by the whole
// block, which may use `slots`, SUMS * MOST_WAVES floats, again right after.
template <uint32_t SUMS>
HG_DEVICE void add_over_waves(float (&sums)[SUMS], const WaveShare& share, float* slots) {
    HG_UNROLL
    for (uint32_t n = 0; n < SUMS; n++) sums[n] = wave_reduce_sum(sums[n]);
    if (share.waves_per_row == 1) return;
    HG_UNROLL
    for (uint32_t n = 0; n < SUMS; n++) {
        if (lane_index() == 0) slots[n * MOST_WAVES + share.wave] = sums[n];
    }
    __syncthreads();
    HG_UNROLL
    for (uint32_t n = 0; n < SUMS; n++) {
        const float* first = slots + n * MOST_WAVES + share.wave - share.part();
        sums[n] = first[0];
        for (uint32_t i = 1; i < share.waves_per_row; i++) sums[n] += first[i];
    }
    __syncthreads();
}

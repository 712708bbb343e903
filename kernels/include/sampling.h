// The samplers' last step over few candidates: filters, masses and the draw, by one block in shared memory.
#pragma once

#include "logit_candidates.h"
#include "probability_mass.h"

// The samplers' outputs of one row.
struct SamplerOutput {
    uint32_t* token;
    // Flags, number of kept tokens, index of the last kept token in the total order.
    uint32_t* detail;
};
constexpr uint32_t DETAIL_WORDS = 3;

HG_DEVICE void store_sample(const SamplerOutput& output, uint32_t row, uint32_t token, uint32_t flags, uint32_t kept,
                            uint32_t last) {
    output.token[row] = token;
    uint32_t* detail = output.detail + uint64_t(row) * DETAIL_WORDS;
    detail[0] = flags;
    detail[1] = kept;
    detail[2] = last;
}

// The integer that a draw looks for: the token is the first whose cumulative kept mass, in index order, exceeds it.
HG_DEVICE uint64_t draw_target(const SamplingParameters& sampling, uint32_t row, uint64_t kept_mass) {
    return multiply_high_u64(draw_bits(sampling.stream, row, sampling.step), kept_mass);
}

// Inclusive sums over `count` <= MOST_CANDIDATES shared values, in place. Called by the whole block after a
// barrier; ends with one.
HG_DEVICE void inclusive_sums(uint64_t* values, uint32_t count, uint64_t* scratch) {
    const uint32_t first = threadIdx.x * OFFERS;
    uint64_t mine[OFFERS];
    uint64_t sum = 0;
    HG_UNROLL
    for (uint32_t j = 0; j < OFFERS; j++) {
        sum += first + j < count ? values[first + j] : 0;
        mine[j] = sum;
    }
    uint64_t total;
    const uint64_t before = block_inclusive_sum(sum, scratch, &total) - sum;
    HG_UNROLL
    for (uint32_t j = 0; j < OFFERS; j++) {
        if (first + j < count) values[first + j] = before + mine[j];
    }
    __syncthreads();
}

// Shared memory of a sampling block besides the candidates.
struct SamplingScratch {
    uint64_t* sums;   // BLOCK_SCAN_SCRATCH
    uint32_t* words;  // SAMPLING_WORDS
};
constexpr uint32_t SAMPLING_WORDS = 2;

// Applies top-p and min-p to the best k, draws, and writes the row's outputs.
template <typename T>
HG_DEVICE void sample_candidates(Candidates& candidates, const SamplingParameters& sampling, uint32_t row,
                                 uint32_t flags, const SamplerOutput& output, const SamplingScratch& scratch) {
    const uint32_t count = prune(candidates);
    uint64_t* entries = candidates.entries;
    if (count == 0) {
        if (threadIdx.x == 0) store_sample(output, row, NO_INDEX, flags | FLAG_NO_FINITE_LOGIT, 0, NO_INDEX);
        return;
    }
    // The upper half of the buffer is free after a prune: cumulative masses in the total order.
    uint64_t* masses = entries + MOST_CANDIDATES;
    const float maximum = key_logit<T>(composite_key(entries[0]));
    const auto scaled = [&](uint32_t i) {
        return scaled_logit(key_logit<T>(composite_key(entries[i])), maximum, sampling.inverse_temperature);
    };
    for (uint32_t i = threadIdx.x; i < count; i += blockDim.x) masses[i] = token_mass(scaled(i));
    if (threadIdx.x == 0) scratch.words[0] = count;
    __syncthreads();
    inclusive_sums(masses, count, scratch.sums);
    // Top-p keeps up to the first sum that reaches the mass asked for; at most one thread finds it.
    const uint64_t wanted = top_p_mass(sampling.p, masses[count - 1]);
    for (uint32_t i = threadIdx.x; i < count && sampling.p != TOP_P_OFF; i += blockDim.x) {
        if (masses[i] >= wanted && (i == 0 || masses[i - 1] < wanted)) scratch.words[0] = i + 1;
    }
    __syncthreads();
    const uint32_t nucleus = scratch.words[0];
    if (threadIdx.x == 0) scratch.words[1] = nucleus;
    __syncthreads();
    // Min-p keeps up to the last logit that is large enough; the best always is.
    for (uint32_t i = threadIdx.x; i < nucleus; i += blockDim.x) {
        if (i > 0 && scaled(i) < sampling.least_scaled && scaled(i - 1) >= sampling.least_scaled) scratch.words[1] = i;
    }
    __syncthreads();
    const uint32_t kept = scratch.words[1];
    const uint32_t last = composite_index(entries[kept - 1]);
    const uint64_t target = draw_target(sampling, row, masses[kept - 1]);
    __syncthreads();
    // Into index order. An entry becomes ~index << 32 | key, so that descending order is ascending by index.
    for (uint32_t i = threadIdx.x; i < kept; i += blockDim.x) entries[i] = entries[i] << 32 | entries[i] >> 32;
    __syncthreads();
    sort_descending(entries, kept);
    for (uint32_t i = threadIdx.x; i < kept; i += blockDim.x) {
        masses[i] = token_mass(scaled_logit(key_logit<T>(uint32_t(entries[i])), maximum, sampling.inverse_temperature));
    }
    __syncthreads();
    inclusive_sums(masses, kept, scratch.sums);
    for (uint32_t i = threadIdx.x; i < kept; i += blockDim.x) {
        if (masses[i] > target && (i == 0 || masses[i - 1] <= target)) {
            store_sample(output, row, ~uint32_t(entries[i] >> 32), flags, kept, last);
        }
    }
}

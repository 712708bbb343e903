// The k best elements of a stream, k <= 1,024, in one pass: a block keeps up to 2,048 composites in shared
// memory, admits only those above a threshold, and prunes to the best k by a bitonic sort (Batcher, "Sorting
// Networks and Their Applications", 1968) before the buffer could overflow. After the first prunes nearly
// every element of a row in random order fails the threshold; an ascending row prunes at every batch, and is
// still right. The one best is a maximum: each thread keeps its own, and nothing is buffered or sorted.
#pragma once

#include "block_scan.h"
#include "logits.h"

constexpr uint32_t SELECT_THREADS = 256;
constexpr uint32_t CANDIDATE_CAPACITY = 2048;
// Each thread offers up to four composites between two barriers.
constexpr uint32_t OFFERS = 4;
constexpr uint32_t CANDIDATE_BATCH = SELECT_THREADS * OFFERS;
constexpr uint32_t MOST_CANDIDATES = CANDIDATE_CAPACITY - CANDIDATE_BATCH;

struct Candidates {
    // Shared: CANDIDATE_CAPACITY composites and their number.
    uint64_t* entries;
    uint32_t* count;
    uint32_t keep;
    // The same value in all threads: nothing at or below it can be among the best `keep`.
    uint64_t threshold;
    // Where one is kept: the best that this thread offered.
    uint64_t best;
};

HG_DEVICE uint32_t next_power_of_two(uint32_t value) { return value <= 2 ? 2 : 1u << (32 - count_leading_zeros32(value - 1)); }

// Sorts shared entries, largest first; `count` is padded to a power of two with zeros. Called by the whole
// block after a barrier; ends with one.
HG_DEVICE void sort_descending(uint64_t* entries, uint32_t count) {
    const uint32_t padded = next_power_of_two(count);
    for (uint32_t i = count + threadIdx.x; i < padded; i += blockDim.x) entries[i] = 0;
    __syncthreads();
    for (uint32_t size = 2; size <= padded; size *= 2) {
        for (uint32_t stride = size / 2; stride > 0; stride /= 2) {
            for (uint32_t pair = threadIdx.x; pair < padded / 2; pair += blockDim.x) {
                const uint32_t low = 2 * pair - (pair & (stride - 1));
                const uint64_t a = entries[low], b = entries[low + stride];
                if ((a < b) == ((low & size) == 0)) {
                    entries[low] = b;
                    entries[low + stride] = a;
                }
            }
            __syncthreads();
        }
    }
}

HG_DEVICE Candidates empty_candidates(uint64_t* entries, uint32_t* count, uint32_t keep) {
    if (threadIdx.x == 0) *count = 0;
    __syncthreads();
    return {entries, count, keep, 0, 0};
}

// The best of all threads, if there is one.
HG_DEVICE uint32_t prune_to_one(Candidates& candidates) {
    static_assert(CANDIDATE_CAPACITY >= BLOCK_SCAN_SCRATCH, "the entries are not in use");
    const uint64_t best = block_maximum(candidates.best, candidates.entries);
    __syncthreads();
    if (threadIdx.x == 0) {
        candidates.entries[0] = best;
        *candidates.count = best != 0;
    }
    __syncthreads();
    return best != 0;
}

// Sorts what is held and drops all but the best `keep`; returns how many are left.
HG_DEVICE uint32_t prune(Candidates& candidates) {
    if (candidates.keep == 1) return prune_to_one(candidates);
    __syncthreads();
    const uint32_t total = *candidates.count;
    sort_descending(candidates.entries, total);
    const uint32_t left = total < candidates.keep ? total : candidates.keep;
    if (total >= candidates.keep) candidates.threshold = candidates.entries[candidates.keep - 1];
    if (threadIdx.x == 0) *candidates.count = left;
    __syncthreads();
    return left;
}

// Admits up to OFFERS composites of each thread. Called by the whole block.
HG_DEVICE void offer(Candidates& candidates, const uint64_t* composites) {
    if (candidates.keep == 1) {
        HG_UNROLL
        for (uint32_t j = 0; j < OFFERS; j++) {
            if (composites[j] > candidates.best) candidates.best = composites[j];
        }
        return;
    }
    uint32_t passing = 0;
    HG_UNROLL
    for (uint32_t j = 0; j < OFFERS; j++) passing += composites[j] > candidates.threshold;
    if (passing > 0) {
        uint32_t place = atomic_add(candidates.count, passing);
        HG_UNROLL
        for (uint32_t j = 0; j < OFFERS; j++) {
            if (composites[j] > candidates.threshold) candidates.entries[place++] = composites[j];
        }
    }
    __syncthreads();
    const uint32_t total = *candidates.count;
    __syncthreads();
    const bool first_threshold = candidates.threshold == 0 && total >= candidates.keep;
    if (first_threshold || total > CANDIDATE_CAPACITY - CANDIDATE_BATCH) prune(candidates);
}

// What a row held besides finite logits; bits of the samplers' `flags` output.
constexpr uint32_t FLAG_NO_FINITE_LOGIT = 1, FLAG_NAN = 2, FLAG_POSITIVE_INFINITY = 4;

template <typename T>
HG_DEVICE uint32_t key_flags(uint32_t key) {
    return key == 0 ? FLAG_NAN : key == positive_infinity_key<T>() ? FLAG_POSITIVE_INFINITY : 0;
}

// Offers every element of a part of a row, or only the finite ones. Returns this thread's share of the flags.
template <typename T, bool FINITE_ONLY>
HG_DEVICE uint32_t offer_logits(Candidates& candidates, const LogitRow<T>& row, GroupRange range) {
    uint32_t flags = 0;
    for (uint32_t base = range.begin; base < range.end; base += blockDim.x) {
        const LogitGroup<T> group = load_group(row, base + threadIdx.x, range.end);
        HG_UNROLL
        for (uint32_t first = 0; first < Vector16<T>::COUNT; first += OFFERS) {
            uint64_t composites[OFFERS];
            HG_UNROLL
            for (uint32_t j = 0; j < OFFERS; j++) {
                const uint32_t key = group.key[first + j];
                const bool exists = in_row(row, group, first + j);
                const bool takes_part = exists && (!FINITE_ONLY || is_finite_key<T>(key));
                if (FINITE_ONLY && exists) flags |= key_flags<T>(key);
                composites[j] = takes_part ? make_composite(key, group.index + first + j) : 0;
            }
            offer(candidates, composites);
        }
    }
    return flags;
}

// Offers `count` composites from global memory.
HG_DEVICE void offer_composites(Candidates& candidates, const uint64_t* composites, uint32_t count) {
    for (uint32_t base = 0; base < count; base += CANDIDATE_BATCH) {
        uint64_t mine[OFFERS];
        HG_UNROLL
        for (uint32_t j = 0; j < OFFERS; j++) {
            const uint32_t i = base + j * SELECT_THREADS + threadIdx.x;
            mine[j] = i < count ? composites[i] : 0;
        }
        offer(candidates, mine);
    }
}

// Writes the best `keep` of this block, largest first, zeros behind them.
HG_DEVICE void store_candidates(Candidates& candidates, uint64_t* destination) {
    const uint32_t left = prune(candidates);
    for (uint32_t i = threadIdx.x; i < candidates.keep; i += blockDim.x) {
        destination[i] = i < left ? candidates.entries[i] : 0;
    }
}

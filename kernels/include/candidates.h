// The k best elements of a stream, k <= 1,024, in one pass: a block keeps up to 2,048 composites in shared
// memory, admits only those above a threshold, and drops what cannot be among the best k before the buffer could
// overflow. Threads offer what they have in batches; where a batch does not fit, a few elements at a time.
//
// The first threshold comes from maxima: of the largest elements that each thread has seen, the k-th largest is no larger than
// the k-th largest of all, and seldom much smaller. So nearly nothing of a row in random order is buffered, and nothing is
// sorted before the end. A row that rises fills the buffer with every batch, and is still right.
#pragma once

#include "block_scan.h"
#include "logits.h"
#include "shared_sort.h"

constexpr uint32_t SELECT_THREADS = 256;
constexpr uint32_t CANDIDATE_CAPACITY = 2048;
// Words of shared memory of a block: composites, sums, and a count for each thread.
constexpr uint32_t CANDIDATE_WORDS = CANDIDATE_CAPACITY + BLOCK_SCAN_SCRATCH + SELECT_THREADS / 2;
// With more than so many, and than k, besides the best k, it pays to raise the threshold.
constexpr uint32_t MOST_MORE = SELECT_THREADS;
// Up to so many are sorted at once; of more the worst are dropped before.
constexpr uint32_t MOST_SORTED = 2 * SELECT_THREADS;
// Where a batch does not fit each thread offers up to four composites between two barriers.
constexpr uint32_t OFFERS = 4;
constexpr uint32_t CANDIDATE_BATCH = SELECT_THREADS * OFFERS;
constexpr uint32_t MOST_CANDIDATES = CANDIDATE_CAPACITY - CANDIDATE_BATCH;

struct Candidates {
    // Shared: CANDIDATE_WORDS, and the number of composites.
    uint64_t* entries;
    uint32_t* count;
    uint32_t keep;
    // The same value in all threads: nothing at or below it can be among the best `keep`.
    uint64_t threshold;
    // The same as the number, in all threads.
    uint32_t held;
};

HG_DEVICE Candidates empty_candidates(uint64_t* entries, uint32_t* count, uint32_t keep) {
    if (threadIdx.x == 0) *count = 0;
    __syncthreads();
    return {entries, count, keep, 0, 0};
}

// Drops most of what is not among the best `keep`, without sorting: by how many keys are in each of 256 intervals between the
// least and the largest. What shares an interval with the k-th largest stays. Called by the whole block, with more than `keep`
// held.
HG_DEVICE void thin_out(Candidates& candidates) {
    uint64_t* const entries = candidates.entries;
    uint64_t* const sums = entries + CANDIDATE_CAPACITY;
    uint32_t* const counts = reinterpret_cast<uint32_t*>(sums + BLOCK_SCAN_SCRATCH);
    const uint32_t held = candidates.held;
    uint64_t largest = 0, least = 0;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < held; i += SELECT_THREADS) {
        largest = entries[i] > largest ? entries[i] : largest;
        least = ~entries[i] > least ? ~entries[i] : least;
    }
    const uint32_t first = composite_key(~block_maximum(least, sums));
    const uint32_t range = composite_key(block_maximum(largest, sums)) - first;
    const uint32_t shift = range < SELECT_THREADS ? 0 : 24 - count_leading_zeros32(range);
    counts[threadIdx.x] = 0;
    if (threadIdx.x == 0) *candidates.count = 0;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < held; i += SELECT_THREADS) {
        shared_add(&counts[(composite_key(entries[i]) - first) >> shift], 1);
    }
    __syncthreads();
    const uint32_t interval = SELECT_THREADS - 1 - threadIdx.x, here = counts[interval];
    uint64_t total;
    const uint32_t through = uint32_t(block_inclusive_sum(uint64_t(here), sums, &total));
    // The k-th key is in one of them. No composite of the interval's keys is below that of its first key without an index.
    if (through - here < candidates.keep && candidates.keep <= through) {
        sums[0] = make_composite(first + (interval << shift), NO_INDEX);
    }
    __syncthreads();
    const uint64_t bound = sums[0];
    // What stays moves down, into places that all threads have read.
    for (uint32_t base = 0; base < held; base += SELECT_THREADS) {
        const uint32_t i = base + threadIdx.x;
        const uint64_t entry = i < held ? entries[i] : 0;
        __syncthreads();
        if (i < held && entry >= bound) entries[atomic_add(candidates.count, uint32_t(1))] = entry;
    }
    __syncthreads();
    candidates.held = *candidates.count;
    if (bound > 0) candidates.threshold = bound - 1;
    __syncthreads();
}

// Sorts what is held and drops all but the best `keep`. Called by the whole block.
HG_DEVICE void sort_out(Candidates& candidates) {
    __syncthreads();
    const uint32_t total = candidates.held;
    sort_descending(candidates.entries, total);
    candidates.held = total < candidates.keep ? total : candidates.keep;
    if (total >= candidates.keep) candidates.threshold = candidates.entries[candidates.keep - 1];
    if (threadIdx.x == 0) *candidates.count = candidates.held;
    __syncthreads();
}

// The best `keep`, sorted; returns how many there are.
HG_DEVICE uint32_t prune(Candidates& candidates) {
    if (candidates.held > MOST_SORTED && candidates.held > candidates.keep) thin_out(candidates);
    sort_out(candidates);
    return candidates.held;
}

// Before anything is known: a threshold that at least `keep` of the largest composites of a thread, or of two or four
// neighbours, are above, if there are so many. Called by the whole block.
HG_DEVICE void find_first_threshold(Candidates& candidates, uint64_t best) {
    const uint32_t share = candidates.keep <= SELECT_THREADS / 8 ? 4 : candidates.keep <= SELECT_THREADS / 4 ? 2 : 1;
    for (uint32_t distance = 1; distance < share; distance *= 2) {
        const uint64_t other = wave_shuffle_xor(best, distance);
        best = other > best ? other : best;
    }
    // Places that nothing is held in.
    uint64_t* const maxima = candidates.entries + CANDIDATE_CAPACITY - SELECT_THREADS;
    const uint32_t first = threadIdx.x % share;
    if (first == 0) maxima[threadIdx.x / share] = best;
    __syncthreads();
    uint32_t larger = 0;
    for (uint32_t i = first; i < SELECT_THREADS / share; i += share) larger += maxima[i] > best;
    for (uint32_t distance = 1; distance < share; distance *= 2) larger += wave_shuffle_xor(larger, distance);
    __syncthreads();
    if (threadIdx.x == 0) maxima[0] = 0;
    __syncthreads();
    if (first == 0 && best != 0 && larger == candidates.keep - 1) maxima[0] = best - 1;
    __syncthreads();
    candidates.threshold = maxima[0];
}

// Batches are what a thread offers together: NUMBER elements, at most 32, of which those are there whose bit of `present` is set.
// Of equal keys the lower index is first.
template <typename Batch>
HG_DEVICE uint64_t best_of(const Batch& batch) {
    uint32_t key = 0, index = NO_INDEX;
    HG_UNROLL
    for (uint32_t n = 0; n < Batch::NUMBER; n++) {
        if (!(batch.present >> n & 1) || (batch.key(n) <= key && index != NO_INDEX)) continue;
        key = batch.key(n);
        index = batch.index(n);
    }
    return index == NO_INDEX ? 0 : make_composite(key, index);
}

template <typename Batch>
HG_DEVICE uint32_t bits_above(const Batch& batch, uint64_t threshold) {
    uint32_t bits = 0;
    HG_UNROLL
    for (uint32_t n = 0; n < Batch::NUMBER; n++) {
        bits |= uint32_t(make_composite(batch.key(n), batch.index(n)) > threshold) << n;
    }
    return bits & batch.present;
}

// Admits what is above the threshold, or returns false if that does not fit. Called by the whole block.
template <typename Batch>
HG_DEVICE bool offer_batch(Candidates& candidates, const Batch& batch) {
    const uint64_t best = best_of(batch);
    const bool nothing_known = candidates.threshold == 0 && candidates.held <= CANDIDATE_CAPACITY - SELECT_THREADS;
    if (nothing_known && candidates.keep <= SELECT_THREADS) find_first_threshold(candidates, best);
    const uint32_t most = candidates.keep + (candidates.keep < MOST_MORE ? MOST_MORE : candidates.keep);
    HG_NO_UNROLL
    for (uint32_t attempt = 0; attempt < 2; attempt++) {
        const uint32_t passing = best > candidates.threshold ? bits_above(batch, candidates.threshold) : 0;
        uint32_t place = passing != 0 ? atomic_add(candidates.count, popcount32(passing)) : 0;
        __syncthreads();
        const uint32_t total = *candidates.count;
        __syncthreads();
        const bool fits = total <= CANDIDATE_CAPACITY;
        if (fits) {
            HG_UNROLL
            for (uint32_t n = 0; n < Batch::NUMBER; n++) {
                if (passing >> n & 1) candidates.entries[place++] = make_composite(batch.key(n), batch.index(n));
            }
            candidates.held = total;
            if (total <= most) return true;
        } else {
            if (threadIdx.x == 0) *candidates.count = candidates.held;
            if (candidates.held <= candidates.keep) break;
        }
        thin_out(candidates);
        if (fits) return true;
    }
    __syncthreads();
    return false;
}

// The same for a few composites of each thread, which always fit.
HG_DEVICE void offer(Candidates& candidates, const uint64_t* composites) {
    const bool first_threshold = candidates.threshold == 0 && candidates.held >= candidates.keep;
    if (first_threshold || candidates.held > MOST_CANDIDATES) sort_out(candidates);
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
    candidates.held = *candidates.count;
    __syncthreads();
}

// Writes the best `keep` of this block, largest first, zeros behind them.
HG_DEVICE void store_candidates(Candidates& candidates, uint64_t* destination) {
    const uint32_t left = prune(candidates);
    for (uint32_t i = threadIdx.x; i < candidates.keep; i += blockDim.x) {
        destination[i] = i < left ? candidates.entries[i] : 0;
    }
}

// What is offered to a block's candidates (candidates.h): a part of a row, or the lists that the parts of a row have left.
#pragma once

#include "candidates.h"

// Composites of the lists that a thread offers together.
constexpr uint32_t COMPOSITES = 8;

// What a row held besides finite logits; bits of the samplers' `flags` output.
constexpr uint32_t FLAG_NO_FINITE_LOGIT = 1, FLAG_NAN = 2, FLAG_POSITIVE_INFINITY = 4;

template <typename T>
HG_DEVICE uint32_t key_flags(uint32_t key) {
    return key == 0 ? FLAG_NAN : key == positive_infinity_key<T>() ? FLAG_POSITIVE_INFINITY : 0;
}

// The flags of all threads, for all threads.
HG_DEVICE uint32_t combine_flags(uint32_t flags, uint64_t* sums) {
    const uint32_t nan = uint32_t(block_maximum(uint64_t(flags & FLAG_NAN), sums));
    return nan | uint32_t(block_maximum(uint64_t(flags & FLAG_POSITIVE_INFINITY), sums));
}

// Groups of a row; keys of 16 bits share a word.
template <typename T>
struct LogitBatch {
    static constexpr uint32_t COUNT = Vector16<T>::COUNT, NUMBER = ROUND_ELEMENTS, LOADS = ROUND_LOADS<T>;
    uint32_t present;
    uint32_t first_index[LOADS];
    uint32_t words[LOADS * 4];

    HG_MEMBER void set(uint32_t n, const LogitGroup<T>& group) {
        first_index[n] = group.index;
        HG_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            words[n * 4 + i] = sizeof(T) == 4 ? group.key[i] : group.key[2 * i % COUNT] >> 16 | group.key[(2 * i + 1) % COUNT];
        }
    }
    HG_MEMBER uint32_t key(uint32_t n) const {
        if (sizeof(T) == 4) return words[n];
        return n % 2 == 0 ? words[n / 2] << 16 : words[n / 2] & 0xFFFF0000u;
    }
    HG_MEMBER uint32_t index(uint32_t n) const { return first_index[n / COUNT] + n % COUNT; }
};

// Composites of the lists of a row's parts, the earlier list first.
struct ListBatch {
    static constexpr uint32_t NUMBER = COMPOSITES;
    uint32_t present;
    uint64_t composites[COMPOSITES];

    HG_MEMBER uint32_t key(uint32_t n) const { return composite_key(composites[n]); }
    HG_MEMBER uint32_t index(uint32_t n) const { return composite_index(composites[n]); }
};

// One element as a composite, if it is there and takes part.
template <typename T, bool FINITE_ONLY>
HG_DEVICE uint64_t offered(const LogitRow<T>& row, uint32_t index) {
    if (index >= row.columns) return 0;
    const uint32_t key = logit_key<T>(stored_bits(row.logits[index]));
    return !FINITE_ONLY || is_finite_key<T>(key) ? make_composite(key, index) : 0;
}

// Offers every element of a part of a row, or only the finite ones. Returns this thread's share of the flags.
template <typename T, bool FINITE_ONLY>
HG_DEVICE uint32_t offer_logits(Candidates& candidates, const LogitRow<T>& row, GroupRange range) {
    constexpr uint32_t COUNT = LogitBatch<T>::COUNT, LOADS = LogitBatch<T>::LOADS;
    uint32_t flags = 0;
    StoredGroup<T> next[LOADS];
    read_round(next, row, range, range.begin);
    for (uint32_t base = range.begin; base < range.end; base += round_groups<T>()) {
        StoredGroup<T> stored[LOADS];
        HG_UNROLL
        for (uint32_t n = 0; n < LOADS; n++) stored[n] = next[n];
        read_round(next, row, range, base + round_groups<T>());
        LogitBatch<T> batch;
        batch.present = 0;
        HG_UNROLL
        for (uint32_t n = 0; n < LOADS; n++) {
            const LogitGroup<T> group = group_keys(stored[n]);
            batch.set(n, group);
            HG_UNROLL
            for (uint32_t j = 0; j < COUNT; j++) {
                const bool exists = in_row(row, group, j), takes_part = !FINITE_ONLY || is_finite_key<T>(group.key[j]);
                batch.present |= uint32_t(exists && takes_part) << (n * COUNT + j);
                if (FINITE_ONLY && exists) flags |= key_flags<T>(group.key[j]);
            }
        }
        if (offer_batch(candidates, batch)) continue;
        HG_NO_UNROLL
        for (uint32_t first = 0; first < ROUND_ELEMENTS; first += OFFERS) {
            uint64_t composites[OFFERS];
            HG_UNROLL
            for (uint32_t j = 0; j < OFFERS; j++) {
                const uint32_t place = (first + j) * blockDim.x + threadIdx.x;
                const bool in_part = base + place / COUNT < range.end;
                composites[j] = in_part ? offered<T, FINITE_ONLY>(row, base * COUNT - row.lead + place) : 0;
            }
            offer(candidates, composites);
        }
    }
    return flags;
}

// Offers lists of the best `keep` of each part of a row, as store_candidates left them. Together the first elements of all lists
// are `keep` at least, so that nothing below the least of them is among the best.
HG_DEVICE void offer_lists(Candidates& candidates, const uint64_t* lists, uint32_t number) {
    const uint32_t keep = candidates.keep, count = number * keep, of_each = (keep + number - 1) / number;
    const uint64_t last = threadIdx.x < number ? lists[threadIdx.x * keep + of_each - 1] : ~uint64_t(0);
    const uint64_t least = ~block_maximum(~last, candidates.entries + CANDIDATE_CAPACITY);
    candidates.threshold = least > 0 ? least - 1 : 0;
    for (uint32_t base = 0; base < count; base += SELECT_THREADS * COMPOSITES) {
        const auto composite = [&](uint32_t n) {
            const uint32_t i = base + n * SELECT_THREADS + threadIdx.x;
            return i < count ? lists[i] : 0;
        };
        ListBatch batch;
        batch.present = 0;
        HG_UNROLL
        for (uint32_t n = 0; n < COMPOSITES; n++) {
            batch.composites[n] = composite(n);
            batch.present |= uint32_t(batch.composites[n] != 0) << n;
        }
        if (offer_batch(candidates, batch)) continue;
        HG_NO_UNROLL
        for (uint32_t first = 0; first < COMPOSITES; first += OFFERS) {
            uint64_t few[OFFERS];
            HG_UNROLL
            for (uint32_t j = 0; j < OFFERS; j++) few[j] = composite(first + j);
            offer(candidates, few);
        }
    }
}

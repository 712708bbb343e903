// The boundary of a selection in a row's total order, by a radix descent over keys: which key is the last one
// kept, and how many of its equals. Each level counts the elements under the prefix found so far by their next
// eight bits (256 counts and masses per row, gathered in shared memory first), one launch a level. A launch
// begins by working out the previous level's digit for itself, so that no block ever waits for another.
// (Alabi, Blelloch, Gibbs, Yu, "Fast k-Selection Algorithms for Graphics Processing Units", 2012.)
//
// Two phases may follow each other: by count, for the k-th element; then by mass, for the top-p boundary. The
// top-p boundary never lies behind the k-th element, because the mass it asks for is at most that of the best k.
#pragma once

#include "block_scan.h"
#include "logits.h"
#include "probability_mass.h"

constexpr uint32_t DIGITS = 256;
constexpr uint32_t DIGIT_BITS = 8;
// One thread for each digit.
constexpr uint32_t DESCENT_THREADS = DIGITS;
// Three histograms take turns: one is read, one filled, one cleared for the next level.
constexpr uint32_t HISTOGRAMS = 3;
// Counts, then masses.
constexpr uint32_t HISTOGRAM_WORDS = 2 * DIGITS;
// A row's histograms in 8-byte words; src/sampler/plan.rs reserves as much.
constexpr uint32_t ROW_HISTOGRAM_WORDS = HISTOGRAMS * HISTOGRAM_WORDS;

// Four digits by count, four by mass, and the boundary. src/sampler/plan.rs reserves as many states.
constexpr uint32_t MOST_STATES = 9;

// What is known before a level. After the last: the boundary's key and how many of its equals are kept.
struct DescentState {
    // Elements, or mass, still to be found among those under the prefix.
    uint64_t wanted;
    // Of the elements with larger keys.
    uint64_t above_mass;
    // Mass of the best k, or all ones before that is known.
    uint64_t mass_limit;
    uint32_t prefix;
    // Keeps the size a multiple of 8 without hidden padding.
    uint32_t reserved;
};

static_assert(sizeof(DescentState) == 32, "src/sampler/plan.rs reserves 32 bytes a state");

// Which levels a descent has, the same for all its launches.
struct DescentShape {
    uint32_t count_levels, mass_levels;
    // Elements wanted by count.
    uint32_t k;
    // Mass wanted, as p * 2^64.
    uint64_t p;
};

// Mass of one token of a key, for the row's best logit.
template <typename T>
struct MassScale {
    float maximum, inverse_temperature;
    HG_MEMBER float scaled(uint32_t key) const { return scaled_logit(key_logit<T>(key), maximum, inverse_temperature); }
    HG_MEMBER uint64_t mass(uint32_t key) const { return token_mass(scaled(key)); }
};

struct DescentScratch {
    // Shared: BLOCK_SCAN_SCRATCH sums and one state.
    uint64_t* sums;
    DescentState* state;
};

HG_DEVICE uint32_t digit_shift(const DescentShape& shape, uint32_t level) {
    const uint32_t in_phase = level < shape.count_levels ? level : level - shape.count_levels;
    return 32 - DIGIT_BITS * (in_phase + 1);
}

// Finds the digit of `level` that the boundary lies in, from that level's histogram.
template <typename T>
HG_DEVICE DescentState descend(const DescentState& before, const DescentShape& shape, uint32_t level,
                               const uint64_t* histogram, const MassScale<T>& scale, const DescentScratch& scratch) {
    const bool by_count = level < shape.count_levels;
    const uint32_t shift = digit_shift(shape, level);
    const uint32_t digit = DIGITS - 1 - threadIdx.x;
    const uint64_t count = histogram[digit], mass = histogram[DIGITS + digit];
    uint64_t total_count, total_mass;
    const uint64_t count_through = block_inclusive_sum(count, scratch.sums, &total_count);
    const uint64_t mass_through = block_inclusive_sum(mass, scratch.sums, &total_mass);
    uint64_t wanted = before.wanted;
    if (shift == 32 - DIGIT_BITS) {
        const uint64_t limit = before.mass_limit < total_mass ? before.mass_limit : total_mass;
        wanted = !by_count ? top_p_mass(shape.p, limit) : shape.k < total_count ? shape.k : total_count;
    }
    const uint64_t through = by_count ? count_through : mass_through;
    const uint64_t here = by_count ? count : mass;
    // A row without a finite logit finds no digit; it is recognised by its count later.
    if (threadIdx.x == 0) *scratch.state = before;
    __syncthreads();
    if (through - here < wanted && wanted <= through) {
        DescentState after = before;
        after.wanted = wanted - (through - here);
        after.above_mass += mass_through - mass;
        after.prefix |= digit << shift;
        *scratch.state = after;
    }
    __syncthreads();
    DescentState after = *scratch.state;
    __syncthreads();
    if (shift != 32 - LogitTraits<T>::BITS) return after;
    // The last digit of a phase: what is left is a number of equal elements.
    const uint64_t mass_each = scale.mass(after.prefix);
    if (!by_count) {
        after.wanted = mass_each == 0 ? 0 : (after.wanted + mass_each - 1) / mass_each;
    } else if (shape.mass_levels > 0) {
        return {0, 0, after.above_mass + after.wanted * mass_each, 0, 0};
    }
    return after;
}

// The state before `level`, for all threads of a block; with level = all levels, the boundary.
template <typename T>
HG_DEVICE DescentState state_before(uint32_t level, const DescentShape& shape, const DescentState* states,
                                    const uint64_t* histograms, const MassScale<T>& scale,
                                    const DescentScratch& scratch) {
    if (level == 0) return {0, 0, ~uint64_t(0), 0, 0};
    const uint64_t* histogram = histograms + (level - 1) % HISTOGRAMS * HISTOGRAM_WORDS;
    return descend(states[level - 1], shape, level - 1, histogram, scale, scratch);
}

// Clears one histogram of a row, shared out over its blocks.
HG_DEVICE void clear_histogram(uint64_t* histograms, uint32_t level, uint32_t splits, uint32_t split) {
    uint64_t* histogram = histograms + level % HISTOGRAMS * HISTOGRAM_WORDS;
    for (uint32_t i = split * blockDim.x + threadIdx.x; i < HISTOGRAM_WORDS; i += splits * blockDim.x) histogram[i] = 0;
}

// Masses are added up in three pieces of 16 bits, each in a word of shared memory: 64-bit additions there are loops on NVIDIA
// GPUs. A word has room for 65,536 pieces; then their sums go to the threads' registers.
constexpr uint32_t PIECE_BITS = 16, PIECES = 3;
constexpr uint32_t MOST_ROUNDS = (1u << PIECE_BITS) / (ROUND_ELEMENTS * DESCENT_THREADS);

// Shared memory of a level.
struct DigitSums {
    // DIGITS, and PIECES times as many if there are masses.
    uint32_t* counts;
    uint32_t* pieces;

    HG_MEMBER void clear_pieces() const {
        HG_UNROLL
        for (uint32_t i = 0; i < PIECES; i++) pieces[i * DIGITS + threadIdx.x] = 0;
    }
    HG_MEMBER void add_mass(uint32_t digit, uint64_t mass) const {
        HG_UNROLL
        for (uint32_t i = 0; i < PIECES; i++) {
            const uint32_t piece = uint32_t(mass >> (i * PIECE_BITS)) & ((1u << PIECE_BITS) - 1);
            if (piece > 0) shared_add(&pieces[i * DIGITS + digit], piece);
        }
    }
    // The mass of this thread's digit since it was taken last. Called by the whole block.
    HG_MEMBER uint64_t take_mass() const {
        __syncthreads();
        uint64_t mass = 0;
        HG_UNROLL
        for (uint32_t i = 0; i < PIECES; i++) mass += uint64_t(pieces[i * DIGITS + threadIdx.x]) << (i * PIECE_BITS);
        clear_pieces();
        __syncthreads();
        return mass;
    }
};

// One level for one part of a row: counts the elements under `prefix` by their next digit, if they are `counted`. FINITE_ONLY
// leaves NaN and infinities out and adds up masses.
template <typename T, bool FINITE_ONLY>
HG_DEVICE void count_digits(const LogitRow<T>& row, GroupRange range, uint32_t prefix, uint32_t shift,
                            const MassScale<T>& scale, bool counted, const DigitSums& sums, uint64_t* histogram) {
    sums.counts[threadIdx.x] = 0;
    if (FINITE_ONLY) sums.clear_pieces();
    __syncthreads();
    uint64_t mass = 0;
    uint32_t rounds = 0;
    for (uint32_t base = range.begin; base < range.end; base += round_groups<T>()) {
        visit_round(row, range, base, [&](const LogitGroup<T>& group) {
            HG_UNROLL
            for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
                const uint32_t key = group.key[j];
                const bool takes_part = in_row(row, group, j) && (!FINITE_ONLY || is_finite_key<T>(key));
                // 64 bits, because the first digit has nothing before it and would shift by 32.
                if (!takes_part || uint64_t(key ^ prefix) >> (shift + DIGIT_BITS) != 0) continue;
                const uint32_t digit = key >> shift & (DIGITS - 1);
                if (counted) shared_add(&sums.counts[digit], 1);
                if (FINITE_ONLY) sums.add_mass(digit, scale.mass(key));
            }
        });
        if (FINITE_ONLY && ++rounds == MOST_ROUNDS) {
            mass += sums.take_mass();
            rounds = 0;
        }
    }
    if (FINITE_ONLY) {
        mass += sums.take_mass();
    } else {
        __syncthreads();
    }
    const uint32_t digit = threadIdx.x, count = sums.counts[digit];
    if (count > 0) atomic_add(&histogram[digit], uint64_t(count));
    if (mass > 0) atomic_add(&histogram[DIGITS + digit], mass);
}

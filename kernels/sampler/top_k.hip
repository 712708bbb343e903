// top_k: the k largest of each row, values and indices, descending; ties to the lower index, NaN below -inf.
//
// k = 1: best_logit.hip.
// k <= 1,024: one read of the row (candidates.h). With enough rows, one block each finishes in one launch;
// with few rows, several blocks each write their part's best k and a second launch merges them.
// Larger k: a radix descent by counts finds the k-th key (radix_descent.h), the survivors are compacted in
// index order, and one block per row sorts them: a stable least-significant-digit radix sort of the keys
// (Knuth, TAOCP 3, 5.2.5), so that ties keep the lower index first.
//
// Bytes: reads rows * columns * size once with k <= 1,024, else 6 times for f32 and 4 times for f16 and bf16;
// writes rows * k * (size + 4).
#include "kept_set.h"
#include "logit_candidates.h"

template <typename T>
struct TopKOutput {
    T* values;
    uint32_t* indices;
    uint64_t value_stride, index_stride;
};

// The value is copied, not rebuilt from its key: -0 and NaN payloads survive.
template <typename T>
HG_DEVICE void store_element(const TopKOutput<T>& output, const LogitRow<T>& row, uint32_t row_index, uint32_t place,
                             uint32_t index) {
    output.values[row_index * output.value_stride + place] = row.logits[index];
    output.indices[row_index * output.index_stride + place] = index;
}

template <typename T>
HG_DEVICE void finish_top_k(Candidates& candidates, const LogitRow<T>& row, uint32_t row_index,
                            const TopKOutput<T>& output) {
    const uint32_t left = prune(candidates);
    for (uint32_t i = threadIdx.x; i < left; i += blockDim.x) {
        store_element(output, row, row_index, i, composite_index(candidates.entries[i]));
    }
}

// Grid: rows.
template <typename T>
HG_DEVICE void top_k_row(uint64_t* entries, uint32_t* count, const T* logits, uint64_t row_stride, uint32_t columns,
                         uint32_t k, const TopKOutput<T>& output) {
    const LogitRow<T> row = logit_row(logits, row_stride, columns, blockIdx.x);
    Candidates candidates = empty_candidates(entries, count, k);
    offer_logits<T, false>(candidates, row, split_range(row, 1, 0));
    finish_top_k(candidates, row, blockIdx.x, output);
}

// Grid: rows * splits. Writes k composites per block.
template <typename T>
HG_DEVICE void top_k_part(uint64_t* entries, uint32_t* count, const T* logits, uint64_t row_stride, uint32_t columns,
                          uint32_t k, uint32_t splits, uint64_t* parts) {
    const LogitRow<T> row = logit_row(logits, row_stride, columns, blockIdx.x / splits);
    Candidates candidates = empty_candidates(entries, count, k);
    offer_logits<T, false>(candidates, row, split_range(row, splits, blockIdx.x % splits));
    store_candidates(candidates, parts + uint64_t(blockIdx.x) * k);
}

// Grid: rows. Merges splits * k composites.
template <typename T>
HG_DEVICE void top_k_merge(uint64_t* entries, uint32_t* count, const T* logits, uint64_t row_stride, uint32_t columns,
                           uint32_t k, uint32_t splits, const uint64_t* parts, const TopKOutput<T>& output) {
    const LogitRow<T> row = logit_row(logits, row_stride, columns, blockIdx.x);
    Candidates candidates = empty_candidates(entries, count, k);
    offer_lists(candidates, parts + uint64_t(blockIdx.x) * splits * k, splits);
    finish_top_k(candidates, row, blockIdx.x, output);
}

// The large-k path's memory of one launch.
struct LargeTopK {
    uint32_t columns, k, splits;
    uint64_t* histograms;
    DescentState* states;
    KeptPart* kept;
};

HG_DEVICE DescentShape large_shape(const LargeTopK& path, uint32_t levels) { return {levels, 0, path.k, 0}; }

// Grid: rows * splits. Clears the first histogram.
HG_DEVICE void clear_part(const LargeTopK& path) {
    clear_histogram(path.histograms + uint64_t(blockIdx.x / path.splits) * ROW_HISTOGRAM_WORDS, 0, path.splits,
                    blockIdx.x % path.splits);
}

// Grid: rows * splits. One level of the descent by count.
template <typename T>
HG_DEVICE void descend_part(uint32_t* counts, const DescentScratch& scratch, const T* logits,
                            uint64_t row_stride, const LargeTopK& path, uint32_t level) {
    const uint32_t row_index = blockIdx.x / path.splits, split = blockIdx.x % path.splits;
    const LogitRow<T> row = logit_row(logits, row_stride, path.columns, row_index);
    const DescentShape shape = large_shape(path, LogitTraits<T>::BITS / DIGIT_BITS);
    const MassScale<T> no_mass = {0, 0};
    DescentState* states = path.states + uint64_t(row_index) * MOST_STATES;
    uint64_t* histograms = path.histograms + uint64_t(row_index) * ROW_HISTOGRAM_WORDS;
    const DescentState state = state_before(level, shape, states, histograms, no_mass, scratch);
    if (split == 0 && threadIdx.x == 0) states[level] = state;
    clear_histogram(histograms, level + 1, path.splits, split);
    count_digits<T, false>(row, split_range(row, path.splits, split), state.prefix, digit_shift(shape, level), no_mass,
                           true, {counts, nullptr}, histograms + level % HISTOGRAMS * HISTOGRAM_WORDS);
}

// Grid: rows * splits. How many of the k each part holds.
template <typename T>
HG_DEVICE void count_part(const DescentScratch& scratch, const T* logits, uint64_t row_stride, const LargeTopK& path) {
    const uint32_t row_index = blockIdx.x / path.splits, split = blockIdx.x % path.splits;
    const LogitRow<T> row = logit_row(logits, row_stride, path.columns, row_index);
    const uint32_t levels = LogitTraits<T>::BITS / DIGIT_BITS;
    DescentState* states = path.states + uint64_t(row_index) * MOST_STATES;
    const uint64_t* histograms = path.histograms + uint64_t(row_index) * ROW_HISTOGRAM_WORDS;
    const DescentState state =
        state_before(levels, large_shape(path, levels), states, histograms, MassScale<T>{0, 0}, scratch);
    if (split == 0 && threadIdx.x == 0) states[levels] = state;
    const KeptPart part =
        sum_part<T, false>(row, split_range(row, path.splits, split), {state.prefix, uint32_t(state.wanted), 0},
                           MassScale<T>{0, 0}, scratch.sums);
    if (threadIdx.x == 0) path.kept[blockIdx.x] = part;
}

// Grid: rows * splits. Writes each part's share of the k, in index order, behind those of earlier parts.
template <typename T>
HG_DEVICE void compact_part(uint64_t* sums, PartPlace* chosen, const T* logits, uint64_t row_stride,
                            const LargeTopK& path, uint64_t* survivors) {
    const uint32_t row_index = blockIdx.x / path.splits, split = blockIdx.x % path.splits;
    const LogitRow<T> row = logit_row(logits, row_stride, path.columns, row_index);
    const DescentState state = path.states[uint64_t(row_index) * MOST_STATES + LogitTraits<T>::BITS / DIGIT_BITS];
    const Boundary boundary = {state.prefix, uint32_t(state.wanted), 0};
    const PartPlace place = place_part(path.kept + uint64_t(row_index) * path.splits, path.splits, split, boundary, 0,
                                       sums, chosen);
    uint64_t* destination = survivors + uint64_t(row_index) * path.k;
    uint64_t written = place.count_before, ties_before = place.ties_before;
    const GroupRange range = split_range(row, path.splits, split);
    for (uint32_t base = range.begin; base < range.end; base += blockDim.x) {
        const LogitGroup<T> group = load_group(row, base + threadIdx.x, range.end);
        uint64_t ties = 0, tile_ties, tile_kept, kept = 0;
        HG_UNROLL
        for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
            ties += in_row(row, group, j) && group.key[j] == boundary.key;
        }
        uint64_t tie = ties_before + block_inclusive_sum(ties, sums, &tile_ties) - ties;
        uint32_t is_kept = 0;
        HG_UNROLL
        for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
            if (!in_row(row, group, j)) continue;
            bool keep = group.key[j] > boundary.key;
            if (group.key[j] == boundary.key) keep = tie++ < boundary.ties;
            is_kept |= uint32_t(keep) << j;
            kept += keep;
        }
        uint64_t place_of_next = written + block_inclusive_sum(kept, sums, &tile_kept) - kept;
        HG_UNROLL
        for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
            if (is_kept >> j & 1) destination[place_of_next++] = make_composite(group.key[j], group.index + j);
        }
        written += tile_kept;
        ties_before += tile_ties;
    }
}

constexpr uint32_t SORT_WAVES = DESCENT_THREADS / 32;

// Shared memory of the sort.
struct SortScratch {
    uint64_t* sums;
    // The next free place of each digit.
    uint32_t* next;
    // DIGITS for each wave: first how many of its elements have the digit, then where they go.
    uint32_t* wave_digits;
};

// One stable pass: `source` into `destination` by one digit of the key, larger digits first.
HG_DEVICE void sort_pass(const SortScratch& scratch, const uint64_t* source, uint64_t* destination, uint32_t count,
                         uint32_t shift) {
    const uint32_t thread = threadIdx.x, wave = thread / wave_size(), waves = blockDim.x / wave_size();
    scratch.next[thread] = 0;
    __syncthreads();
    for (uint32_t i = thread; i < count; i += blockDim.x) {
        atomic_add(&scratch.next[~uint32_t(source[i] >> shift) & (DIGITS - 1)], uint32_t(1));
    }
    __syncthreads();
    const uint32_t with_digit = scratch.next[thread];
    uint64_t total;
    const uint64_t through = block_inclusive_sum(uint64_t(with_digit), scratch.sums, &total);
    scratch.next[thread] = uint32_t(through) - with_digit;
    for (uint32_t base = 0; base < count; base += blockDim.x) {
        const bool exists = base + thread < count;
        const uint64_t composite = exists ? source[base + thread] : 0;
        const uint32_t digit = ~uint32_t(composite >> shift) & (DIGITS - 1);
        // The lanes of this wave with the same digit.
        uint64_t peers = wave_ballot(exists);
        for (uint32_t bit = 0; bit < DIGIT_BITS; bit++) {
            const uint64_t set = wave_ballot(digit >> bit & 1);
            peers &= digit >> bit & 1 ? set : ~set;
        }
        const uint32_t rank = popcount64(peers & ((uint64_t(1) << lane_index()) - 1));
        for (uint32_t w = 0; w < waves; w++) scratch.wave_digits[w * DIGITS + thread] = 0;
        __syncthreads();
        if (exists && rank == 0) scratch.wave_digits[wave * DIGITS + digit] = popcount64(peers);
        __syncthreads();
        uint32_t place = scratch.next[thread];
        for (uint32_t w = 0; w < waves; w++) {
            const uint32_t here = scratch.wave_digits[w * DIGITS + thread];
            scratch.wave_digits[w * DIGITS + thread] = place;
            place += here;
        }
        scratch.next[thread] = place;
        __syncthreads();
        if (exists) destination[scratch.wave_digits[wave * DIGITS + digit] + rank] = composite;
        __syncthreads();
    }
}

// Grid: rows. Sorts each row's survivors, which are in index order, and writes the outputs. An even number of
// passes ends where it began, in `survivors`.
template <typename T>
HG_DEVICE void sort_row(const SortScratch& scratch, const T* logits, uint64_t row_stride, uint32_t columns, uint32_t k,
                        uint64_t* survivors, uint64_t* other, const TopKOutput<T>& output) {
    const LogitRow<T> row = logit_row(logits, row_stride, columns, blockIdx.x);
    uint64_t* source = survivors + uint64_t(blockIdx.x) * k;
    uint64_t* destination = other + uint64_t(blockIdx.x) * k;
    for (uint32_t shift = 64 - LogitTraits<T>::BITS; shift < 64; shift += DIGIT_BITS) {
        sort_pass(scratch, source, destination, k, shift);
        uint64_t* swapped = source;
        source = destination;
        destination = swapped;
    }
    for (uint32_t i = threadIdx.x; i < k; i += blockDim.x) {
        store_element(output, row, blockIdx.x, i, composite_index(source[i]));
    }
}

HG_KERNEL(top_k_clear, DESCENT_THREADS, (uint32_t splits, uint64_t* histograms)) {
    clear_part({0, 0, splits, histograms, nullptr, nullptr});
}
HG_KERNEL(top_k_row_f32, SELECT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t k, float* values, uint32_t* indices,
           uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint32_t, count, 1);
    top_k_row<float>(entries, count, logits, row_stride, columns, k, {values, indices, value_stride, index_stride});
}
HG_KERNEL(top_k_part_f32, SELECT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* parts)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint32_t, count, 1);
    top_k_part<float>(entries, count, logits, row_stride, columns, k, splits, parts);
}
HG_KERNEL(top_k_merge_f32, SELECT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits,
           const uint64_t* parts, float* values, uint32_t* indices, uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint32_t, count, 1);
    top_k_merge<float>(entries, count, logits, row_stride, columns, k, splits, parts,
                     {values, indices, value_stride, index_stride});
}
HG_KERNEL(top_k_row_f16, SELECT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, f16* values, uint32_t* indices,
           uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint32_t, count, 1);
    top_k_row<f16>(entries, count, logits, row_stride, columns, k, {values, indices, value_stride, index_stride});
}
HG_KERNEL(top_k_part_f16, SELECT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* parts)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint32_t, count, 1);
    top_k_part<f16>(entries, count, logits, row_stride, columns, k, splits, parts);
}
HG_KERNEL(top_k_merge_f16, SELECT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits,
           const uint64_t* parts, f16* values, uint32_t* indices, uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint32_t, count, 1);
    top_k_merge<f16>(entries, count, logits, row_stride, columns, k, splits, parts,
                     {values, indices, value_stride, index_stride});
}
HG_KERNEL(top_k_row_bf16, SELECT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, bf16* values, uint32_t* indices,
           uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint32_t, count, 1);
    top_k_row<bf16>(entries, count, logits, row_stride, columns, k, {values, indices, value_stride, index_stride});
}
HG_KERNEL(top_k_part_bf16, SELECT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* parts)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint32_t, count, 1);
    top_k_part<bf16>(entries, count, logits, row_stride, columns, k, splits, parts);
}
HG_KERNEL(top_k_merge_bf16, SELECT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits,
           const uint64_t* parts, bf16* values, uint32_t* indices, uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint32_t, count, 1);
    top_k_merge<bf16>(entries, count, logits, row_stride, columns, k, splits, parts,
                     {values, indices, value_stride, index_stride});
}
HG_KERNEL(top_k_descend_f32, DESCENT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* histograms,
           DescentState* states, KeptPart* kept, uint32_t level)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(uint32_t, counts, DIGITS);
    descend_part<float>(counts, {sums, state}, logits, row_stride, {columns, k, splits, histograms, states, kept}, level);
}
HG_KERNEL(top_k_count_f32, DESCENT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* histograms,
           DescentState* states, KeptPart* kept)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    count_part<float>({sums, state}, logits, row_stride, {columns, k, splits, histograms, states, kept});
}
HG_KERNEL(top_k_compact_f32, DESCENT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* histograms,
           DescentState* states, KeptPart* kept, uint64_t* survivors)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(PartPlace, place, 1);
    compact_part<float>(sums, place, logits, row_stride, {columns, k, splits, histograms, states, kept}, survivors);
}
HG_KERNEL(top_k_sort_f32, DESCENT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint64_t* survivors, uint64_t* other,
           float* values, uint32_t* indices, uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, next, DIGITS);
    HG_SHARED(uint32_t, wave_digits, SORT_WAVES * DIGITS);
    sort_row<float>({sums, next, wave_digits}, logits, row_stride, columns, k, survivors, other,
                  {values, indices, value_stride, index_stride});
}
HG_KERNEL(top_k_descend_f16, DESCENT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* histograms,
           DescentState* states, KeptPart* kept, uint32_t level)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(uint32_t, counts, DIGITS);
    descend_part<f16>(counts, {sums, state}, logits, row_stride, {columns, k, splits, histograms, states, kept}, level);
}
HG_KERNEL(top_k_count_f16, DESCENT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* histograms,
           DescentState* states, KeptPart* kept)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    count_part<f16>({sums, state}, logits, row_stride, {columns, k, splits, histograms, states, kept});
}
HG_KERNEL(top_k_compact_f16, DESCENT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* histograms,
           DescentState* states, KeptPart* kept, uint64_t* survivors)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(PartPlace, place, 1);
    compact_part<f16>(sums, place, logits, row_stride, {columns, k, splits, histograms, states, kept}, survivors);
}
HG_KERNEL(top_k_sort_f16, DESCENT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint64_t* survivors, uint64_t* other,
           f16* values, uint32_t* indices, uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, next, DIGITS);
    HG_SHARED(uint32_t, wave_digits, SORT_WAVES * DIGITS);
    sort_row<f16>({sums, next, wave_digits}, logits, row_stride, columns, k, survivors, other,
                  {values, indices, value_stride, index_stride});
}
HG_KERNEL(top_k_descend_bf16, DESCENT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* histograms,
           DescentState* states, KeptPart* kept, uint32_t level)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(uint32_t, counts, DIGITS);
    descend_part<bf16>(counts, {sums, state}, logits, row_stride, {columns, k, splits, histograms, states, kept}, level);
}
HG_KERNEL(top_k_count_bf16, DESCENT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* histograms,
           DescentState* states, KeptPart* kept)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    count_part<bf16>({sums, state}, logits, row_stride, {columns, k, splits, histograms, states, kept});
}
HG_KERNEL(top_k_compact_bf16, DESCENT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* histograms,
           DescentState* states, KeptPart* kept, uint64_t* survivors)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(PartPlace, place, 1);
    compact_part<bf16>(sums, place, logits, row_stride, {columns, k, splits, histograms, states, kept}, survivors);
}
HG_KERNEL(top_k_sort_bf16, DESCENT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint64_t* survivors, uint64_t* other,
           bf16* values, uint32_t* indices, uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, next, DIGITS);
    HG_SHARED(uint32_t, wave_digits, SORT_WAVES * DIGITS);
    sort_row<bf16>({sums, next, wave_digits}, logits, row_stride, columns, k, survivors, other,
                  {values, indices, value_stride, index_stride});
}

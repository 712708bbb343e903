// top_k_sampling, top_p_sampling and fused_sampler: from logits to a token. Temperature, top-k, softmax over what
// is left, top-p, min-p, and a draw by the inverse CDF in index order (DESIGN.md, section 6).
//
// k = 1: best_logit.hip.
// 1 < k <= 1,024: one read of the row finds the best k (candidates.h); filters and the draw follow in shared
// memory (sampling.h). Few rows: several blocks a row, merged by a second launch.
// Any other k: `scan` finds the row's best logit; `descend`, one launch per eight bits of key, bounds the kept set
// by count, by mass, or both (radix_descent.h); `sum` adds up each part's kept mass; `draw` finds the token in the
// one part that holds it. Without k and p nothing needs bounding: scan, sum, draw.
//
// Bytes: reads rows * columns * size once with k <= 1,024; else that times 3 + the levels of the descent (4 per
// filter for f32, 2 for f16 and bf16), the last of them partly. Writes 16 bytes a row.
#include "kept_set.h"
#include "sampling.h"

// What the general path knows of one part of a row after the first read.
struct ScanPart {
    uint32_t best_key, finite_count, flags, reserved;
};

static_assert(sizeof(ScanPart) == 16, "src/sampler/sampler_plan.rs reserves 16 bytes a part");

// The general path's memory of one launch; the same arguments for every kernel of it.
struct GeneralPath {
    uint32_t splits;
    ScanPart* scans;
    uint64_t* histograms;
    DescentState* states;
    KeptPart* kept;
};

// Shared memory of the general path.
struct GeneralScratch {
    uint64_t* sums;
    DescentState* state;
    PartPlace* place;
};

// Grid: rows.
template <typename T>
HG_DEVICE void sample_row(uint64_t* entries, uint32_t* count, const SamplingScratch& scratch, const T* logits,
                          uint64_t row_stride, uint32_t columns, uint32_t k, const SamplingParameters& sampling,
                          const SamplerOutput& output) {
    begin_overlapped();
    const LogitRow<T> row = logit_row(logits, row_stride, columns, blockIdx.x);
    Candidates candidates = empty_candidates(entries, count, k);
    const uint32_t flags = offer_logits<T, true>(candidates, row, split_range(row, 1, 0));
    sample_candidates<T>(candidates, sampling, blockIdx.x, combine_flags(flags, scratch.sums), output, scratch);
}

// Grid: rows * splits. Writes k composites and the flags of each part.
template <typename T>
HG_DEVICE void sample_part(uint64_t* entries, uint32_t* count, const SamplingScratch& scratch, const T* logits,
                           uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* parts,
                           uint32_t* part_flags) {
    begin_overlapped();
    const LogitRow<T> row = logit_row(logits, row_stride, columns, blockIdx.x / splits);
    Candidates candidates = empty_candidates(entries, count, k);
    const uint32_t mine = offer_logits<T, true>(candidates, row, split_range(row, splits, blockIdx.x % splits));
    const uint32_t flags = combine_flags(mine, scratch.sums);
    if (threadIdx.x == 0) part_flags[blockIdx.x] = flags;
    store_candidates(candidates, parts + uint64_t(blockIdx.x) * k);
}

// Grid: rows.
template <typename T>
HG_DEVICE void sample_merge(uint64_t* entries, uint32_t* count, const SamplingScratch& scratch, uint32_t k,
                            uint32_t splits, const uint64_t* parts, const uint32_t* part_flags,
                            const SamplingParameters& sampling, const SamplerOutput& output) {
    begin_overlapped();
    Candidates candidates = empty_candidates(entries, count, k);
    offer_lists(candidates, parts + uint64_t(blockIdx.x) * splits * k, splits);
    uint32_t flags = 0;
    if (threadIdx.x < splits) flags = part_flags[uint64_t(blockIdx.x) * splits + threadIdx.x];
    sample_candidates<T>(candidates, sampling, blockIdx.x, combine_flags(flags, scratch.sums), output, scratch);
}

// Grid: rows * splits. Best finite key, finite count and flags of each part; clears the first histogram.
template <typename T>
HG_DEVICE void scan_part(const GeneralScratch& scratch, const T* logits, uint64_t row_stride, uint32_t columns,
                         const GeneralPath& path) {
    const uint32_t row_index = blockIdx.x / path.splits, split = blockIdx.x % path.splits;
    const LogitRow<T> row = logit_row(logits, row_stride, columns, row_index);
    const GroupRange range = split_range(row, path.splits, split);
    uint32_t best = 0, finite = 0, flags = 0;
    for (uint32_t base = range.begin; base < range.end; base += round_groups<T>()) {
        visit_round(row, range, base, [&](const LogitGroup<T>& group) {
            HG_UNROLL
            for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
                const uint32_t key = group.key[j];
                if (!in_row(row, group, j)) continue;
                flags |= key_flags<T>(key);
                if (!is_finite_key<T>(key)) continue;
                finite++;
                best = key > best ? key : best;
            }
        });
    }
    const ScanPart part = {uint32_t(block_maximum(uint64_t(best), scratch.sums)),
                           uint32_t(block_sum(uint64_t(finite), scratch.sums)), combine_flags(flags, scratch.sums), 0};
    if (threadIdx.x == 0) path.scans[blockIdx.x] = part;
    clear_histogram(path.histograms + uint64_t(row_index) * ROW_HISTOGRAM_WORDS, 0, path.splits, split);
}

// The whole row's scan, for all threads.
HG_DEVICE ScanPart combine_scans(const ScanPart* scans, uint32_t splits, uint64_t* sums) {
    ScanPart part = {0, 0, 0, 0};
    if (threadIdx.x < splits) part = scans[threadIdx.x];
    return {uint32_t(block_maximum(uint64_t(part.best_key), sums)),
            uint32_t(block_sum(uint64_t(part.finite_count), sums)), combine_flags(part.flags, sums), 0};
}

template <typename T>
HG_DEVICE MassScale<T> mass_scale(const ScanPart& scan, float inverse_temperature) {
    return {scan.finite_count == 0 ? 0.0f : key_logit<T>(scan.best_key), inverse_temperature};
}

HG_DEVICE DescentState* row_states(const GeneralPath& path, uint32_t row) { return path.states + uint64_t(row) * MOST_STATES; }
HG_DEVICE uint64_t* row_histograms(const GeneralPath& path, uint32_t row) {
    return path.histograms + uint64_t(row) * ROW_HISTOGRAM_WORDS;
}

// Grid: rows * splits. One level of the descent.
template <typename T>
HG_DEVICE void descend_part(const DigitSums& sums, const GeneralScratch& scratch, const T* logits,
                            uint64_t row_stride, uint32_t columns, const GeneralPath& path, const DescentShape& shape,
                            uint32_t level, float inverse_temperature) {
    const uint32_t row_index = blockIdx.x / path.splits, split = blockIdx.x % path.splits;
    const LogitRow<T> row = logit_row(logits, row_stride, columns, row_index);
    const ScanPart scan = combine_scans(path.scans + uint64_t(row_index) * path.splits, path.splits, scratch.sums);
    const MassScale<T> scale = mass_scale<T>(scan, inverse_temperature);
    DescentState* states = row_states(path, row_index);
    uint64_t* histograms = row_histograms(path, row_index);
    const DescentState state = state_before(level, shape, states, histograms, scale, {scratch.sums, scratch.state});
    if (split == 0 && threadIdx.x == 0) states[level] = state;
    clear_histogram(histograms, level + 1, path.splits, split);
    count_digits<T, true>(row, split_range(row, path.splits, split), state.prefix, digit_shift(shape, level), scale,
                          level < shape.count_levels, sums, histograms + level % HISTOGRAMS * HISTOGRAM_WORDS);
}

// Grid: rows * splits. Each part's kept mass, from the boundary that the last level gave.
template <typename T>
HG_DEVICE void sum_kept(const GeneralScratch& scratch, const T* logits, uint64_t row_stride, uint32_t columns,
                        const GeneralPath& path, const DescentShape& shape, const SamplingParameters& sampling) {
    const uint32_t row_index = blockIdx.x / path.splits, split = blockIdx.x % path.splits;
    const uint32_t levels = shape.count_levels + shape.mass_levels;
    const LogitRow<T> row = logit_row(logits, row_stride, columns, row_index);
    const ScanPart scan = combine_scans(path.scans + uint64_t(row_index) * path.splits, path.splits, scratch.sums);
    const MassScale<T> scale = mass_scale<T>(scan, sampling.inverse_temperature);
    DescentState* states = row_states(path, row_index);
    const DescentState state =
        state_before(levels, shape, states, row_histograms(path, row_index), scale, {scratch.sums, scratch.state});
    if (split == 0 && threadIdx.x == 0) states[levels] = state;
    const Boundary boundary = make_boundary(state, sampling.least_scaled, scale);
    const KeptPart part =
        sum_part<T, true>(row, split_range(row, path.splits, split), boundary, scale, scratch.sums);
    if (threadIdx.x == 0) path.kept[blockIdx.x] = part;
}

// Grid: rows * splits. The part that holds the draw writes the token; the part that holds the last kept tie
// writes its index; the first part writes the rest.
template <typename T>
HG_DEVICE void draw_kept(const GeneralScratch& scratch, const T* logits, uint64_t row_stride, uint32_t columns,
                         const GeneralPath& path, const DescentShape& shape, const SamplingParameters& sampling,
                         const SamplerOutput& output) {
    const uint32_t row_index = blockIdx.x / path.splits, split = blockIdx.x % path.splits;
    const LogitRow<T> row = logit_row(logits, row_stride, columns, row_index);
    const ScanPart scan = combine_scans(path.scans + uint64_t(row_index) * path.splits, path.splits, scratch.sums);
    uint32_t* detail = output.detail + uint64_t(row_index) * DETAIL_WORDS;
    if (scan.finite_count == 0) {
        if (split == 0 && threadIdx.x == 0) {
            store_sample(output, row_index, NO_INDEX, scan.flags | FLAG_NO_FINITE_LOGIT, 0, NO_INDEX);
        }
        return;
    }
    const MassScale<T> scale = mass_scale<T>(scan, sampling.inverse_temperature);
    const DescentState state = row_states(path, row_index)[shape.count_levels + shape.mass_levels];
    const Boundary boundary = make_boundary(state, sampling.least_scaled, scale);
    const uint64_t tie_mass = boundary.ties > 0 ? scale.mass(boundary.key) : 0;
    const PartPlace place = place_part(path.kept + uint64_t(row_index) * path.splits, path.splits, split, boundary,
                                       tie_mass, scratch.sums, scratch.place);
    if (split == 0 && threadIdx.x == 0) {
        detail[0] = scan.flags;
        detail[1] = uint32_t(place.total_count);
        if (boundary.ties == 0) detail[2] = composite_index(place.last);
    }
    const uint64_t target = draw_target(sampling, row_index, place.total_mass);
    const bool holds_draw = place.mass_before <= target && target < place.mass_before + place.mass;
    const bool holds_last_tie = place.kept_ties > 0 && place.ties_before + place.kept_ties == boundary.ties;
    if (!holds_draw && !holds_last_tie) return;
    const GroupRange range = split_range(row, path.splits, split);
    uint64_t mass_before = place.mass_before, ties_before = place.ties_before;
    for (uint32_t base = range.begin; base < range.end; base += blockDim.x) {
        const LogitGroup<T> group = load_group(row, base + threadIdx.x, range.end);
        uint32_t ties = 0;
        HG_UNROLL
        for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
            ties += in_row(row, group, j) && boundary.ties > 0 && group.key[j] == boundary.key;
        }
        uint64_t tile_ties, tile_mass;
        uint64_t tie = ties_before + block_inclusive_sum(uint64_t(ties), scratch.sums, &tile_ties) - ties;
        uint64_t mass[Vector16<T>::COUNT];
        uint64_t sum = 0;
        HG_UNROLL
        for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
            const uint32_t key = group.key[j];
            bool kept = in_row(row, group, j) && is_kept_above<T, true>(key, boundary, scale);
            if (in_row(row, group, j) && boundary.ties > 0 && key == boundary.key) {
                tie++;
                kept = tie <= boundary.ties;
                if (tie == boundary.ties) detail[2] = group.index + j;
            }
            mass[j] = kept ? scale.mass(key) : 0;
            sum += mass[j];
        }
        uint64_t through = mass_before + block_inclusive_sum(sum, scratch.sums, &tile_mass) - sum;
        HG_UNROLL
        for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
            through += mass[j];
            if (through > target && through - mass[j] <= target) output.token[row_index] = group.index + j;
        }
        mass_before += tile_mass;
        ties_before += tile_ties;
    }
}

HG_KERNEL(sample_row_f32, SELECT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, words, SAMPLING_WORDS);
    HG_SHARED(uint32_t, count, 1);
    sample_row<float>(entries, count, {sums, words}, logits, row_stride, columns, k,
                   {p, least_scaled, inverse_temperature, stream, step}, {token, detail});
}
HG_KERNEL(sample_part_f32, SELECT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* parts,
           uint32_t* part_flags)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, words, SAMPLING_WORDS);
    HG_SHARED(uint32_t, count, 1);
    sample_part<float>(entries, count, {sums, words}, logits, row_stride, columns, k, splits, parts, part_flags);
}
HG_KERNEL(sample_merge_f32, SELECT_THREADS,
          (uint32_t k, uint32_t splits, const uint64_t* parts, const uint32_t* part_flags, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, words, SAMPLING_WORDS);
    HG_SHARED(uint32_t, count, 1);
    sample_merge<float>(entries, count, {sums, words}, k, splits, parts, part_flags,
                     {p, least_scaled, inverse_temperature, stream, step}, {token, detail});
}
HG_KERNEL(sample_scan_f32, DESCENT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    scan_part<float>({sums, state, place}, logits, row_stride, columns, {splits, scans, histograms, states, kept});
}
HG_KERNEL(sample_descend_f32, DESCENT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept,
           uint32_t count_levels, uint32_t mass_levels, uint32_t k, uint32_t level, uint64_t p, float inverse_temperature)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    HG_SHARED(uint32_t, counts, DIGITS);
    HG_SHARED(uint32_t, pieces, PIECES* DIGITS);
    descend_part<float>({counts, pieces}, {sums, state, place}, logits, row_stride, columns,
                     {splits, scans, histograms, states, kept}, {count_levels, mass_levels, k, p}, level, inverse_temperature);
}
HG_KERNEL(sample_sum_f32, DESCENT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept,
           uint32_t count_levels, uint32_t mass_levels, uint32_t k, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    sum_kept<float>({sums, state, place}, logits, row_stride, columns, {splits, scans, histograms, states, kept},
                 {count_levels, mass_levels, k, p}, {p, least_scaled, inverse_temperature, stream, step});
}
HG_KERNEL(sample_draw_f32, DESCENT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept,
           uint32_t count_levels, uint32_t mass_levels, uint32_t k, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    draw_kept<float>({sums, state, place}, logits, row_stride, columns, {splits, scans, histograms, states, kept},
                  {count_levels, mass_levels, k, p}, {p, least_scaled, inverse_temperature, stream, step}, {token, detail});
}
HG_KERNEL(sample_row_f16, SELECT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, words, SAMPLING_WORDS);
    HG_SHARED(uint32_t, count, 1);
    sample_row<f16>(entries, count, {sums, words}, logits, row_stride, columns, k,
                   {p, least_scaled, inverse_temperature, stream, step}, {token, detail});
}
HG_KERNEL(sample_part_f16, SELECT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* parts,
           uint32_t* part_flags)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, words, SAMPLING_WORDS);
    HG_SHARED(uint32_t, count, 1);
    sample_part<f16>(entries, count, {sums, words}, logits, row_stride, columns, k, splits, parts, part_flags);
}
HG_KERNEL(sample_merge_f16, SELECT_THREADS,
          (uint32_t k, uint32_t splits, const uint64_t* parts, const uint32_t* part_flags, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, words, SAMPLING_WORDS);
    HG_SHARED(uint32_t, count, 1);
    sample_merge<f16>(entries, count, {sums, words}, k, splits, parts, part_flags,
                     {p, least_scaled, inverse_temperature, stream, step}, {token, detail});
}
HG_KERNEL(sample_scan_f16, DESCENT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    scan_part<f16>({sums, state, place}, logits, row_stride, columns, {splits, scans, histograms, states, kept});
}
HG_KERNEL(sample_descend_f16, DESCENT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept,
           uint32_t count_levels, uint32_t mass_levels, uint32_t k, uint32_t level, uint64_t p, float inverse_temperature)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    HG_SHARED(uint32_t, counts, DIGITS);
    HG_SHARED(uint32_t, pieces, PIECES* DIGITS);
    descend_part<f16>({counts, pieces}, {sums, state, place}, logits, row_stride, columns,
                     {splits, scans, histograms, states, kept}, {count_levels, mass_levels, k, p}, level, inverse_temperature);
}
HG_KERNEL(sample_sum_f16, DESCENT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept,
           uint32_t count_levels, uint32_t mass_levels, uint32_t k, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    sum_kept<f16>({sums, state, place}, logits, row_stride, columns, {splits, scans, histograms, states, kept},
                 {count_levels, mass_levels, k, p}, {p, least_scaled, inverse_temperature, stream, step});
}
HG_KERNEL(sample_draw_f16, DESCENT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept,
           uint32_t count_levels, uint32_t mass_levels, uint32_t k, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    draw_kept<f16>({sums, state, place}, logits, row_stride, columns, {splits, scans, histograms, states, kept},
                  {count_levels, mass_levels, k, p}, {p, least_scaled, inverse_temperature, stream, step}, {token, detail});
}
HG_KERNEL(sample_row_bf16, SELECT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, words, SAMPLING_WORDS);
    HG_SHARED(uint32_t, count, 1);
    sample_row<bf16>(entries, count, {sums, words}, logits, row_stride, columns, k,
                   {p, least_scaled, inverse_temperature, stream, step}, {token, detail});
}
HG_KERNEL(sample_part_bf16, SELECT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t k, uint32_t splits, uint64_t* parts,
           uint32_t* part_flags)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, words, SAMPLING_WORDS);
    HG_SHARED(uint32_t, count, 1);
    sample_part<bf16>(entries, count, {sums, words}, logits, row_stride, columns, k, splits, parts, part_flags);
}
HG_KERNEL(sample_merge_bf16, SELECT_THREADS,
          (uint32_t k, uint32_t splits, const uint64_t* parts, const uint32_t* part_flags, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, entries, CANDIDATE_WORDS);
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, words, SAMPLING_WORDS);
    HG_SHARED(uint32_t, count, 1);
    sample_merge<bf16>(entries, count, {sums, words}, k, splits, parts, part_flags,
                     {p, least_scaled, inverse_temperature, stream, step}, {token, detail});
}
HG_KERNEL(sample_scan_bf16, DESCENT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    scan_part<bf16>({sums, state, place}, logits, row_stride, columns, {splits, scans, histograms, states, kept});
}
HG_KERNEL(sample_descend_bf16, DESCENT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept,
           uint32_t count_levels, uint32_t mass_levels, uint32_t k, uint32_t level, uint64_t p, float inverse_temperature)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    HG_SHARED(uint32_t, counts, DIGITS);
    HG_SHARED(uint32_t, pieces, PIECES* DIGITS);
    descend_part<bf16>({counts, pieces}, {sums, state, place}, logits, row_stride, columns,
                     {splits, scans, histograms, states, kept}, {count_levels, mass_levels, k, p}, level, inverse_temperature);
}
HG_KERNEL(sample_sum_bf16, DESCENT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept,
           uint32_t count_levels, uint32_t mass_levels, uint32_t k, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    sum_kept<bf16>({sums, state, place}, logits, row_stride, columns, {splits, scans, histograms, states, kept},
                 {count_levels, mass_levels, k, p}, {p, least_scaled, inverse_temperature, stream, step});
}
HG_KERNEL(sample_draw_bf16, DESCENT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, ScanPart* scans, uint64_t* histograms, DescentState* states, KeptPart* kept,
           uint32_t count_levels, uint32_t mass_levels, uint32_t k, uint64_t p, float least_scaled, float inverse_temperature,
           uint64_t stream, uint64_t step, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(DescentState, state, 1);
    HG_SHARED(PartPlace, place, 1);
    draw_kept<bf16>({sums, state, place}, logits, row_stride, columns, {splits, scans, histograms, states, kept},
                  {count_levels, mass_levels, k, p}, {p, least_scaled, inverse_temperature, stream, step}, {token, detail});
}

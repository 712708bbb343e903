// The best logit of each row: top_k with k = 1, and samplers that keep one token, which is all that greedy decoding needs.
//
// One launch, a row in parts if there are few. The last block of a row takes up what the others left (last_block.h).
// Bytes: reads rows * columns * size once; writes 16 bytes a row, or size + 4.
#include "last_block.h"
#include "sampling.h"

// The best element of a part of a row, or the best finite one, for all threads; adds this thread's share of the flags.
template <typename T, bool FINITE_ONLY>
HG_DEVICE uint64_t best_logit(const LogitRow<T>& row, GroupRange range, uint32_t& flags, uint64_t* sums) {
    uint32_t best_key = 0, best_index = NO_INDEX;
    for (uint32_t base = range.begin; base < range.end; base += round_groups<T>()) {
        visit_round(row, range, base, [&](const LogitGroup<T>& group) {
            HG_UNROLL
            for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
                const uint32_t key = group.key[j];
                const bool exists = in_row(row, group, j), takes_part = !FINITE_ONLY || is_finite_key<T>(key);
                if (FINITE_ONLY && exists) flags |= key_flags<T>(key);
                const bool better = exists && takes_part && (key > best_key || best_index == NO_INDEX);
                best_key = better ? key : best_key;
                best_index = better ? group.index + j : best_index;
            }
        });
    }
    return block_maximum(best_index == NO_INDEX ? 0 : make_composite(best_key, best_index), sums);
}

// Grid: rows * splits.
template <typename T>
HG_DEVICE void top_k_best(uint64_t* sums, uint32_t* word, const T* logits, uint64_t row_stride, uint32_t columns,
                          uint32_t splits, uint64_t* parts, uint32_t* counters, T* values, uint32_t* indices,
                          uint64_t value_stride, uint64_t index_stride) {
    begin_overlapped();
    const uint32_t row_index = blockIdx.x / splits, split = blockIdx.x % splits;
    const LogitRow<T> row = logit_row(logits, row_stride, columns, row_index);
    uint32_t flags = 0;
    uint64_t best = best_logit<T, false>(row, split_range(row, splits, split), flags, sums);
    if (splits > 1) {
        if (threadIdx.x == 0) parts[blockIdx.x] = best;
        if (!is_last_block(counters + row_index, splits, word)) return;
        best = block_maximum(threadIdx.x < splits ? parts[row_index * splits + threadIdx.x] : 0, sums);
    }
    if (threadIdx.x != 0) return;
    // The value is copied, not rebuilt from its key: -0 and NaN payloads survive.
    values[row_index * value_stride] = row.logits[composite_index(best)];
    indices[row_index * index_stride] = composite_index(best);
}

// Grid: rows * splits.
template <typename T>
HG_DEVICE void sample_best(uint64_t* sums, uint32_t* word, const T* logits, uint64_t row_stride, uint32_t columns,
                           uint32_t splits, uint64_t* parts, uint32_t* part_flags, uint32_t* counters,
                           const SamplerOutput& output) {
    begin_overlapped();
    const uint32_t row_index = blockIdx.x / splits, split = blockIdx.x % splits;
    const LogitRow<T> row = logit_row(logits, row_stride, columns, row_index);
    uint32_t mine = 0;
    uint64_t best = best_logit<T, true>(row, split_range(row, splits, split), mine, sums);
    uint32_t flags = combine_flags(mine, sums);
    if (splits > 1) {
        if (threadIdx.x == 0) {
            parts[blockIdx.x] = best;
            part_flags[blockIdx.x] = flags;
        }
        if (!is_last_block(counters + row_index, splits, word)) return;
        const uint32_t part = row_index * splits + threadIdx.x;
        const bool exists = threadIdx.x < splits;
        best = block_maximum(exists ? parts[part] : 0, sums);
        flags = combine_flags(exists ? part_flags[part] : 0, sums);
    }
    if (threadIdx.x != 0) return;
    if (best == 0) {
        store_sample(output, row_index, NO_INDEX, flags | FLAG_NO_FINITE_LOGIT, 0, NO_INDEX);
    } else {
        store_sample(output, row_index, composite_index(best), flags, 1, composite_index(best));
    }
}

HG_KERNEL(sample_best_f32, SELECT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, uint64_t* parts, uint32_t* part_flags,
           uint32_t* counters, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, word, 1);
    sample_best<float>(sums, word, logits, row_stride, columns, splits, parts, part_flags, counters, {token, detail});
}
HG_KERNEL(sample_best_f16, SELECT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, uint64_t* parts, uint32_t* part_flags,
           uint32_t* counters, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, word, 1);
    sample_best<f16>(sums, word, logits, row_stride, columns, splits, parts, part_flags, counters, {token, detail});
}
HG_KERNEL(sample_best_bf16, SELECT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, uint64_t* parts, uint32_t* part_flags,
           uint32_t* counters, uint32_t* token, uint32_t* detail)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, word, 1);
    sample_best<bf16>(sums, word, logits, row_stride, columns, splits, parts, part_flags, counters, {token, detail});
}
HG_KERNEL(top_k_best_f32, SELECT_THREADS,
          (const float* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, uint64_t* parts, uint32_t* counters,
           float* values, uint32_t* indices, uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, word, 1);
    top_k_best<float>(sums, word, logits, row_stride, columns, splits, parts, counters, values,
                    indices, value_stride, index_stride);
}
HG_KERNEL(top_k_best_f16, SELECT_THREADS,
          (const f16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, uint64_t* parts, uint32_t* counters,
           f16* values, uint32_t* indices, uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, word, 1);
    top_k_best<f16>(sums, word, logits, row_stride, columns, splits, parts, counters, values,
                    indices, value_stride, index_stride);
}
HG_KERNEL(top_k_best_bf16, SELECT_THREADS,
          (const bf16* logits, uint64_t row_stride, uint32_t columns, uint32_t splits, uint64_t* parts, uint32_t* counters,
           bf16* values, uint32_t* indices, uint64_t value_stride, uint64_t index_stride)) {
    HG_SHARED(uint64_t, sums, BLOCK_SCAN_SCRATCH);
    HG_SHARED(uint32_t, word, 1);
    top_k_best<bf16>(sums, word, logits, row_stride, columns, splits, parts, counters, values,
                    indices, value_stride, index_stride);
}

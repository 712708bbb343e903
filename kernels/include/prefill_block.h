// How a block computes causal attention of a prompt's tokens on matrix cores; attention_prefill_fragments.hip says what and why.
//
// A file that defines HG_SHORT_PROMPT first of all has it for short prompts: waves of 16 rows everywhere, and one copy of the code
// for both passes. Half of the time of 32 tokens went into waiting for instructions: a wave comes by each of them once, and the long
// kernel for heads of 128 has 127 KB of them on sm_90.
#pragma once

#include "prefill_fragments.h"
#include "shared_copy.h"

struct PrefillShape {
    uint32_t rows, heads, kv_heads, head_dim, past;
    uint64_t capacity;
    float scale;
    int64_t q_stride, k_stride, v_stride, y_stride;
};

// Rows of a matrix, zero beyond `rows` and beyond the head's columns. All threads of the block; no barrier.
template <uint32_t HEAD_DIM, uint32_t ROWS, typename T>
HG_DEVICE void start_rows(const T* matrix, int64_t stride, uint32_t rows, uint32_t head_dim, T* stage) {
    constexpr uint32_t PER_ROW = HEAD_DIM / VECTOR;
    const uint32_t threads = PREFILL_WAVES * fragment_lanes();
    const uint32_t first = threadIdx.x / PER_ROW, column = threadIdx.x % PER_ROW * VECTOR;
    const uint32_t step = threads / PER_ROW;
    T* const place = stage + first * PrefillTile<HEAD_DIM>::STRIDE + column;
    const T* source = matrix + int64_t(first) * stride + column;
    if (misalignment(matrix) == 0 && stride % VECTOR == 0) {
        const SharedPlace<T> shared(place);
        HG_UNROLL
        for (uint32_t i = 0; i < ROWS / step; i++) {
            const bool wanted = first + i * step < rows && column < head_dim;
            start_copy(shared, i * step * PrefillTile<HEAD_DIM>::STRIDE, source, wanted);
            source += step * stride;
        }
    } else {
        HG_NO_UNROLL
        for (uint32_t i = 0; i < ROWS / step; i++) {
            const bool wanted = first + i * step < rows && column < head_dim;
            copy_elements(place + i * step * PrefillTile<HEAD_DIM>::STRIDE, source, wanted);
            source += step * stride;
        }
    }
}

// Once this thread's values of a tile are there: takes infinities and NaN out of the vectors that start_rows gave it.
template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void take_out_extreme_values(const BlockKeys<T>& block) {
    constexpr uint32_t PER_ROW = HEAD_DIM / VECTOR, STRIDE = PrefillTile<HEAD_DIM>::STRIDE;
    const uint32_t step = PREFILL_WAVES * fragment_lanes() / PER_ROW;
    T* const place = block.value_stage + threadIdx.x / PER_ROW * STRIDE + threadIdx.x % PER_ROW * VECTOR;
    HG_NO_UNROLL
    for (uint32_t i = 0; i < PrefillTile<HEAD_DIM>::KEYS / step; i++) {
        Vector16<T> vector = load_vector(place + i * step * STRIDE);
        if (take_out_extremes(vector)) store_vector(place + i * step * STRIDE, vector);
    }
}

template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void stage_values(const PrefillShape& shape, const BlockKeys<T>& block, uint32_t first_key, uint32_t keys) {
    start_rows<HEAD_DIM, PrefillTile<HEAD_DIM>::KEYS>(block.values + first_key * shape.v_stride, shape.v_stride, keys,
                                                      shape.head_dim, block.value_stage);
}

// Once the tile's keys are there: copies its values over the last ones.
template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void start_values(const PrefillShape& shape, const BlockKeys<T>& block, uint32_t first_key, uint32_t keys) {
    finish_copies();
    __syncthreads();
    stage_values<HEAD_DIM>(shape, block, first_key, keys);
}

template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void start_keys(const PrefillShape& shape, const BlockKeys<T>& block, uint32_t first_key) {
    if (first_key >= block.end) return;
    start_rows<HEAD_DIM, PrefillTile<HEAD_DIM>::KEYS>(block.keys + first_key * shape.k_stride, shape.k_stride,
                                                      block.end - first_key, shape.head_dim, block.key_stage);
}

// A tile that all rows see. Its keys are on their way to shared memory, and the next ones when it returns. Called by the
// whole block, like the next function.
template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void attend_tile(const WaveQueries<HEAD_DIM, T>& queries, const PrefillShape& shape, const BlockKeys<T>& block,
                           uint32_t first_key, float scale, PrefillRows<HEAD_DIM>& rows) {
    constexpr uint32_t PARTS = PrefillTile<HEAD_DIM>::PARTS, KEYS = PrefillTile<HEAD_DIM>::KEYS;
    start_values<HEAD_DIM>(shape, block, first_key, KEYS);
    const SeenKeys all = {};
    TileScores<PARTS> scores;
    RoundedWeights<PARTS> weights;
    if (block.last_sees > 0) {
        tile_scores<HEAD_DIM, true>(queries, block.key_place, 0, all, scores);
        HG_UNROLL
        for (uint32_t of = 0; of < ROW_FRAGMENTS; of++) {
            tile_weights<HEAD_DIM, true>(scores, of, scale, weight_exponent(T{}), all, rows);
        }
        // At once, which leaves half of the registers.
        HG_UNROLL
        for (uint32_t part = 0; part < PARTS; part++) round_weights<T>(scores, part, weights, rows);
    }
    finish_copies();
    __syncthreads();
    start_keys<HEAD_DIM>(shape, block, first_key + KEYS);
    if (block.last_sees > 0) tile_outputs<HEAD_DIM, true>(scores, weights, block, 0, rows);
}

// What a wave computes of keys from `first_key` on.
template <typename T>
HG_DEVICE SeenKeys seen_keys(const BlockKeys<T>& block, uint32_t first_key, uint32_t most) {
    SeenKeys seen;
    const uint32_t left = block.end > first_key ? block.end - first_key : 0, keys = left < most ? left : most;
    const uint32_t last = block.last_sees > first_key ? block.last_sees - first_key : 0;
    seen.parts = ((last < keys ? last : keys) + FRAGMENT_EDGE - 1) / FRAGMENT_EDGE;
    HG_UNROLL
    for (uint32_t of = 0; of < ROW_FRAGMENTS; of++) {
        HG_UNROLL
        for (uint32_t slot = 0; slot < row_slots(); slot++) {
            const uint32_t sees = block.first_sees + of * FRAGMENT_EDGE + slot_row(slot);
            const uint32_t here = sees > first_key ? sees - first_key : 0;
            seen.from_column[of][slot] = int32_t(here < keys ? here : keys) - int32_t(element_column(0));
        }
    }
    return seen;
}

// A tile that not all rows see, or that is not whole: 32 keys at a time.
template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void attend_masked_tile(const WaveQueries<HEAD_DIM, T>& queries, const PrefillShape& shape,
                                  const BlockKeys<T>& block, uint32_t first_key, float scale, bool careful,
                                  PrefillRows<HEAD_DIM>& rows) {
    constexpr uint32_t PARTS = PrefillTile<HEAD_DIM>::MASKED_PARTS, STEP = PARTS * FRAGMENT_EDGE;
    constexpr uint32_t KEYS = PrefillTile<HEAD_DIM>::KEYS;
    start_values<HEAD_DIM>(shape, block, first_key, block.end - first_key);
    HG_NO_UNROLL
    for (uint32_t first = 0; first < KEYS; first += STEP) {
        const SeenKeys seen = seen_keys(block, first_key + first, STEP);
        TileScores<PARTS> scores;
        RoundedWeights<PARTS> weights;
        if (seen.parts > 0) {
            tile_scores<HEAD_DIM, false>(queries, block.key_place, first, seen, scores);
            HG_UNROLL
            for (uint32_t of = 0; of < ROW_FRAGMENTS; of++) {
                tile_weights<HEAD_DIM, false>(scores, of, scale, weight_exponent(T{}), seen, rows);
            }
        }
        if (first == 0) {
            finish_copies();
            if (careful) take_out_extreme_values<HEAD_DIM>(block);
            __syncthreads();
        }
        if (seen.parts > 0) tile_outputs<HEAD_DIM, false>(scores, weights, block, first, rows);
        if (!careful) continue;
        // The values as they are take the place of those without extremes, for as long as it takes.
        __syncthreads();
        stage_values<HEAD_DIM>(shape, block, first_key, block.end - first_key);
        finish_copies();
        __syncthreads();
        HG_UNROLL
        for (uint32_t of = 0; of < ROW_FRAGMENTS && seen.parts > 0; of++) {
            add_extremes(scores, of, block.value_stage + first * PrefillTile<HEAD_DIM>::STRIDE, seen, rows);
        }
        __syncthreads();
        take_out_extreme_values<HEAD_DIM>(block);
        __syncthreads();
    }
    __syncthreads();
    start_keys<HEAD_DIM>(shape, block, first_key + KEYS);
}

// One pass over all keys of a block, from rows that hold nothing.
template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void attend(const WaveQueries<HEAD_DIM, T>& queries, const PrefillShape& shape, const BlockKeys<T>& block,
                      uint32_t first_row, bool careful, PrefillRows<HEAD_DIM>& rows) {
    constexpr uint32_t KEYS = PrefillTile<HEAD_DIM>::KEYS;
    HG_UNROLL
    for (uint32_t of = 0; of < ROW_FRAGMENTS; of++) {
        HG_UNROLL
        for (uint32_t slot = 0; slot < MOST_SLOTS; slot++) {
            rows.base[of][slot] = negative_infinity();
            rows.sum[of][slot] = 0.0f;
        }
        HG_UNROLL
        for (uint32_t column = 0; column < HEAD_DIM / FRAGMENT_EDGE; column++) rows.output[of][column] = zero_accumulator();
    }
    start_keys<HEAD_DIM>(shape, block, 0);
    // log2(e).
    const float scale = shape.scale * 1.44269504f;
    // Whole tiles that all rows see, then the others.
    uint32_t first_key = 0;
    for (; first_key + KEYS <= shape.past + first_row + 1; first_key += KEYS) {
        attend_tile<HEAD_DIM>(queries, shape, block, first_key, scale, rows);
    }
    for (; first_key < block.end; first_key += KEYS) {
        attend_masked_tile<HEAD_DIM>(queries, shape, block, first_key, scale, careful, rows);
    }
}

// Divides by the sums, and writes what a block has: through shared memory, so that whole vectors are written.
template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void write_rows(const PrefillRows<HEAD_DIM>& rows, uint32_t block_rows, const PrefillShape& shape, T* stage,
                          T* output) {
    constexpr uint32_t STRIDE = PrefillTile<HEAD_DIM>::STRIDE;
    const uint32_t wave_row = threadIdx.x / fragment_lanes() * WAVE_ROWS;
    __syncthreads();
    HG_UNROLL
    for (uint32_t of = 0; of < ROW_FRAGMENTS; of++) {
        float inverse[MOST_SLOTS];
        HG_UNROLL
        for (uint32_t slot = 0; slot < row_slots(); slot++) {
            inverse[slot] = divide(1.0f, reduce_row<Sum>(rows.sum[of][slot]));
        }
        HG_UNROLL
        for (uint32_t column = 0; column < HEAD_DIM / FRAGMENT_EDGE; column++) {
            // Elements come in pairs of one row.
            HG_UNROLL
            for (uint32_t i = 0; i < accumulator_elements(); i += 2) {
                const float* pair = rows.output[of][column].value + i;
                const float factor = inverse[element_slot(i)];
                const uint32_t word = pack_rounded(pair[0] * factor, pair[1] * factor, T{});
                T* row = stage + (wave_row + of * FRAGMENT_EDGE + slot_row(element_slot(i))) * STRIDE + column * FRAGMENT_EDGE;
                row[element_column(i)] = storage_from_bits(word & 0xFFFFu, T{});
                row[element_column(i + 1)] = storage_from_bits(word >> 16, T{});
            }
        }
    }
    __syncthreads();
    const uint32_t vectors = shape.head_dim / VECTOR;
    const bool aligned = misalignment(output) == 0 && shape.y_stride % VECTOR == 0;
    for (uint32_t n = threadIdx.x; n < block_rows * vectors; n += PREFILL_WAVES * fragment_lanes()) {
        const uint32_t row = n / vectors, column = n % vectors * VECTOR;
        store_vector_or_elements(output + int64_t(row) * shape.y_stride + column, load_vector(stage + row * STRIDE + column),
                                 aligned);
    }
}

// Sets `found` if any wave holds something that is not finite. Called by the whole block.
template <uint32_t HEAD_DIM>
HG_DEVICE void look_for_extremes(const PrefillRows<HEAD_DIM>& rows, uint32_t* found) {
    if (holds_extremes(rows)) atomic_max(found, 1u);
    __syncthreads();
}

template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void attention_prefill(const T* q, const T* k_cache, const T* v_cache, T* y, const PrefillShape& shape, T* stage,
                                 uint32_t* found) {
    constexpr uint32_t STRIDE = PrefillTile<HEAD_DIM>::STRIDE, KEYS = PrefillTile<HEAD_DIM>::KEYS;
    begin_overlapped();
    // The last rows see the most keys: their blocks start first.
    const uint32_t number = (shape.rows + BLOCK_ROWS - 1) / BLOCK_ROWS - 1 - blockIdx.x / shape.heads;
    const uint32_t head = blockIdx.x % shape.heads, kv_head = head / (shape.heads / shape.kv_heads);
    const uint32_t first_row = number * BLOCK_ROWS, left = shape.rows - first_row;
    const uint32_t block_rows = left < BLOCK_ROWS ? left : BLOCK_ROWS;
    const uint32_t wave_row = threadIdx.x / fragment_lanes() * WAVE_ROWS;
    const int64_t kv_row = int64_t(kv_head) * int64_t(shape.capacity);

    start_rows<HEAD_DIM, BLOCK_ROWS>(q + int64_t(first_row) * shape.q_stride + int64_t(head) * shape.head_dim, shape.q_stride,
                                     block_rows, shape.head_dim, stage);
    WaveQueries<HEAD_DIM, T> queries;
    queries.place = LeftPlace<T>(stage + wave_row * STRIDE, STRIDE);
    if (PrefillTile<HEAD_DIM>::KEEPS_QUERIES) {
        finish_copies();
        __syncthreads();
        queries.keep();
        __syncthreads();
    }
    BlockKeys<T> block;
    block.keys = k_cache + kv_row * shape.k_stride;
    block.values = v_cache + kv_row * shape.v_stride;
    block.key_stage = stage + PrefillTile<HEAD_DIM>::FIRST_KEY;
    block.value_stage = block.key_stage + KEYS * STRIDE;
    block.key_place = RightPlace<T>(block.key_stage, STRIDE);
    block.value_place = TransposedPlace<T>(block.value_stage, STRIDE);
    // Read again behind barriers only.
    if (threadIdx.x == 0) *found = 0;
    block.end = shape.past + first_row + block_rows;
    block.first_sees = shape.past + first_row + wave_row + 1;
    block.last_sees = wave_row < block_rows ? block.first_sees + WAVE_ROWS - 1 : 0;
    PrefillRows<HEAD_DIM> rows;
    if (ONE_COPY_OF_PASS) {
        HG_NO_UNROLL
        for (uint32_t pass = 0; pass == 0 || (pass == 1 && *found != 0); pass++) {
            attend<HEAD_DIM>(queries, shape, block, first_row, pass > 0, rows);
            look_for_extremes(rows, found);
        }
    } else {
        // Two copies of the pass: in a loop it takes up to 30 registers more.
        attend<HEAD_DIM>(queries, shape, block, first_row, false, rows);
        look_for_extremes(rows, found);
        if (*found != 0) attend<HEAD_DIM>(queries, shape, block, first_row, true, rows);
    }
    T* const output = y + int64_t(first_row) * shape.y_stride + int64_t(head) * shape.head_dim;
    write_rows(rows, block_rows, shape, stage, output);
}

#define PREFILL_PARAMETERS(T)                                                                                     \
    (const T* q, const T* k_cache, const T* v_cache, T* y, uint32_t rows, uint32_t heads, uint32_t kv_heads,     \
     uint32_t head_dim, uint32_t past, uint64_t capacity, float scale, int64_t q_stride, int64_t k_stride,       \
     int64_t v_stride, int64_t y_stride)
#define PREFILL_BODY(HEAD_DIM, T)                                                                                   \
    HG_SHARED(uint32_t, found, 1);                                                                                  \
    HG_DYNAMIC_SHARED(Words16, stage);                                                                              \
    attention_prefill<HEAD_DIM>(                                                                                    \
        q, k_cache, v_cache, y,                                                                                     \
        {rows, heads, kv_heads, head_dim, past, capacity, scale, q_stride, k_stride, v_stride, y_stride},           \
        reinterpret_cast<T*>(stage), found)


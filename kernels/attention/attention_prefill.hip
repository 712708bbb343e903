// Causal attention of a prompt's tokens over the cache of their sequence: y = softmax(Q K^T * scale) V, where the token in
// row r, at position past + r, sees positions 0 to past + r. Grouped query heads share a head of keys and values. Of f32, and
// of heads with more than 128 elements: others are attention_prefill_fragments.
//
// Tiles of queries and keys with an online softmax (Dao, "FlashAttention-2: Faster Attention with Better Parallelism and
// Work Partitioning", 2023): scores never leave the block. A block takes 64 rows of one head (32 where a
// head has more than 128 elements, for the sake of registers) and walks over the keys, 64 a step; each thread keeps 4 x 4
// scores and 4 rows x HEAD_DIM / 16 columns of the output in registers. Products are f32 fused multiply-adds from
// shared memory, 64 for 8 reads of 16 bytes.
//
// Bytes per head of n tokens of d elements: reads n * d queries and, for each of the n / 64 blocks, up to past + n keys and
// values, which stay in L2 for the heads of a group; writes n * d. 2 * d * n^2 operations without a past: arithmetic binds.
// Keys that no token of the prompt may see are never read; keys that only some rows of a tile see do not touch the others,
// even if they are NaN.
#include "online_softmax.h"
#include "row_chunk.h"

constexpr uint32_t PREFILL_THREADS = 256;
// Keys of a tile, and the most queries.
constexpr uint32_t TILE = 64;
// Rows and columns of the threads' grid.
constexpr uint32_t GRID = 16;
constexpr uint32_t KEYS_PER_THREAD = TILE / GRID;

template <uint32_t HEAD_DIM>
struct PrefillTile {
    static constexpr uint32_t ROWS_PER_THREAD = HEAD_DIM <= 128 ? 4 : 2, ROWS = GRID * ROWS_PER_THREAD;
};
// Columns of queries and keys that are in shared memory at a time, in fours, and the stride of their rows: 9 fours put
// eight consecutive rows into different banks.
constexpr uint32_t SLICE = 32;
constexpr uint32_t SLICE_FOURS = SLICE / 4;
constexpr uint32_t SLICE_STRIDE = SLICE_FOURS + 1;
constexpr uint32_t WEIGHT_STRIDE = TILE / 4 + 1;
constexpr uint32_t STAGE_FOURS = 2 * TILE * SLICE_STRIDE;
// Weight of a key that a row does not see. Weights that count are not negative, or NaN.
constexpr float UNSEEN = -1.0f;

struct PrefillShape {
    uint32_t rows, heads, kv_heads, head_dim, past;
    uint64_t capacity;
    float scale;
    int64_t q_stride, k_stride, v_stride, y_stride;
};

// Rows and a slice of columns of a matrix, widened, zero outside. All threads of the block; no barrier.
template <typename T>
HG_DEVICE void stage_slice(const T* matrix, int64_t stride, uint32_t rows, uint32_t column, uint32_t columns, Floats4* stage) {
    const uint32_t row = threadIdx.x / (SLICE / CHUNK), part = threadIdx.x % (SLICE / CHUNK) * CHUNK;
    const bool wanted = row < rows && column + part < columns;
    store_floats(stage + row * SLICE_STRIDE + part / 4, load_chunk(matrix + int64_t(row) * stride + column + part, wanted));
}

HG_DEVICE float dot4(const Floats4& a, const Floats4& b, float sum) {
    sum = fused_multiply_add(a.x, b.x, sum);
    sum = fused_multiply_add(a.y, b.y, sum);
    sum = fused_multiply_add(a.z, b.z, sum);
    return fused_multiply_add(a.w, b.w, sum);
}

// Scores of a tile: this thread's rows are ROWS_PER_THREAD * (thread / 16) on, its keys thread % 16 + 16 j.
template <uint32_t ROWS, typename T>
HG_DEVICE void tile_scores(const T* queries, const T* keys, const PrefillShape& shape, uint32_t rows, uint32_t key_rows,
                           Floats4* stage, float (&score)[ROWS][KEYS_PER_THREAD]) {
    const uint32_t row = threadIdx.x / GRID * ROWS, key = threadIdx.x % GRID;
    HG_UNROLL
    for (uint32_t i = 0; i < ROWS; i++) {
        HG_UNROLL
        for (uint32_t j = 0; j < KEYS_PER_THREAD; j++) score[i][j] = 0.0f;
    }
    for (uint32_t column = 0; column < shape.head_dim; column += SLICE) {
        __syncthreads();
        stage_slice(queries, shape.q_stride, rows, column, shape.head_dim, stage);
        stage_slice(keys, shape.k_stride, key_rows, column, shape.head_dim, stage + TILE * SLICE_STRIDE);
        __syncthreads();
        HG_NO_UNROLL
        for (uint32_t four = 0; four < SLICE_FOURS; four++) {
            Floats4 q[ROWS], k[KEYS_PER_THREAD];
            HG_UNROLL
            for (uint32_t i = 0; i < ROWS; i++) q[i] = stage[(row + i) * SLICE_STRIDE + four];
            HG_UNROLL
            for (uint32_t j = 0; j < KEYS_PER_THREAD; j++) k[j] = stage[(TILE + key + j * GRID) * SLICE_STRIDE + four];
            HG_UNROLL
            for (uint32_t i = 0; i < ROWS; i++) {
                HG_UNROLL
                for (uint32_t j = 0; j < KEYS_PER_THREAD; j++) score[i][j] = dot4(q[i], k[j], score[i][j]);
            }
        }
    }
}

// A thread's rows: the largest score and this thread's share of the sum of weights.
template <uint32_t HEAD_DIM>
struct PrefillRows {
    static constexpr uint32_t ROWS = PrefillTile<HEAD_DIM>::ROWS_PER_THREAD;
    float largest[ROWS], sum[ROWS];
    float output[ROWS][HEAD_DIM / GRID];
};

// Turns scores into weights in shared memory, and rescales what the rows hold. Row i of the thread sees `seen[i]` keys of
// this tile.
template <uint32_t HEAD_DIM>
HG_DEVICE void tile_weights(const float (&score)[PrefillRows<HEAD_DIM>::ROWS][KEYS_PER_THREAD], float scale,
                            const uint32_t (&seen)[PrefillRows<HEAD_DIM>::ROWS], PrefillRows<HEAD_DIM>& rows,
                            float* weights) {
    constexpr uint32_t ROWS = PrefillRows<HEAD_DIM>::ROWS;
    const uint32_t row = threadIdx.x / GRID * ROWS, key = threadIdx.x % GRID;
    HG_UNROLL
    for (uint32_t i = 0; i < ROWS; i++) {
        float largest = rows.largest[i];
        HG_UNROLL
        for (uint32_t j = 0; j < KEYS_PER_THREAD; j++) {
            if (key + j * GRID < seen[i]) largest = Maximum::combine(largest, score[i][j] * scale);
        }
        largest = group_reduce<Maximum>(largest, GRID);
        const float base = exponent_base(largest), factor = exp_float(rows.largest[i] - base);
        rows.largest[i] = largest;
        rows.sum[i] *= factor;
        HG_UNROLL
        for (uint32_t column = 0; column < HEAD_DIM / GRID; column++) rows.output[i][column] *= factor;
        HG_UNROLL
        for (uint32_t j = 0; j < KEYS_PER_THREAD; j++) {
            const bool counts = key + j * GRID < seen[i];
            const float weight = exp_float(score[i][j] * scale - base);
            if (counts) rows.sum[i] += weight;
            weights[(row + i) * (4 * WEIGHT_STRIDE) + key + j * GRID] = counts ? weight : UNSEEN;
        }
    }
}

HG_DEVICE void add_weighted(float weight, const Floats4& value, bool all_seen, float* output) {
    const float x = fused_multiply_add(weight, value.x, output[0]), y = fused_multiply_add(weight, value.y, output[1]);
    const float z = fused_multiply_add(weight, value.z, output[2]), w = fused_multiply_add(weight, value.w, output[3]);
    const bool skip = !all_seen && weight < 0.0f;
    output[0] = skip ? output[0] : x;
    output[1] = skip ? output[1] : y;
    output[2] = skip ? output[2] : z;
    output[3] = skip ? output[3] : w;
}

// Adds weights times values. This thread's columns are 4 * (thread % 16) + 64 h.
template <uint32_t HEAD_DIM, bool ALL_SEEN, typename T>
HG_DEVICE void tile_outputs(const T* values, const PrefillShape& shape, uint32_t key_rows, const Floats4* weights,
                            Floats4* stage, PrefillRows<HEAD_DIM>& rows) {
    constexpr uint32_t ROWS = PrefillRows<HEAD_DIM>::ROWS, FOURS = HEAD_DIM / 4, KEYS = STAGE_FOURS / FOURS / 16 * 16;
    constexpr uint32_t CHUNKS = KEYS * HEAD_DIM / CHUNK;
    static_assert(TILE % KEYS == 0 && KEYS > 0, "a tile of keys is staged in whole parts");
    const uint32_t row = threadIdx.x / GRID * ROWS, four = threadIdx.x % GRID;
    for (uint32_t first = 0; first < TILE && first < key_rows; first += KEYS) {
        __syncthreads();
        for (uint32_t n = threadIdx.x; n < CHUNKS; n += PREFILL_THREADS) {
            const uint32_t key = n / (HEAD_DIM / CHUNK), column = n % (HEAD_DIM / CHUNK) * CHUNK;
            const bool wanted = first + key < key_rows && column < shape.head_dim;
            store_floats(stage + key * FOURS + column / 4,
                         load_chunk(values + int64_t(first + key) * shape.v_stride + column, wanted));
        }
        __syncthreads();
        HG_NO_UNROLL
        for (uint32_t key = 0; key < KEYS; key += 4) {
            Floats4 weight[ROWS];
            HG_UNROLL
            for (uint32_t i = 0; i < ROWS; i++) weight[i] = weights[(row + i) * WEIGHT_STRIDE + (first + key) / 4];
            HG_UNROLL
            for (uint32_t part = 0; part < HEAD_DIM / 64; part++) {
                const Floats4* value = stage + key * FOURS + part * GRID + four;
                const Floats4 a = value[0], b = value[FOURS], c = value[2 * FOURS], d = value[3 * FOURS];
                HG_UNROLL
                for (uint32_t i = 0; i < ROWS; i++) {
                    float* output = rows.output[i] + part * 4;
                    add_weighted(weight[i].x, a, ALL_SEEN, output);
                    add_weighted(weight[i].y, b, ALL_SEEN, output);
                    add_weighted(weight[i].z, c, ALL_SEEN, output);
                    add_weighted(weight[i].w, d, ALL_SEEN, output);
                }
            }
        }
    }
}

template <uint32_t HEAD_DIM, typename T>
HG_DEVICE void attention_prefill(const T* q, const T* k_cache, const T* v_cache, T* y, const PrefillShape& shape,
                                 Floats4* stage, Floats4* weights) {
    begin_overlapped();
    constexpr uint32_t ROWS = PrefillRows<HEAD_DIM>::ROWS, TILE_ROWS = PrefillTile<HEAD_DIM>::ROWS;
    // The last rows see the most keys: their blocks start first.
    const uint32_t tile = (shape.rows + TILE_ROWS - 1) / TILE_ROWS - 1 - blockIdx.x / shape.heads;
    const uint32_t head = blockIdx.x % shape.heads, kv_head = head / (shape.heads / shape.kv_heads);
    const uint32_t first_row = tile * TILE_ROWS, left = shape.rows - first_row;
    const uint32_t tile_rows = left < TILE_ROWS ? left : TILE_ROWS;
    const T* queries = q + int64_t(first_row) * shape.q_stride + int64_t(head) * shape.head_dim;
    const int64_t kv_row = int64_t(kv_head) * int64_t(shape.capacity);
    const uint32_t row = threadIdx.x / GRID * ROWS;

    PrefillRows<HEAD_DIM> rows;
    HG_UNROLL
    for (uint32_t i = 0; i < ROWS; i++) {
        rows.largest[i] = negative_infinity();
        rows.sum[i] = 0.0f;
        HG_UNROLL
        for (uint32_t column = 0; column < HEAD_DIM / GRID; column++) rows.output[i][column] = 0.0f;
    }
    const uint32_t end = shape.past + first_row + tile_rows;
    for (uint32_t first_key = 0; first_key < end; first_key += TILE) {
        const uint32_t key_rows = end - first_key < TILE ? end - first_key : TILE;
        uint32_t seen[ROWS];
        HG_UNROLL
        for (uint32_t i = 0; i < ROWS; i++) {
            const uint32_t sees = shape.past + first_row + row + i + 1;
            const uint32_t here = sees > first_key ? sees - first_key : 0;
            seen[i] = here < key_rows ? here : key_rows;
        }
        float score[ROWS][KEYS_PER_THREAD];
        tile_scores<ROWS>(queries, k_cache + (kv_row + first_key) * shape.k_stride, shape, tile_rows, key_rows, stage, score);
        tile_weights(score, shape.scale, seen, rows, reinterpret_cast<float*>(weights));
        const T* values = v_cache + (kv_row + first_key) * shape.v_stride;
        if (first_key + TILE <= shape.past + first_row + 1) {
            tile_outputs<HEAD_DIM, true>(values, shape, key_rows, weights, stage, rows);
        } else {
            tile_outputs<HEAD_DIM, false>(values, shape, key_rows, weights, stage, rows);
        }
    }
    HG_UNROLL
    for (uint32_t i = 0; i < ROWS; i++) {
        const float sum = group_reduce<Sum>(rows.sum[i], GRID);
        T* destination = y + int64_t(first_row + row + i) * shape.y_stride + int64_t(head) * shape.head_dim;
        HG_UNROLL
        for (uint32_t n = 0; n < HEAD_DIM / GRID; n++) {
            const uint32_t column = n / 4 * 64 + threadIdx.x % GRID * 4 + n % 4;
            if (row + i < tile_rows && column < shape.head_dim) {
                destination[column] = from_float<T>(divide(rows.output[i][n], sum));
            }
        }
    }
}

#define PREFILL_PARAMETERS(T)                                                                                     \
    (const T* q, const T* k_cache, const T* v_cache, T* y, uint32_t rows, uint32_t heads, uint32_t kv_heads,     \
     uint32_t head_dim, uint32_t past, uint64_t capacity, float scale, int64_t q_stride, int64_t k_stride,       \
     int64_t v_stride, int64_t y_stride)
#define PREFILL_BODY(HEAD_DIM)                                                                                      \
    HG_SHARED(Floats4, stage, STAGE_FOURS);                                                                         \
    HG_SHARED(Floats4, weights, TILE* WEIGHT_STRIDE);                                                               \
    attention_prefill<HEAD_DIM>(                                                                                    \
        q, k_cache, v_cache, y,                                                                                     \
        {rows, heads, kv_heads, head_dim, past, capacity, scale, q_stride, k_stride, v_stride, y_stride}, stage, weights)

HG_KERNEL(attention_prefill_f32_128, 256, PREFILL_PARAMETERS(float)) { PREFILL_BODY(128); }
HG_KERNEL(attention_prefill_f32_256, 256, PREFILL_PARAMETERS(float)) { PREFILL_BODY(256); }
HG_KERNEL(attention_prefill_f16_256, 256, PREFILL_PARAMETERS(f16)) { PREFILL_BODY(256); }
HG_KERNEL(attention_prefill_bf16_256, 256, PREFILL_PARAMETERS(bf16)) { PREFILL_BODY(256); }

// Attention of one query token per sequence over its cache of keys and values: y = softmax(q . K * scale) V, with the query
// heads of a group on one head of keys and values (Ainslie et al., "GQA: Training Generalized Multi-Query Transformer
// Models from Multi-Head Checkpoints", 2023).
//
// Bytes per sequence of n positions: reads 2 * n * kv_heads * head_dim elements of the cache once each, whatever the number
// of query heads; queries, partial results and the output are small beside them. Memory binds: 4 * group
// operations for each 2-byte element.
//
// Split-K ("Flash-Decoding for long-context inference", Dao, Haziza, Massa, Sizov, 2023): `splits` blocks share the
// positions of a head, by the sequence's own length, and attention_combine adds their parts. In a block, 8, 16 or 32
// lanes hold one row of K or V, 8 elements each, and take KEYS rows a step, K and V together, so that 4 loads of 16
// bytes are in flight per thread. Each such group of lanes keeps its own running softmax for up to HEADS query heads;
// nothing is shared until the end. Positions at or beyond the length are never read.
#include "online_softmax.h"
#include "row_chunk.h"

constexpr uint32_t DECODE_THREADS = 128;
constexpr uint32_t KEYS = 2;
constexpr uint32_t MOST_HEAD_DIM = 256;
// Waves of a block, where a wave is 32.
constexpr uint32_t MOST_WAVES = DECODE_THREADS / 32;

struct DecodeShape {
    uint32_t heads, kv_heads, head_dim, capacity, splits;
    float scale;
    int64_t q_stride, k_stride, v_stride, y_stride;
};

// Which positions a split takes: equal shares of the length, in whole steps of the block.
struct SplitRange {
    uint32_t begin, end;
};
HG_DEVICE uint32_t split_share(uint32_t length, uint32_t splits, uint32_t step) {
    const uint32_t share = (length + splits - 1) / splits;
    return (share + step - 1) / step * step;
}
HG_DEVICE uint32_t lanes_per_row(uint32_t head_dim) { return head_dim <= 64 ? 8 : head_dim <= 128 ? 16 : 32; }
HG_DEVICE uint32_t keys_per_step(uint32_t head_dim) { return DECODE_THREADS / lanes_per_row(head_dim) * KEYS; }

constexpr uint32_t FOURS = MOST_HEAD_DIM / 4;

// Running softmax of one group of lanes over its own positions.
template <uint32_t HEADS>
struct Running {
    float largest[HEADS], sum[HEADS], row[HEADS][CHUNK];
};

// Adds the positions of one split. Called by the whole block.
template <uint32_t HEADS, typename T>
HG_DEVICE void attend(const T* keys, const T* values, const DecodeShape& shape, SplitRange range, const Floats4* queries,
                      Running<HEADS>& running) {
    const uint32_t lanes = lanes_per_row(shape.head_dim), rows = DECODE_THREADS / lanes;
    const uint32_t lane = threadIdx.x % lanes, first = threadIdx.x / lanes, column = lane * CHUNK;
    const bool in_row = column < shape.head_dim;
    for (uint32_t base = range.begin; base < range.end; base += rows * KEYS) {
        RowChunk<T> key[KEYS], value[KEYS];
        HG_UNROLL
        for (uint32_t j = 0; j < KEYS; j++) {
            const uint32_t position = base + j * rows + first;
            const bool wanted = position < range.end && in_row;
            key[j] = load_chunk(keys + int64_t(position) * shape.k_stride + column, wanted);
            value[j] = load_chunk(values + int64_t(position) * shape.v_stride + column, wanted);
        }
        float score[HEADS][KEYS];
        HG_UNROLL
        for (uint32_t head = 0; head < HEADS; head++) {
            const Floats4 low = queries[head * FOURS + lane], high = queries[head * FOURS + FOURS / 2 + lane];
            const float query[CHUNK] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
            HG_UNROLL
            for (uint32_t j = 0; j < KEYS; j++) {
                float dot = 0.0f;
                HG_UNROLL
                for (uint32_t i = 0; i < CHUNK; i++) dot = fused_multiply_add(query[i], key[j].element(i), dot);
                dot = group_reduce<Sum>(dot, lanes);
                score[head][j] = base + j * rows + first < range.end ? dot : negative_infinity();
            }
        }
        HG_UNROLL
        for (uint32_t head = 0; head < HEADS; head++) {
            float largest = running.largest[head];
            HG_UNROLL
            for (uint32_t j = 0; j < KEYS; j++) largest = Maximum::combine(largest, score[head][j]);
            const float zero = exponent_base(largest);
            const float factor = exp_float(running.largest[head] - zero);
            running.largest[head] = largest;
            running.sum[head] *= factor;
            HG_UNROLL
            for (uint32_t i = 0; i < CHUNK; i++) running.row[head][i] *= factor;
            HG_UNROLL
            for (uint32_t j = 0; j < KEYS; j++) {
                const float weight = exp_float(score[head][j] - zero);
                running.sum[head] += weight;
                HG_UNROLL
                for (uint32_t i = 0; i < CHUNK; i++) {
                    running.row[head][i] = fused_multiply_add(weight, value[j].element(i), running.row[head][i]);
                }
            }
        }
    }
}

struct DecodeScratch {
    // Shared: queries times scale, HEADS rows; one value per wave and head; one row per wave.
    Floats4* queries;
    float* slots;
    float* rows;
};

// Queries of the block's heads times scale, zero where there is no head and beyond head_dim. The first four elements of
// every lane's eight come first, then the others, so that the lanes of a row read consecutive fours.
template <uint32_t HEADS, typename T>
HG_DEVICE void load_queries(const T* q, uint32_t present, const DecodeShape& shape, Floats4* queries) {
    for (uint32_t n = threadIdx.x; n < HEADS * FOURS; n += DECODE_THREADS) {
        const uint32_t head = n / FOURS, place = n % FOURS;
        const uint32_t column = place % (FOURS / 2) * CHUNK + place / (FOURS / 2) * 4;
        Floats4 four = {0.0f, 0.0f, 0.0f, 0.0f};
        if (head < present && column < shape.head_dim) {
            const T* element = q + head * shape.head_dim + column;
            four = {to_float(element[0]) * shape.scale, to_float(element[1]) * shape.scale,
                    to_float(element[2]) * shape.scale, to_float(element[3]) * shape.scale};
        }
        queries[n] = four;
    }
    __syncthreads();
}

// Brings the block's running parts to one scale; `running.largest` is then the block's, the same in all threads, and
// `running.sum` its whole sum.
template <uint32_t HEADS>
HG_DEVICE void rescale_to_block(Running<HEADS>& running, uint32_t lanes, float* slots) {
    const uint32_t wave = threadIdx.x / wave_size(), waves = DECODE_THREADS / wave_size();
    HG_UNROLL
    for (uint32_t head = 0; head < HEADS; head++) {
        const float largest = wave_reduce_maximum(running.largest[head]);
        if (lane_index() == 0) slots[wave * HEADS + head] = largest;
    }
    __syncthreads();
    HG_UNROLL
    for (uint32_t head = 0; head < HEADS; head++) {
        float largest = slots[head];
        for (uint32_t i = 1; i < waves; i++) largest = Maximum::combine(largest, slots[i * HEADS + head]);
        const float factor = exp_float(running.largest[head] - exponent_base(largest));
        running.largest[head] = largest;
        running.sum[head] *= factor;
        HG_UNROLL
        for (uint32_t i = 0; i < CHUNK; i++) running.row[head][i] *= factor;
    }
    __syncthreads();
    HG_UNROLL
    for (uint32_t head = 0; head < HEADS; head++) {
        for (uint32_t distance = lanes; distance < wave_size(); distance *= 2) {
            running.sum[head] += wave_shuffle_xor(running.sum[head], distance);
        }
        if (lane_index() == 0) slots[wave * HEADS + head] = running.sum[head];
    }
    __syncthreads();
    HG_UNROLL
    for (uint32_t head = 0; head < HEADS; head++) {
        running.sum[head] = 0.0f;
        for (uint32_t i = 0; i < waves; i++) running.sum[head] += slots[i * HEADS + head];
    }
}

// Sums each head's row over the block and hands every element to `store(head, column, value)` once.
template <uint32_t HEADS, typename Store>
HG_DEVICE void sum_rows(const Running<HEADS>& running, const DecodeShape& shape, float* rows, Store store) {
    const uint32_t lanes = lanes_per_row(shape.head_dim);
    const uint32_t wave = threadIdx.x / wave_size(), waves = DECODE_THREADS / wave_size();
    HG_UNROLL
    for (uint32_t head = 0; head < HEADS; head++) {
        HG_UNROLL
        for (uint32_t i = 0; i < CHUNK; i++) {
            float element = running.row[head][i];
            for (uint32_t distance = lanes; distance < wave_size(); distance *= 2) {
                element += wave_shuffle_xor(element, distance);
            }
            if (lane_index() < lanes) rows[wave * MOST_HEAD_DIM + lane_index() * CHUNK + i] = element;
        }
        __syncthreads();
        for (uint32_t column = threadIdx.x; column < shape.head_dim; column += DECODE_THREADS) {
            float total = 0.0f;
            for (uint32_t i = 0; i < waves; i++) total += rows[i * MOST_HEAD_DIM + column];
            store(head, column, total, running.largest[head], running.sum[head]);
        }
        __syncthreads();
    }
}

// A split's part of one query head: head_dim elements, then the largest score and the sum.
HG_DEVICE uint64_t part_offset(const DecodeShape& shape, uint64_t sequence, uint32_t head, uint32_t split) {
    return ((sequence * shape.heads + head) * shape.splits + split) * (shape.head_dim + 2);
}

template <uint32_t HEADS, typename T>
HG_DEVICE void attention_decode(const T* q, const T* k_cache, const T* v_cache, const uint32_t* lengths, T* y,
                                float* parts, const DecodeShape& shape, const DecodeScratch& scratch) {
    const uint32_t group = shape.heads / shape.kv_heads, tiles = (group + HEADS - 1) / HEADS;
    const uint32_t split = blockIdx.x % shape.splits, tile = blockIdx.x / shape.splits % tiles;
    const uint32_t kv_head = blockIdx.x / shape.splits / tiles % shape.kv_heads;
    const uint64_t sequence = blockIdx.x / shape.splits / tiles / shape.kv_heads;
    const uint32_t given = lengths[sequence], length = given < shape.capacity ? given : shape.capacity;
    const uint32_t share = split_share(length, shape.splits, keys_per_step(shape.head_dim));
    const uint32_t begin = split * share;
    if (shape.splits > 1 && begin >= length) return;
    const uint32_t first_head = kv_head * group + tile * HEADS;
    const uint32_t left = group - tile * HEADS, present = left < HEADS ? left : HEADS;
    load_queries<HEADS>(q + int64_t(sequence) * shape.q_stride + first_head * shape.head_dim, present, shape,
                        scratch.queries);

    Running<HEADS> running;
    HG_UNROLL
    for (uint32_t head = 0; head < HEADS; head++) {
        running.largest[head] = negative_infinity();
        running.sum[head] = 0.0f;
        HG_UNROLL
        for (uint32_t i = 0; i < CHUNK; i++) running.row[head][i] = 0.0f;
    }
    const int64_t row = (int64_t(sequence) * shape.kv_heads + kv_head) * shape.capacity;
    attend(k_cache + row * shape.k_stride, v_cache + row * shape.v_stride, shape,
           {begin, length - begin < share ? length : begin + share}, scratch.queries, running);
    rescale_to_block(running, lanes_per_row(shape.head_dim), scratch.slots);
    sum_rows(running, shape, scratch.rows, [&](uint32_t head, uint32_t column, float total, float largest, float sum) {
        if (head >= present) return;
        if (shape.splits == 1) {
            y[int64_t(sequence) * shape.y_stride + (first_head + head) * shape.head_dim + column] =
                from_float<T>(divide(total, sum));
            return;
        }
        float* part = parts + part_offset(shape, sequence, first_head + head, split);
        part[column] = total;
        if (column == 0) {
            part[shape.head_dim] = largest;
            part[shape.head_dim + 1] = sum;
        }
    });
}

// Adds the parts of one query head; one block each.
template <typename T>
HG_DEVICE void attention_combine(const uint32_t* lengths, const float* parts, T* y, const DecodeShape& shape) {
    const uint32_t head = blockIdx.x % shape.heads;
    const uint64_t sequence = blockIdx.x / shape.heads;
    const uint32_t given = lengths[sequence], length = given < shape.capacity ? given : shape.capacity;
    const uint32_t share = split_share(length, shape.splits, keys_per_step(shape.head_dim));
    const uint32_t used = share == 0 ? 0 : (length + share - 1) / share, dim = shape.head_dim;
    const float* first = parts + part_offset(shape, sequence, head, 0);
    float largest = negative_infinity();
    for (uint32_t i = 0; i < used; i++) largest = Maximum::combine(largest, first[i * (dim + 2) + dim]);
    for (uint32_t column = threadIdx.x; column < dim; column += blockDim.x) {
        float total = 0.0f, sum = 0.0f;
        for (uint32_t i = 0; i < used; i++) {
            const float* part = first + i * (dim + 2);
            const float factor = exp_float(part[dim] - exponent_base(largest));
            total = fused_multiply_add(factor, part[column], total);
            sum = fused_multiply_add(factor, part[dim + 1], sum);
        }
        y[int64_t(sequence) * shape.y_stride + head * dim + column] = from_float<T>(divide(total, sum));
    }
}

#define DECODE_PARAMETERS(T)                                                                                            (const T* q, const T* k_cache, const T* v_cache, const uint32_t* lengths, T* y, float* parts, uint32_t heads,       uint32_t kv_heads, uint32_t head_dim, uint32_t capacity, uint32_t splits, float scale, int64_t q_stride,           int64_t k_stride, int64_t v_stride, int64_t y_stride)
#define DECODE_SHAPE {heads, kv_heads, head_dim, capacity, splits, scale, q_stride, k_stride, v_stride, y_stride}
#define DECODE_BODY(HEADS)                                                                                     HG_SHARED(Floats4, queries, HEADS* FOURS);                                                                 HG_SHARED(float, slots, HEADS* MOST_WAVES);                                                                HG_SHARED(float, rows, MOST_WAVES* MOST_HEAD_DIM);                                                         attention_decode<HEADS>(q, k_cache, v_cache, lengths, y, parts, DECODE_SHAPE, {queries, slots, rows})

HG_KERNEL(attention_decode_f32_1, 128, DECODE_PARAMETERS(float)) { DECODE_BODY(1); }
HG_KERNEL(attention_decode_f32_4, 128, DECODE_PARAMETERS(float)) { DECODE_BODY(4); }
HG_KERNEL(attention_decode_f16_1, 128, DECODE_PARAMETERS(f16)) { DECODE_BODY(1); }
HG_KERNEL(attention_decode_f16_4, 128, DECODE_PARAMETERS(f16)) { DECODE_BODY(4); }
HG_KERNEL(attention_decode_bf16_1, 128, DECODE_PARAMETERS(bf16)) { DECODE_BODY(1); }
HG_KERNEL(attention_decode_bf16_4, 128, DECODE_PARAMETERS(bf16)) { DECODE_BODY(4); }

#define COMBINE_BODY attention_combine(lengths, parts, y, DECODE_SHAPE)
#define COMBINE_PARAMETERS(T)                                                                                           (const uint32_t* lengths, T* y, const float* parts, uint32_t heads, uint32_t kv_heads, uint32_t head_dim,           uint32_t capacity, uint32_t splits, float scale, int64_t q_stride, int64_t k_stride, int64_t v_stride,             int64_t y_stride)

HG_KERNEL(attention_combine_f32, 256, COMBINE_PARAMETERS(float)) { COMBINE_BODY; }
HG_KERNEL(attention_combine_f16, 256, COMBINE_PARAMETERS(f16)) { COMBINE_BODY; }
HG_KERNEL(attention_combine_bf16, 256, COMBINE_PARAMETERS(bf16)) { COMBINE_BODY; }

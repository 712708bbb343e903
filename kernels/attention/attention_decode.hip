// Attention of one query token per sequence over its cache of keys and values: y = softmax(q . K * scale) V, with the query
// heads of a group on one head of keys and values (Ainslie et al., "GQA: Training Generalized Multi-Query Transformer
// Models from Multi-Head Checkpoints", 2023).
//
// Bytes per sequence of n positions: reads 2 * n * kv_heads * head_dim elements of the cache once each, whatever the number
// of query heads; queries, partial results and the output are small beside them. Memory binds long caches: 4 * group
// operations for each 2-byte element. Short ones are bound by how long one block takes from its launch to its last store,
// so everything that a thread waits for is asked for in batches: loads, exchanges between lanes, exchanges in the block.
//
// Split-K ("Flash-Decoding for long-context inference", Dao, Haziza, Massa, Sizov, 2023): blocks share the positions of a
// head, and the last of them adds their parts. How many there are is decided here from the sequence's own length, because
// the launch may be a recorded one; see decode_splits.h. With 8 heads of keys and values of 64 elements in bf16, 2048 positions are
// 4 MiB in 256 blocks of two steps (16 KiB) each, about two for every multiprocessor of an H100; 8192 positions are 16 MiB
// in 344 blocks of up to six steps, because no more than three of them are on a multiprocessor at once.
//
// In a block, 8, 16 or 32 lanes hold one row of K or V, 8 elements each, and take KEYS rows a step, K and V together; the
// next step's rows are on their way while one step is computed, so that up to 8 loads of 16 bytes are in flight per
// thread. The HEADS * KEYS scores of a step (query head and row: a pair) are summed over the lanes such that each lane
// ends up with one pair's score: 7 exchanges in place of 24 for 8 pairs, and one exponential in place of 8. Each such
// group of lanes keeps its own running softmax for up to HEADS query heads; nothing is shared until the end. Positions
// at or beyond the length are never read.
//
// All sums have an order of their own, given by the length, the splits launched and the wave size: results repeat bit for bit.
//
// The length and the first step's rows, but for the newest, are read before the kernels ahead of this one are done: nothing
// has written them since the step before.
//
// With four blocks, or as many as the compiler likes, decoding is slower: docs/performance.md, the last table of changes.
#define HG_RESIDENT_BLOCKS 3

#include "decode_parts.h"
#include "decode_splits.h"
#include "last_block.h"
#include "online_softmax.h"
#include "row_chunk.h"

// Running softmax of one group of lanes over its own positions. The lane's own pair has `largest`, of its query head over
// all rows so far, and `sum`, over its own rows of a step; `row` is the lane's 8 elements for every query head.
template <uint32_t HEADS>
struct Running {
    float largest, sum, row[HEADS][CHUNK];
};

// Which pair a lane has, and who has the others. 2^copies lanes of a row have the same pair.
template <uint32_t HEADS>
struct Pairs {
    static constexpr uint32_t COUNT = HEADS * KEYS;
    static constexpr uint32_t BITS = HEADS == 1 ? 1 : HEADS == 2 ? 2 : 3;
    static_assert(COUNT == 1u << BITS && KEYS == 2, "pairs are dealt by halving");

    uint32_t bits, copies, lane, own, first_lane;

    HG_MEMBER explicit Pairs(uint32_t row_bits) : bits(row_bits), copies(row_bits - BITS) {
        lane = lane_index() & ((1u << bits) - 1);
        own = lane >> copies;
        first_lane = lane_index() - lane;
    }
    HG_MEMBER uint32_t own_head() const { return own / KEYS; }
    HG_MEMBER uint32_t own_key() const { return own % KEYS; }
    // The value of the lane that has a pair.
    HG_MEMBER float from(float value, uint32_t head, uint32_t key) const {
        return wave_shuffle(value, first_lane + ((head * KEYS + key) << copies));
    }
    // The lane that speaks for its query head in its wave.
    HG_MEMBER bool speaks() const { return first_lane == 0 && lane == (own_head() * KEYS) << copies; }
};

// Sums each of the values over the lanes of a row; a lane gets the sum of its own pair. Each exchange halves what is left.
template <uint32_t COUNT>
struct Deal {
    static HG_MEMBER float sum(const float* values, uint32_t distance) {
        const bool upper = (lane_index() & distance) != 0;
        float halves[COUNT / 2];
        HG_UNROLL
        for (uint32_t i = 0; i < COUNT / 2; i++) {
            const float sent = upper ? values[i] : values[COUNT / 2 + i];
            const float kept = upper ? values[COUNT / 2 + i] : values[i];
            halves[i] = kept + wave_shuffle_xor(sent, distance);
        }
        return Deal<COUNT / 2>::sum(halves, distance / 2);
    }
};
template <>
struct Deal<1> {
    static HG_MEMBER float sum(const float* values, uint32_t distance) {
        return group_reduce<Sum>(values[0], distance * 2);
    }
};

// Reduces over the rows that a wave holds: every lane gets the result of its place in the row.
template <typename Operator>
HG_DEVICE float reduce_over_rows(float value, uint32_t bits) {
    for (uint32_t distance = 1u << bits; distance < wave_size(); distance *= 2) {
        value = Operator::combine(value, wave_shuffle_xor(value, distance));
    }
    return value;
}

// A thread's rows of one step.
template <typename T>
struct StepRows {
    RowChunk<T> key[KEYS], value[KEYS];
};

// The thread's place in a head's cache: its first row and its 8 columns.
template <typename T>
struct CachePlace {
    const T* keys;
    const T* values;
    int64_t k_stride, v_stride;
    uint32_t row, rows;
    bool in_row, aligned;

    HG_MEMBER StepRows<T> load(uint32_t base, uint32_t end) const {
        StepRows<T> step;
        // One branch for all loads of a step, so that they are issued together.
        if (aligned) {
            HG_UNROLL
            for (uint32_t j = 0; j < KEYS; j++) load_row<true>(step, j, base, end);
        } else {
            HG_UNROLL
            for (uint32_t j = 0; j < KEYS; j++) load_row<false>(step, j, base, end);
        }
        return step;
    }

    // Loads one more position of the step.
    HG_MEMBER void add(StepRows<T>& step, uint32_t base, uint32_t position) const {
        HG_UNROLL
        for (uint32_t j = 0; j < KEYS; j++) {
            if (base + j * rows + row != position) continue;
            if (aligned) {
                load_row<true>(step, j, base, position + 1);
            } else {
                load_row<false>(step, j, base, position + 1);
            }
        }
    }

    template <bool ALIGNED>
    HG_MEMBER void load_row(StepRows<T>& step, uint32_t j, uint32_t base, uint32_t end) const {
        const uint32_t position = base + j * rows + row;
        const bool wanted = position < end && in_row;
        step.key[j] = load_chunk<ALIGNED>(keys + int64_t(position) * k_stride, wanted);
        step.value[j] = load_chunk<ALIGNED>(values + int64_t(position) * v_stride, wanted);
    }
};

// Adds the positions of one split, whose first step is in `rows`. Called by the whole block; `queries` may still be on their way
// to shared memory.
template <uint32_t HEADS, typename T>
HG_DEVICE void attend(const CachePlace<T>& place, const Share& share, uint32_t begin, StepRows<T>& rows,
                      const Floats4* queries, const Pairs<HEADS>& pairs, Running<HEADS>& running) {
    const uint32_t end = share.end(begin);
    const uint32_t lanes = 1u << pairs.bits, step = place.rows * KEYS;
    __syncthreads();
    for (uint32_t base = begin; base < end; base += step) {
        const StepRows<T> next = place.load(base + step, end);
        float dots[HEADS * KEYS];
        HG_UNROLL
        for (uint32_t head = 0; head < HEADS; head++) {
            const Floats4 low = queries[head * 2 * lanes + pairs.lane], high = queries[(head * 2 + 1) * lanes + pairs.lane];
            const float query[CHUNK] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
            HG_UNROLL
            for (uint32_t j = 0; j < KEYS; j++) {
                float dot = 0.0f;
                HG_UNROLL
                for (uint32_t i = 0; i < CHUNK; i++) dot = fused_multiply_add(query[i], rows.key[j].element(i), dot);
                dots[head * KEYS + j] = dot;
            }
        }
        const float dot = Deal<HEADS * KEYS>::sum(dots, lanes / 2);
        const float score = base + pairs.own_key() * place.rows + place.row < end ? dot : negative_infinity();
        const float step_largest = Maximum::combine(score, wave_shuffle_xor(score, 1u << pairs.copies));
        const float largest = Maximum::combine(running.largest, step_largest);
        const float zero = exponent_base(largest);
        // Without a new largest score in the wave all factors are e^0, which is exactly 1.
        if (wave_ballot(largest != running.largest) != 0) {
            const float factor = exp_float(running.largest - zero);
            running.largest = largest;
            running.sum *= factor;
            HG_UNROLL
            for (uint32_t head = 0; head < HEADS; head++) {
                const float head_factor = pairs.from(factor, head, 0);
                HG_UNROLL
                for (uint32_t i = 0; i < CHUNK; i++) running.row[head][i] *= head_factor;
            }
        }
        const float weight = exp_float(score - zero);
        running.sum += weight;
        HG_UNROLL
        for (uint32_t head = 0; head < HEADS; head++) {
            HG_UNROLL
            for (uint32_t j = 0; j < KEYS; j++) {
                const float pair_weight = pairs.from(weight, head, j);
                HG_UNROLL
                for (uint32_t i = 0; i < CHUNK; i++) {
                    running.row[head][i] = fused_multiply_add(pair_weight, rows.value[j].element(i), running.row[head][i]);
                }
            }
        }
        rows = next;
    }
}

struct DecodeScratch {
    // Shared: HEADS * 2 * DECODE_THREADS fours, first queries and at the end rows; largest scores and sums of every
    // wave and head.
    Floats4* fours;
    float* largest;
    float* sums;
    // Whether this block adds the parts.
    uint32_t* last;
};

// Queries of the block's heads times scale, zero where there is no head and beyond head_dim. Of every head the first four
// elements of every lane's eight come first, then the others, so that the lanes of a row read consecutive fours.
template <uint32_t HEADS, typename T>
HG_DEVICE void load_queries(const T* q, uint32_t present, const DecodeShape& shape, uint32_t bits, Floats4* queries) {
    // Once or twice.
    HG_NO_UNROLL
    for (uint32_t n = threadIdx.x; n < HEADS * 2u << bits; n += DECODE_THREADS) {
        const uint32_t head = n >> (bits + 1), half = n >> bits & 1, lane = n & ((1u << bits) - 1);
        const uint32_t column = lane * CHUNK + half * 4;
        Floats4 four = {0.0f, 0.0f, 0.0f, 0.0f};
        if (head < present && column < shape.head_dim) {
            const T* element = q + head * shape.head_dim + column;
            four = {to_float(element[0]) * shape.scale, to_float(element[1]) * shape.scale,
                    to_float(element[2]) * shape.scale, to_float(element[3]) * shape.scale};
        }
        queries[n] = four;
    }
}

// Brings all rows of the block to one scale, adds them, and hands every element of every head once to
// `store(head, column, element, largest, sum)`, with the block's largest score and the whole sum of that head.
template <uint32_t HEADS, typename Store>
HG_DEVICE void add_rows(Running<HEADS>& running, const DecodeShape& shape, const Pairs<HEADS>& pairs,
                        const DecodeScratch& scratch, Store store) {
    const uint32_t wave = threadIdx.x / wave_size(), waves = DECODE_THREADS / wave_size();
    const uint32_t own_head = pairs.own_head(), bits = pairs.bits;
    float largest = reduce_over_rows<Maximum>(running.largest, bits);
    if (pairs.speaks()) scratch.largest[wave * HEADS + own_head] = largest;
    __syncthreads();
    for (uint32_t i = 0; i < waves; i++) largest = Maximum::combine(largest, scratch.largest[i * HEADS + own_head]);
    const float factor = exp_float(running.largest - exponent_base(largest));
    float sum = running.sum * factor;
    sum = reduce_over_rows<Sum>(sum + wave_shuffle_xor(sum, 1u << pairs.copies), bits);
    if (pairs.speaks()) scratch.sums[wave * HEADS + own_head] = sum;
    HG_UNROLL
    for (uint32_t head = 0; head < HEADS; head++) {
        const float f = pairs.from(factor, head, 0);
        const float* row = running.row[head];
        scratch.fours[head * 2 * DECODE_THREADS + threadIdx.x] = {row[0] * f, row[1] * f, row[2] * f, row[3] * f};
        scratch.fours[(head * 2 + 1) * DECODE_THREADS + threadIdx.x] = {row[4] * f, row[5] * f, row[6] * f, row[7] * f};
    }
    __syncthreads();
    const float* elements = reinterpret_cast<const float*>(scratch.fours);
    const uint32_t rows = DECODE_THREADS >> bits;
    for (uint32_t n = threadIdx.x; n < HEADS * CHUNK << bits; n += DECODE_THREADS) {
        const uint32_t half = n >> (bits + 2), place = n & ((4u << bits) - 1);
        const uint32_t head = half / 2, column = place / 4 * CHUNK + half % 2 * 4 + place % 4;
        const float* element = elements + half * 4 * DECODE_THREADS + place;
        float total = 0.0f;
        // Four at a time: 4, 8 or 16 rows.
        for (uint32_t row = 0; row < rows; row += 4) {
            const float a = element[row << (bits + 2)], b = element[(row + 1) << (bits + 2)];
            const float c = element[(row + 2) << (bits + 2)], d = element[(row + 3) << (bits + 2)];
            total += (a + b) + (c + d);
        }
        float head_largest = scratch.largest[head], head_sum = scratch.sums[head];
        for (uint32_t i = 1; i < waves; i++) {
            head_largest = Maximum::combine(head_largest, scratch.largest[i * HEADS + head]);
            head_sum += scratch.sums[i * HEADS + head];
        }
        if (column < shape.head_dim) store(head, column, total, head_largest, head_sum);
    }
}

// blockIdx.y is the split, so that the splits with work are launched before those without.
template <uint32_t HEADS, typename T>
HG_DEVICE void attention_decode(const T* q, const T* k_cache, const T* v_cache, const uint32_t* lengths, T* y,
                                float* parts, uint32_t* counters, const DecodeShape& shape, const DecodeScratch& scratch) {
    let_next_kernel_begin();
    const uint32_t group = shape.heads / shape.kv_heads, tiles = (group + HEADS - 1) / HEADS;
    const uint32_t tile = blockIdx.x % tiles, kv_head = blockIdx.x / tiles % shape.kv_heads, split = blockIdx.y;
    const uint64_t sequence = blockIdx.x / tiles / shape.kv_heads;
    const Share share = share_of(lengths, sequence, shape);
    if (split >= share.used) {
        wait_for_previous_kernels();
        return;
    }
    const uint32_t bits = lane_bits(shape.head_dim);
    const Pairs<HEADS> pairs(bits);
    const int64_t row = (int64_t(sequence) * shape.kv_heads + kv_head) * shape.capacity;
    const uint32_t column = pairs.lane * CHUNK;
    const bool aligned = misalignment(k_cache) == 0 && misalignment(v_cache) == 0 &&
                         uint64_t(shape.k_stride | shape.v_stride) % Vector16<T>::COUNT == 0;
    const CachePlace<T> place = {k_cache + row * shape.k_stride + column, v_cache + row * shape.v_stride + column,
                                 shape.k_stride, shape.v_stride, threadIdx.x >> bits, DECODE_THREADS >> bits,
                                 column < shape.head_dim, aligned};
    const uint32_t begin = split * share.positions, end = share.end(begin);
    // Of all positions the kernels ahead of this one may still write the newest.
    const uint32_t newest = share.length > 0 ? share.length - 1 : 0;
    StepRows<T> rows = place.load(begin, end < newest ? end : newest);
    wait_for_previous_kernels();
    if (newest < end) place.add(rows, begin, newest);

    const uint32_t first_head = kv_head * group + tile * HEADS;
    const uint32_t left = group - tile * HEADS, present = left < HEADS ? left : HEADS;
    load_queries<HEADS>(q + int64_t(sequence) * shape.q_stride + first_head * shape.head_dim, present, shape, bits,
                        scratch.fours);

    Running<HEADS> running;
    running.largest = negative_infinity();
    running.sum = 0.0f;
    HG_UNROLL
    for (uint32_t head = 0; head < HEADS; head++) {
        HG_UNROLL
        for (uint32_t i = 0; i < CHUNK; i++) running.row[head][i] = 0.0f;
    }
    attend(place, share, begin, rows, scratch.fours, pairs, running);
    T* const output = y + int64_t(sequence) * shape.y_stride + first_head * shape.head_dim;
    add_rows(running, shape, pairs, scratch, [&](uint32_t head, uint32_t column, float total, float largest, float sum) {
        if (head >= present) return;
        if (share.used == 1) {
            output[head * shape.head_dim + column] = from_float<T>(divide(total, sum));
            return;
        }
        float* part = parts + part_offset(shape, sequence, first_head + head, split);
        part[column] = total;
        if (column < 4) part[shape.head_dim + column] = column == 0 ? largest : column == 1 ? sum : 0.0f;
    });
    if (share.used == 1 || !is_last_block(counters + blockIdx.x, share.used, scratch.last)) return;
    for (uint32_t head = threadIdx.x / wave_size(); head < present; head += DECODE_THREADS / wave_size()) {
        add_parts(parts + part_offset(shape, sequence, first_head + head, 0), share.used, shape,
                  [&](uint32_t column, float element) { output[head * shape.head_dim + column] = from_float<T>(element); });
    }
}

#define DECODE_PARAMETERS(T)                                                                                           \
    (const T* q, const T* k_cache, const T* v_cache, const uint32_t* lengths, T* y, float* parts, uint32_t* counters,  \
     uint32_t heads, uint32_t kv_heads, uint32_t head_dim, uint32_t capacity, uint32_t splits, float scale,            \
     int64_t q_stride, int64_t k_stride, int64_t v_stride, int64_t y_stride)
#define DECODE_SHAPE {heads, kv_heads, head_dim, capacity, splits, scale, q_stride, k_stride, v_stride, y_stride}
#define DECODE_BODY(HEADS)                                                                                             \
    HG_SHARED(Floats4, fours, HEADS * 2 * DECODE_THREADS);                                                             \
    HG_SHARED(float, largest, HEADS * MOST_WAVES);                                                                     \
    HG_SHARED(float, sums, HEADS * MOST_WAVES);                                                                        \
    HG_SHARED(uint32_t, last, 1);                                                                                      \
    attention_decode<HEADS>(q, k_cache, v_cache, lengths, y, parts, counters, DECODE_SHAPE, {fours, largest, sums, last})

HG_KERNEL(attention_decode_f32_heads1, 128, DECODE_PARAMETERS(float)) { DECODE_BODY(1); }
HG_KERNEL(attention_decode_f32_heads4, 128, DECODE_PARAMETERS(float)) { DECODE_BODY(4); }
HG_KERNEL(attention_decode_f16_heads1, 128, DECODE_PARAMETERS(f16)) { DECODE_BODY(1); }
HG_KERNEL(attention_decode_f16_heads4, 128, DECODE_PARAMETERS(f16)) { DECODE_BODY(4); }
HG_KERNEL(attention_decode_bf16_heads1, 128, DECODE_PARAMETERS(bf16)) { DECODE_BODY(1); }
HG_KERNEL(attention_decode_bf16_heads4, 128, DECODE_PARAMETERS(bf16)) { DECODE_BODY(4); }

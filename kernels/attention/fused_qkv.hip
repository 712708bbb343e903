// Queries, keys and values of one token, from the residual stream to the cache: n = x * gain / sqrt(mean(x^2) + eps), products
// with the weights of all heads (queries, then keys, then values), bias, and the turn by the token's position (rope.hip).
// Queries go to q_out, keys and values to their slot of the cache; a token without a slot writes nothing there. Nothing is
// rounded before the end.
//
// Bytes: reads the weights once, and x and the gain for each pair of rows, from cache; writes a number per row. Memory binds.
// The pair of rows that a wave, or waves_per_row neighbours, make are two elements that turn together; of values, and of
// elements that do not turn, two neighbours.
//
// With three or five blocks decoding is slower: docs/performance.md, the last table of changes.
#define HG_RESIDENT_BLOCKS 4

#include "normalised_pair.h"
#include "rotation.h"

struct QkvShape {
    uint32_t heads, kv_heads, head_dim, rotary;
    bool interleaved;
};

template <typename T>
struct QkvPlaces {
    T* q_out;
    T* k_cache;
    T* v_cache;
    int64_t k_stride, v_stride;
    uint32_t sequences, capacity;
};

// Where a pair lies: its head, counted through queries, keys and values, and its two elements there.
struct PairPlace {
    uint32_t head, first, second;
    bool turns;

    HG_MEMBER PairPlace(uint32_t pair, const QkvShape& shape) {
        const uint32_t of_head = pair % (shape.head_dim / 2), pairs = shape.rotary / 2;
        head = pair / (shape.head_dim / 2);
        turns = of_head < pairs && head < shape.heads + shape.kv_heads;
        const bool halves = turns && !shape.interleaved;
        first = halves ? of_head : 2 * of_head;
        second = halves ? of_head + pairs : first + 1;
    }
};

template <typename T>
HG_DEVICE void write_pair(const QkvPlaces<T>& places, const QkvShape& shape, const PairPlace& pair, float a, float b,
                          uint32_t position, uint32_t sequence) {
    T* y = places.q_out + pair.head * shape.head_dim;
    if (pair.head >= shape.heads) {
        if (position >= places.capacity || sequence >= places.sequences) return;
        const uint32_t kv_head = (pair.head - shape.heads) % shape.kv_heads;
        const int64_t slot = (int64_t(sequence) * shape.kv_heads + kv_head) * places.capacity + position;
        const bool key = pair.head < shape.heads + shape.kv_heads;
        y = key ? places.k_cache + slot * places.k_stride : places.v_cache + slot * places.v_stride;
    }
    y[pair.first] = from_float<T>(a);
    y[pair.second] = from_float<T>(b);
}

template <typename T>
HG_DEVICE void fused_qkv(const NormalisedVector<T>& vector, const T* weights, const T* bias, const uint32_t* positions,
                         const uint32_t* sequences, const float* frequencies, const QkvPlaces<T>& places,
                         const QkvShape& shape, int64_t stride, const WaveShare& share, float* slots) {
    let_next_kernel_begin();
    PreviousKernels previous;
    uint32_t position = 0, sequence = 0;
    const auto ready = [&]() {
        if (!previous.wait()) return;
        position = positions[0];
        sequence = sequences[0];
    };
    const uint32_t pairs = (shape.heads + 2 * shape.kv_heads) * (shape.head_dim / 2);
    const uint32_t row = share.row();
    // Waves past the last pair take part in the barriers with a pair that exists.
    const PairPlace pair(row < pairs ? row : pairs - 1, shape);
    const float frequency = pair.turns ? frequencies[shape.interleaved ? pair.first / 2 : pair.first] : 0.0f;
    const int64_t head = int64_t(pair.head) * shape.head_dim, a_row = head + pair.first, b_row = head + pair.second;
    const RowPair<T> rows = {weights + a_row * stride, weights + b_row * stride};
    const PairProducts products = pair_products(rows, vector, share, slots, ready);
    if (row >= pairs || share.part() != 0 || lane_index() != 0) return;
    float a = products.first, b = products.second;
    if (bias != nullptr) {
        a += to_float(bias[a_row]);
        b += to_float(bias[b_row]);
    }
    if (pair.turns) turn(a, b, sine_cosine(float(position) * frequency));
    write_pair(places, shape, pair, a, b, position, sequence);
}

#define QKV_PARAMETERS(T)                                                                                              \
    (const T* x, const T* gain, const T* weights, const T* bias, const uint32_t* positions, const uint32_t* sequences, \
     const float* frequencies, T* q_out, T* k_cache, T* v_cache, uint32_t columns, uint32_t heads, uint32_t kv_heads,  \
     uint32_t head_dim, uint32_t rotary, uint32_t interleaved, float epsilon, int64_t stride, int64_t k_stride,        \
     int64_t v_stride, uint32_t cached_sequences, uint32_t capacity, uint32_t waves_per_row)
#define QKV_BODY(T)                                                                                                    \
    HG_SHARED(float, slots, PAIR_SUMS * MOST_WAVES);                                                                   \
    fused_qkv<T>({x, gain, columns, epsilon}, weights, bias, positions, sequences, frequencies,                        \
                 {q_out, k_cache, v_cache, k_stride, v_stride, cached_sequences, capacity},                            \
                 {heads, kv_heads, head_dim, rotary, interleaved != 0}, stride, WaveShare(waves_per_row), slots)

HG_KERNEL(fused_qkv_f32, VECTOR_THREADS, QKV_PARAMETERS(float)) { QKV_BODY(float); }
HG_KERNEL(fused_qkv_f16, VECTOR_THREADS, QKV_PARAMETERS(f16)) { QKV_BODY(f16); }
HG_KERNEL(fused_qkv_bf16, VECTOR_THREADS, QKV_PARAMETERS(bf16)) { QKV_BODY(bf16); }

// Rotary position embedding (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021): each pair
// (a, b) of a head's first `rotary` elements turns by angle = position * inverse_frequency, rounded to f32:
// a' = a cos - b sin, b' = b cos + a sin. What follows `rotary` is kept. A pair is (i, i + rotary / 2) as in Hugging Face
// models, or (2i, 2i + 1) as in GGUF files of Llama. Queries and keys in one launch; the `rope_cache` kernels write keys,
// and values as they are, straight to their slots in the cache, [sequence, kv_head, position, head_dim].
//
// Bytes per token with E elements of T in all heads together: reads E, writes E, and 4 for the position; the frequencies
// stay in cache. A thread turns the pairs of two 16-byte vectors of several heads, one after the other, for whose pairs the
// sines are the same: they cost about 40 operations, as much as turning four pairs. Positions and frequencies are read, and
// sines worked out, before the kernel has waited for those ahead of it.
#include "rotation.h"
#include "storage.h"

struct RopeShape {
    uint32_t heads, kv_heads, head_dim, rotary;
    bool interleaved;
};

template <typename T>
HG_DEVICE Vector16<T> load_anywhere(const T* address) {
    return load_vector_or_elements(address, misalignment(address) == 0);
}
template <typename T>
HG_DEVICE void store_anywhere(T* address, const Vector16<T>& vector) {
    store_vector_or_elements(address, vector, misalignment<T>(address) == 0);
}

// Turns pairs first ... first + COUNT - 1 of one head. Reads all of them before it writes, so that `y` may be `x`.
template <typename T>
HG_DEVICE void rotate_vectors(const T* x, T* y, const RopeShape& shape, uint32_t first,
                              const SineCosine (&by)[Vector16<T>::COUNT]) {
    constexpr uint32_t COUNT = Vector16<T>::COUNT;
    const uint32_t place = shape.interleaved ? 2 * first : first;
    const uint32_t other = place + (shape.interleaved ? COUNT : shape.rotary / 2);
    Vector16<T> low = load_anywhere(x + place), high = load_anywhere(x + other);
    float a[COUNT], b[COUNT];
    HG_UNROLL
    for (uint32_t i = 0; i < COUNT; i++) {
        const float even = get_element(2 * i < COUNT ? low : high, 2 * i % COUNT);
        const float odd = get_element(2 * i < COUNT ? low : high, (2 * i + 1) % COUNT);
        a[i] = shape.interleaved ? even : get_element(low, i);
        b[i] = shape.interleaved ? odd : get_element(high, i);
        turn(a[i], b[i], by[i]);
    }
    HG_UNROLL
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t pair = i / 2, later = (i + COUNT) / 2;
        set_element(low, i, shape.interleaved ? (i % 2 == 0 ? a[pair] : b[pair]) : a[i]);
        set_element(high, i, shape.interleaved ? (i % 2 == 0 ? a[later] : b[later]) : b[i]);
    }
    store_anywhere(y + place, low);
    store_anywhere(y + other, high);
}

template <typename T>
HG_DEVICE void rotate_pair(const T* x, T* y, const RopeShape& shape, uint32_t pair, const SineCosine& by) {
    const uint32_t place = shape.interleaved ? 2 * pair : pair;
    const uint32_t other = place + (shape.interleaved ? 1 : shape.rotary / 2);
    float a = to_float(x[place]), b = to_float(x[other]);
    turn(a, b, by);
    y[place] = from_float<T>(a);
    y[other] = from_float<T>(b);
}

// The `item`-th piece of a run of elements that are kept: vectors first, then single elements.
template <typename T>
HG_DEVICE void copy_item(const T* x, T* y, uint32_t elements, uint32_t item) {
    constexpr uint32_t COUNT = Vector16<T>::COUNT;
    const uint32_t vectors = elements / COUNT;
    if (item < vectors) {
        store_anywhere(y + item * COUNT, load_anywhere(x + item * COUNT));
    } else {
        const uint32_t column = vectors * COUNT + item - vectors;
        if (column < elements) y[column] = x[column];
    }
}

// A piece of every head of a token: pairs by vectors, the pairs that are left, then what is kept.
template <typename T>
struct HeadPiece {
    static constexpr uint32_t COUNT = Vector16<T>::COUNT;
    uint32_t item, vectors, turned;
    SineCosine by[COUNT];

    HG_MEMBER HeadPiece(uint32_t item, const RopeShape& shape) : item(item) {
        vectors = shape.rotary / 2 / COUNT;
        turned = vectors + shape.rotary / 2 % COUNT;
    }
    HG_MEMBER void look_up(uint32_t position, const float* frequencies) {
        const uint32_t first = item < vectors ? item * COUNT : vectors * COUNT + item - vectors;
        HG_UNROLL
        for (uint32_t i = 0; i < COUNT; i++) {
            const bool wanted = item < vectors || (i == 0 && item < turned);
            by[i] = sine_cosine(wanted ? float(position) * frequencies[first + i] : 0.0f);
        }
    }
    HG_MEMBER void rotate(const T* x, T* y, const RopeShape& shape) const {
        if (item < vectors) {
            rotate_vectors(x, y, shape, item * COUNT, by);
        } else if (item < turned) {
            rotate_pair(x, y, shape, vectors * COUNT + item - vectors, by[0]);
        } else {
            copy_item(x + shape.rotary, y + shape.rotary, shape.head_dim - shape.rotary, item - turned);
        }
    }
    // One of `items` shares of a head that is kept whole.
    HG_MEMBER void copy(const T* x, T* y, uint32_t elements, uint32_t items) const {
        const uint32_t all = elements / COUNT + elements % COUNT;
        for (uint32_t each = item; each < all; each += items) copy_item(x, y, elements, each);
    }
};

// How threads share the work: `items` pieces cover a head, and a token's heads go round `groups` of threads. A block has one
// token or several, or several blocks have one.
struct TokenShare {
    uint32_t item, group;
    uint64_t token, step;

    HG_MEMBER TokenShare(uint32_t items, uint32_t groups) {
        const uint32_t of_token = items * groups, threads = blockDim.x;
        const uint32_t blocks = (of_token + threads - 1) / threads, tokens = of_token < threads ? threads / of_token : 1;
        const uint32_t place = blockIdx.x % blocks * threads + threadIdx.x;
        item = place % items;
        group = place / items % groups;
        token = uint64_t(blockIdx.x / blocks) * tokens + place / of_token;
        step = uint64_t(gridDim.x / blocks) * tokens;
        // Threads beyond the last piece have no token.
        if (place >= of_token * tokens) token = ~uint64_t(0);
    }
};

template <typename T>
HG_DEVICE void rope(const T* q, const T* k, const uint32_t* positions, const float* frequencies, T* q_out, T* k_out,
                    uint64_t tokens, const RopeShape& shape, int64_t q_stride, int64_t k_stride, int64_t q_out_stride,
                    int64_t k_out_stride, uint32_t items, uint32_t groups) {
    let_next_kernel_begin();
    PreviousKernels previous;
    const TokenShare share(items, groups);
    HeadPiece<T> piece(share.item, shape);
    for (uint64_t token = share.token; token < tokens; token += share.step) {
        piece.look_up(positions[token], frequencies);
        previous.wait();
        for (uint32_t head = share.group; head < shape.heads + shape.kv_heads; head += groups) {
            const bool query = head < shape.heads;
            const uint32_t column = (query ? head : head - shape.heads) * shape.head_dim;
            const int64_t row = int64_t(token);
            piece.rotate((query ? q + row * q_stride : k + row * k_stride) + column,
                         (query ? q_out + row * q_out_stride : k_out + row * k_out_stride) + column, shape);
        }
    }
    previous.wait();
}

struct CacheShape {
    uint32_t sequences, capacity;
    int64_t k_stride, v_stride;
};

template <typename T>
HG_DEVICE void rope_cache(const T* q, const T* k, const T* v, const uint32_t* positions, const uint32_t* sequences,
                          const float* frequencies, T* q_out, T* k_cache, T* v_cache, uint64_t tokens,
                          const RopeShape& shape, int64_t q_stride, int64_t k_stride, int64_t v_stride,
                          int64_t q_out_stride, const CacheShape& cache, uint32_t items, uint32_t groups) {
    let_next_kernel_begin();
    PreviousKernels previous;
    const TokenShare share(items, groups);
    HeadPiece<T> piece(share.item, shape);
    for (uint64_t token = share.token; token < tokens; token += share.step) {
        const int64_t row = int64_t(token);
        const uint32_t position = positions[token], sequence = sequences[token];
        // A token without a slot writes nothing to the cache.
        const bool valid = position < cache.capacity && sequence < cache.sequences;
        piece.look_up(position, frequencies);
        previous.wait();
        for (uint32_t head = share.group; head < shape.heads + 2 * shape.kv_heads; head += groups) {
            if (head < shape.heads) {
                const uint32_t column = head * shape.head_dim;
                piece.rotate(q + row * q_stride + column, q_out + row * q_out_stride + column, shape);
                continue;
            }
            if (!valid) break;
            const uint32_t kv_head = (head - shape.heads) % shape.kv_heads, column = kv_head * shape.head_dim;
            const int64_t slot = (int64_t(sequence) * shape.kv_heads + kv_head) * cache.capacity + position;
            if (head < shape.heads + shape.kv_heads) {
                piece.rotate(k + row * k_stride + column, k_cache + slot * cache.k_stride, shape);
                continue;
            }
            piece.copy(v + row * v_stride + column, v_cache + slot * cache.v_stride, shape.head_dim, items);
        }
    }
    previous.wait();
}

#define ROPE_PARAMETERS(T)                                                                                        \
    (const T* q, const T* k, const uint32_t* positions, const float* frequencies, T* q_out, T* k_out,            \
     uint64_t tokens, uint32_t heads, uint32_t kv_heads, uint32_t head_dim, uint32_t rotary, uint32_t interleaved, \
     int64_t q_stride, int64_t k_stride, int64_t q_out_stride, int64_t k_out_stride, uint32_t items,             \
     uint32_t groups)
#define ROPE_BODY                                                                                               \
    rope(q, k, positions, frequencies, q_out, k_out, tokens, {heads, kv_heads, head_dim, rotary, interleaved != 0}, \
         q_stride, k_stride, q_out_stride, k_out_stride, items, groups)
#define ROPE_CACHE_PARAMETERS(T)                                                                                  \
    (const T* q, const T* k, const T* v, const uint32_t* positions, const uint32_t* sequences,                   \
     const float* frequencies, T* q_out, T* k_cache, T* v_cache, uint64_t tokens, uint32_t heads,                \
     uint32_t kv_heads, uint32_t head_dim, uint32_t rotary, uint32_t interleaved, int64_t q_stride,              \
     int64_t k_stride, int64_t v_stride, int64_t q_out_stride, int64_t k_cache_stride, int64_t v_cache_stride,   \
     uint32_t cached_sequences, uint32_t capacity, uint32_t items, uint32_t groups)
#define ROPE_CACHE_BODY                                                                                          \
    rope_cache(q, k, v, positions, sequences, frequencies, q_out, k_cache, v_cache, tokens,                      \
               {heads, kv_heads, head_dim, rotary, interleaved != 0}, q_stride, k_stride, v_stride, q_out_stride, \
               {cached_sequences, capacity, k_cache_stride, v_cache_stride}, items, groups)

HG_KERNEL(rope_f32, 256, ROPE_PARAMETERS(float)) { ROPE_BODY; }
HG_KERNEL(rope_f16, 256, ROPE_PARAMETERS(f16)) { ROPE_BODY; }
HG_KERNEL(rope_bf16, 256, ROPE_PARAMETERS(bf16)) { ROPE_BODY; }

HG_KERNEL(rope_cache_f32, 256, ROPE_CACHE_PARAMETERS(float)) { ROPE_CACHE_BODY; }
HG_KERNEL(rope_cache_f16, 256, ROPE_CACHE_PARAMETERS(f16)) { ROPE_CACHE_BODY; }
HG_KERNEL(rope_cache_bf16, 256, ROPE_CACHE_PARAMETERS(bf16)) { ROPE_CACHE_BODY; }

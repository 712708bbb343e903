// Embedding: a row of the table for each token id. An id that is no row of the table reads nothing: its output is NaN, so
// that no logit of it is finite, and its flag is set.
//
// Bytes per token of n elements of T: reads n and a 4-byte id, writes n and a 4-byte flag. One 16-byte vector per thread
// and step; `blocks_per_row` blocks share a token, so that a single one still has all its loads in flight.
#include "storage.h"

constexpr uint32_t FLAG_INVALID_ID = 1;

template <typename T>
HG_DEVICE void embed_row(const T* source, bool valid, T* y, uint32_t columns, uint32_t lane, uint32_t lanes) {
    const float nan = bits_float(0x7FC00000u);
    Vector16<T> missing = {{0, 0, 0, 0}};
    HG_UNROLL
    for (uint32_t i = 0; i < Vector16<T>::COUNT; i++) set_element(missing, i, nan);
    // Vectors start where y is aligned; the table is read element by element if it is not aligned there.
    uint32_t head = (16 - misalignment<T>(y)) % 16 / sizeof(T);
    head = head < columns ? head : columns;
    const bool aligned = misalignment(source + head) == 0;
    const uint32_t vectors = (columns - head) / Vector16<T>::COUNT;
    for (uint32_t index = lane; index < vectors; index += lanes) {
        const uint32_t column = head + index * Vector16<T>::COUNT;
        store_vector(y + column, valid ? load_vector_or_elements(source + column, aligned) : missing);
    }
    const uint32_t body = vectors * Vector16<T>::COUNT;
    for (uint32_t n = lane; n < columns - body; n += lanes) {
        const uint32_t column = n < head ? n : n + body;
        y[column] = valid ? source[column] : from_float<T>(nan);
    }
}

template <typename T>
HG_DEVICE void embed(const uint32_t* ids, const T* table, T* y, uint32_t* flags, uint64_t tokens, uint32_t columns,
                     uint32_t vocab, int64_t table_stride, int64_t y_stride, uint32_t blocks_per_row) {
    begin_overlapped();
    const uint32_t part = blockIdx.x % blocks_per_row;
    const uint64_t step = gridDim.x / blocks_per_row;
    for (uint64_t token = blockIdx.x / blocks_per_row; token < tokens; token += step) {
        const uint32_t id = ids[token];
        const bool valid = id < vocab;
        if (part == 0 && threadIdx.x == 0) flags[token] = valid ? 0 : FLAG_INVALID_ID;
        embed_row(table + (valid ? int64_t(id) : 0) * table_stride, valid, y + int64_t(token) * y_stride, columns,
                  part * blockDim.x + threadIdx.x, blocks_per_row * blockDim.x);
    }
}

#define EMBEDDING_PARAMETERS(T)                                                                                  \
    (const uint32_t* ids, const T* table, T* y, uint32_t* flags, uint64_t tokens, uint32_t columns, uint32_t vocab, \
     int64_t table_stride, int64_t y_stride, uint32_t blocks_per_row)
#define EMBEDDING_BODY embed(ids, table, y, flags, tokens, columns, vocab, table_stride, y_stride, blocks_per_row)

HG_KERNEL(embedding_f32, 256, EMBEDDING_PARAMETERS(float)) { EMBEDDING_BODY; }
HG_KERNEL(embedding_f16, 256, EMBEDDING_PARAMETERS(f16)) { EMBEDDING_BODY; }
HG_KERNEL(embedding_bf16, 256, EMBEDDING_PARAMETERS(bf16)) { EMBEDDING_BODY; }

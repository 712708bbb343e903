// y = x + bias, a number of its own for each column: the end of a projection of a prompt, which a matrix product of a library
// leaves out.
//
// Bytes per row of n elements of T: reads n, writes n, and n for the bias, from cache. One vector of 16 bytes per thread and
// step.
#include "storage.h"

template <typename T>
HG_DEVICE T biased(T x, T bias) {
    return from_float<T>(to_float(x) + to_float(bias));
}

// `lanes` threads share a row. Each reads its elements before it writes them, so that `y` may be `x`.
template <typename T>
HG_DEVICE void add_bias_row(const T* x, const T* bias, T* y, uint32_t columns, uint32_t lane, uint32_t lanes) {
    constexpr uint32_t COUNT = Vector16<T>::COUNT;
    // Vectors start where y is aligned; the others are read element by element if they are not aligned there.
    uint32_t head = (16 - misalignment<T>(y)) % 16 / sizeof(T);
    head = head < columns ? head : columns;
    const bool x_aligned = misalignment(x + head) == 0, bias_aligned = misalignment(bias + head) == 0;
    const uint32_t vectors = (columns - head) / COUNT, body = vectors * COUNT;
    for (uint32_t index = lane; index < vectors; index += lanes) {
        const uint32_t column = head + index * COUNT;
        Vector16<T> sum = load_vector_or_elements(x + column, x_aligned);
        const Vector16<T> added = load_vector_or_elements(bias + column, bias_aligned);
        HG_UNROLL
        for (uint32_t i = 0; i < COUNT; i++) set_element(sum, i, get_element(sum, i) + get_element(added, i));
        store_vector(y + column, sum);
    }
    for (uint32_t n = lane; n < columns - body; n += lanes) {
        const uint32_t column = n < head ? n : n + body;
        y[column] = biased(x[column], bias[column]);
    }
}

template <typename T>
HG_DEVICE void add_bias(const T* x, const T* bias, T* y, uint64_t rows, uint32_t columns, int64_t x_stride,
                        int64_t y_stride, uint32_t blocks_per_row) {
    begin_overlapped();
    const uint32_t part = blockIdx.x % blocks_per_row;
    for (uint64_t row = blockIdx.x / blocks_per_row; row < rows; row += gridDim.x / blocks_per_row) {
        add_bias_row(x + int64_t(row) * x_stride, bias, y + int64_t(row) * y_stride, columns,
                     part * blockDim.x + threadIdx.x, blocks_per_row * blockDim.x);
    }
}

#define ADD_BIAS_PARAMETERS(T)                                                                                       \
    (const T* x, const T* bias, T* y, uint64_t rows, uint32_t columns, int64_t x_stride, int64_t y_stride,           \
     uint32_t blocks_per_row)
#define ADD_BIAS_BODY add_bias(x, bias, y, rows, columns, x_stride, y_stride, blocks_per_row)

HG_KERNEL(add_bias_f32, 256, ADD_BIAS_PARAMETERS(float)) { ADD_BIAS_BODY; }
HG_KERNEL(add_bias_f16, 256, ADD_BIAS_PARAMETERS(f16)) { ADD_BIAS_BODY; }
HG_KERNEL(add_bias_bf16, 256, ADD_BIAS_PARAMETERS(bf16)) { ADD_BIAS_BODY; }

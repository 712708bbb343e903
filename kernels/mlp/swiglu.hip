// SwiGLU (Shazeer, "GLU Variants Improve Transformer", 2020): y = gate * sigmoid(gate) * up, with gate and up as
// two tensors, or packed in one row, gate first.
//
// Bytes per row of n elements of T: reads 2n, writes n, once each. Every thread makes single elements and
// 16-byte vectors of one row; `blocks_per_row` blocks share a row, so that few rows still fill the device.
#include "storage.h"
#include "swiglu_value.h"

template <typename T>
struct SwigluRow {
    const T* gate;
    const T* up;
    T* y;
};

// `value` is swiglu_value, or plain_swiglu_value.
template <typename T, typename Value>
HG_DEVICE Vector16<T> swiglu_vector(const Vector16<T>& gate, const Vector16<T>& up, Value value) {
    Vector16<T> result = gate;
    HG_UNROLL
    for (uint32_t i = 0; i < Vector16<T>::COUNT; i++) {
        set_element(result, i, value(get_element(gate, i), get_element(up, i)));
    }
    return result;
}

template <typename T>
HG_DEVICE bool are_plain_gates(const Vector16<T>& gate) {
    bool all = true;
    HG_UNROLL
    for (uint32_t i = 0; i < Vector16<T>::COUNT; i++) all = all && is_plain_gate(get_element(gate, i));
    return all;
}

template <typename T>
HG_DEVICE void swiglu_row(const SwigluRow<T>& row, uint32_t columns, uint32_t lane, uint32_t lanes) {
    // Vectors start where y is aligned; gate and up are read element by element if they are not aligned there.
    uint32_t head = (16 - misalignment<T>(row.y)) % 16 / sizeof(T);
    head = head < columns ? head : columns;
    const bool gate_aligned = misalignment(row.gate + head) == 0, up_aligned = misalignment(row.up + head) == 0;
    const uint32_t vectors = (columns - head) / Vector16<T>::COUNT;
    for (uint32_t index = lane; index < vectors; index += lanes) {
        const uint32_t column = head + index * Vector16<T>::COUNT;
        const Vector16<T> gate = load_vector_or_elements(row.gate + column, gate_aligned);
        const Vector16<T> up = load_vector_or_elements(row.up + column, up_aligned);
        // One branch for a vector, so that its elements are worked out side by side.
        Vector16<T> result;
        if (are_plain_gates(gate)) {
            result = swiglu_vector(gate, up, [](float gate, float up) { return plain_swiglu_value(gate, up); });
        } else {
            result = swiglu_vector(gate, up, [](float gate, float up) { return swiglu_value(gate, up); });
        }
        store_vector(row.y + column, result);
    }
    const uint32_t body = vectors * Vector16<T>::COUNT;
    for (uint32_t n = lane; n < columns - body; n += lanes) {
        const uint32_t column = n < head ? n : n + body;
        row.y[column] = from_float<T>(swiglu_value(to_float(row.gate[column]), to_float(row.up[column])));
    }
}

// Rows per block is blockDim / group for short rows; long rows are shared by blocks_per_row blocks.
template <typename T>
HG_DEVICE void swiglu_rows(const T* gate, const T* up, T* y, uint64_t rows, uint32_t columns, int64_t gate_stride,
                           int64_t up_stride, int64_t y_stride, uint32_t group, uint32_t blocks_per_row) {
    begin_overlapped();
    const uint32_t rows_per_block = blockDim.x / group;
    const uint32_t lanes = group * blocks_per_row;
    const uint32_t lane = blockIdx.x % blocks_per_row * group + threadIdx.x % group;
    const uint64_t step = uint64_t(gridDim.x / blocks_per_row) * rows_per_block;
    const uint64_t first = uint64_t(blockIdx.x / blocks_per_row) * rows_per_block + threadIdx.x / group;
    for (uint64_t row = first; row < rows; row += step) {
        const int64_t r = int64_t(row);
        swiglu_row<T>({gate + r * gate_stride, up + r * up_stride, y + r * y_stride}, columns, lane, lanes);
    }
}

#define SWIGLU_PARAMETERS(T)                                                                                  \
    (const T* gate, const T* up, T* y, uint64_t rows, uint32_t columns, int64_t gate_stride, int64_t up_stride, \
     int64_t y_stride, uint32_t group, uint32_t blocks_per_row)
#define SWIGLU_PACKED_PARAMETERS(T)                                                              \
    (const T* packed, T* y, uint64_t rows, uint32_t columns, int64_t packed_stride, int64_t y_stride, \
     uint32_t group, uint32_t blocks_per_row)
#define SWIGLU_BODY \
    swiglu_rows(gate, up, y, rows, columns, gate_stride, up_stride, y_stride, group, blocks_per_row)
#define SWIGLU_PACKED_BODY                                                                                  \
    swiglu_rows(packed, packed + columns, y, rows, columns, packed_stride, packed_stride, y_stride, group, \
                blocks_per_row)

HG_KERNEL(swiglu_f32, 1024, SWIGLU_PARAMETERS(float)) { SWIGLU_BODY; }
HG_KERNEL(swiglu_f16, 1024, SWIGLU_PARAMETERS(f16)) { SWIGLU_BODY; }
HG_KERNEL(swiglu_bf16, 1024, SWIGLU_PARAMETERS(bf16)) { SWIGLU_BODY; }

HG_KERNEL(swiglu_packed_f32, 1024, SWIGLU_PACKED_PARAMETERS(float)) { SWIGLU_PACKED_BODY; }
HG_KERNEL(swiglu_packed_f16, 1024, SWIGLU_PACKED_PARAMETERS(f16)) { SWIGLU_PACKED_BODY; }
HG_KERNEL(swiglu_packed_bf16, 1024, SWIGLU_PACKED_PARAMETERS(bf16)) { SWIGLU_PACKED_BODY; }

// RMSNorm (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019): y = x * w / sqrt(mean(x^2) + eps),
// and the variant that first adds a residual: h = x + r, rounded to T and written back, then the norm of h.
//
// Bytes per row of H elements of T: reads H (2H with a residual), writes H (2H), and reads the weight's H, which
// stay in cache. One pass: a row stays in registers, as whole 16-byte vectors, between the sum and the output.
// The `_any` kernels take rows of any length and read them twice; the second read mostly hits the cache.
//
// `group` threads work on a row (a power of two, at least 16): part of a wave when several rows share a block, or
// the whole block. A row starts with up to 15 bytes of single elements until 16-byte alignment, then come
// vectors, then the rest, so that threads read and write 16 bytes each wherever x, y and the residual allow it.
#include "rms_scale.h"
#include "storage.h"

#define RMS_NORM_PARAMETERS(T)                                                                                   \
    (const T* x, const T* weight, T* y, uint64_t rows, uint32_t columns, int64_t x_stride, int64_t y_stride,     \
     float epsilon, uint32_t group)
#define RMS_NORM_RESIDUAL_PARAMETERS(T)                                                                          \
    (const T* x, const T* residual, const T* weight, T* y, T* residual_out, uint64_t rows, uint32_t columns,     \
     int64_t x_stride, int64_t residual_stride, int64_t y_stride, int64_t residual_out_stride, float epsilon,    \
     uint32_t group)

template <typename T>
struct RowPointers {
    const T* x;
    const T* residual;
    T* y;
    T* residual_out;
};

// How a row splits into single elements and vectors.
struct RowShape {
    uint32_t head;      // single elements before the first vector
    uint32_t vectors;
    uint32_t singles;   // head and tail together
    bool aligned;       // whether the vectors of x, y and the residuals are 16-byte aligned
    bool weight_aligned;
};

template <typename T, bool RESIDUAL>
HG_DEVICE RowShape row_shape(const RowPointers<T>& row, const T* weight, uint32_t columns) {
    const uint32_t start = misalignment(row.x);
    RowShape shape;
    shape.aligned = misalignment<T>(row.y) == start;
    if (RESIDUAL) {
        shape.aligned = shape.aligned && misalignment(row.residual) == start;
        shape.aligned = shape.aligned && misalignment<T>(row.residual_out) == start;
    }
    const uint32_t head = shape.aligned ? (16 - start) % 16 / sizeof(T) : 0;
    shape.head = head < columns ? head : columns;
    shape.vectors = (columns - shape.head) / Vector16<T>::COUNT;
    shape.singles = columns - shape.vectors * Vector16<T>::COUNT;
    shape.weight_aligned = misalignment(weight + shape.head) == 0;
    return shape;
}

// The row's values that are normalised: x, or x + residual rounded to T (and then written back).
template <typename T, bool RESIDUAL>
HG_DEVICE Vector16<T> take_vector(const RowPointers<T>& row, const RowShape& shape, uint32_t index) {
    const uint32_t column = shape.head + index * Vector16<T>::COUNT;
    Vector16<T> values = load_vector_or_elements(row.x + column, shape.aligned);
    if (RESIDUAL) {
        const Vector16<T> added = load_vector_or_elements(row.residual + column, shape.aligned);
        HG_UNROLL
        for (uint32_t i = 0; i < Vector16<T>::COUNT; i++) {
            set_element(values, i, get_element(values, i) + get_element(added, i));
        }
        store_vector_or_elements(row.residual_out + column, values, shape.aligned);
    }
    return values;
}

template <typename T, bool RESIDUAL>
HG_DEVICE float take_single(const RowPointers<T>& row, uint32_t column) {
    const float value = to_float(row.x[column]);
    if (!RESIDUAL) return value;
    const T sum = from_float<T>(value + to_float(row.residual[column]));
    row.residual_out[column] = sum;
    return to_float(sum);
}

// The n-th single element of a row: first the head, then the tail.
template <typename T>
HG_DEVICE uint32_t single_column(const RowShape& shape, uint32_t n) {
    return n < shape.head ? n : n + shape.vectors * Vector16<T>::COUNT;
}

template <typename Operator>
HG_DEVICE float row_reduce(float value, uint32_t group, float* slots) {
    return group <= wave_size() ? group_reduce<Operator>(value, group) : block_reduce<Operator>(value, slots);
}

// y = scale(x) * factor * weight
struct Normalizer {
    PowerScale scale;
    float factor;
    HG_MEMBER float apply(float x, float weight) const { return scale.apply(x) * factor * weight; }
};

template <typename T>
HG_DEVICE void add_squares(const Vector16<T>& values, PowerScale scale, float& sum) {
    HG_UNROLL
    for (uint32_t i = 0; i < Vector16<T>::COUNT; i++) {
        const float value = scale.apply(get_element(values, i));
        sum = fused_multiply_add(value, value, sum);
    }
}
template <typename T>
HG_DEVICE void add_magnitudes(const Vector16<T>& values, float& largest) {
    HG_UNROLL
    for (uint32_t i = 0; i < Vector16<T>::COUNT; i++) {
        const float value = get_element(values, i);
        largest = Maximum::combine(largest, value < 0.0f ? -value : value);
    }
}

template <typename T>
HG_DEVICE void write_vector(const RowPointers<T>& row, const RowShape& shape, uint32_t index, const T* weight,
                            const Normalizer& normalizer, Vector16<T> values) {
    const uint32_t column = shape.head + index * Vector16<T>::COUNT;
    const Vector16<T> weights = load_vector_or_elements(weight + column, shape.weight_aligned);
    HG_UNROLL
    for (uint32_t i = 0; i < Vector16<T>::COUNT; i++) {
        set_element(values, i, normalizer.apply(get_element(values, i), get_element(weights, i)));
    }
    store_vector_or_elements(row.y + column, values, shape.aligned);
}

// A row in registers: VECTORS vectors and one single element per thread.
template <typename T, uint32_t VECTORS, bool RESIDUAL>
struct RowValues {
    Vector16<T> vectors[VECTORS];
    float single;

    HG_MEMBER void take(const RowPointers<T>& row, const RowShape& shape, uint32_t lane, uint32_t group) {
        HG_UNROLL
        for (uint32_t i = 0; i < VECTORS; i++) {
            const uint32_t index = lane + i * group;
            vectors[i] = Vector16<T>{{0, 0, 0, 0}};
            if (index < shape.vectors) vectors[i] = take_vector<T, RESIDUAL>(row, shape, index);
        }
        single = 0.0f;
        if (lane < shape.singles) single = take_single<T, RESIDUAL>(row, single_column<T>(shape, lane));
    }
    // `visit(vector)` for each vector of the thread, index left out: padding vectors are zero.
    template <typename Visitor>
    HG_MEMBER void each(const RowPointers<T>&, const RowShape&, uint32_t, uint32_t, Visitor visit) const {
        HG_UNROLL
        for (uint32_t i = 0; i < VECTORS; i++) visit(vectors[i]);
    }
    HG_MEMBER void write(const RowPointers<T>& row, const RowShape& shape, uint32_t lane, uint32_t group,
                         const T* weight, const Normalizer& normalizer) const {
        HG_UNROLL
        for (uint32_t i = 0; i < VECTORS; i++) {
            const uint32_t index = lane + i * group;
            if (index < shape.vectors) write_vector(row, shape, index, weight, normalizer, vectors[i]);
        }
    }
};

// A row too long for registers: read again where it is needed. What a thread reads again it wrote itself.
template <typename T, bool RESIDUAL>
struct RowValues<T, 0, RESIDUAL> {
    float single;

    HG_MEMBER void take(const RowPointers<T>& row, const RowShape& shape, uint32_t lane, uint32_t group) {
        if (RESIDUAL) {
            for (uint32_t index = lane; index < shape.vectors; index += group) take_vector<T, RESIDUAL>(row, shape, index);
        }
        single = 0.0f;
        if (lane < shape.singles) single = take_single<T, RESIDUAL>(row, single_column<T>(shape, lane));
    }
    HG_MEMBER Vector16<T> again(const RowPointers<T>& row, const RowShape& shape, uint32_t index) const {
        return load_vector_or_elements((RESIDUAL ? row.residual_out : row.x) + shape.head + index * Vector16<T>::COUNT, shape.aligned);
    }
    template <typename Visitor>
    HG_MEMBER void each(const RowPointers<T>& row, const RowShape& shape, uint32_t lane, uint32_t group,
                        Visitor visit) const {
        for (uint32_t index = lane; index < shape.vectors; index += group) visit(again(row, shape, index));
    }
    HG_MEMBER void write(const RowPointers<T>& row, const RowShape& shape, uint32_t lane, uint32_t group,
                         const T* weight, const Normalizer& normalizer) const {
        for (uint32_t index = lane; index < shape.vectors; index += group) {
            write_vector(row, shape, index, weight, normalizer, again(row, shape, index));
        }
    }
};

struct RowStrides {
    int64_t x, residual, y, residual_out;
};

template <typename T, uint32_t VECTORS, bool RESIDUAL>
HG_DEVICE void normalize_rows(const RowPointers<T>& tensors, const RowStrides& strides, const T* weight, uint64_t rows,
                              uint32_t columns, float epsilon, uint32_t group, float* slots) {
    let_next_kernel_begin();
    // Every row waits for these, which are in memory when the kernels before have read what L2 holds.
    constexpr uint32_t LINE = 128 / sizeof(T);
    for (uint32_t column = threadIdx.x * LINE; column < columns; column += blockDim.x * LINE) prefetch(weight + column);
    wait_for_previous_kernels();
    const uint32_t rows_per_block = blockDim.x / group, lane = threadIdx.x & (group - 1);
    const uint64_t step = uint64_t(gridDim.x) * rows_per_block;
    for (uint64_t first = uint64_t(blockIdx.x) * rows_per_block; first < rows; first += step) {
        const uint64_t row_index = first + threadIdx.x / group;
        // Threads past the last row take part in the sums with nothing in hand.
        const bool active = row_index < rows;
        const int64_t r = active ? int64_t(row_index) : 0;
        const RowPointers<T> row = {tensors.x + r * strides.x, RESIDUAL ? tensors.residual + r * strides.residual : nullptr,
                                    tensors.y + r * strides.y,
                                    RESIDUAL ? tensors.residual_out + r * strides.residual_out : nullptr};
        RowShape shape = row_shape<T, RESIDUAL>(row, weight, columns);
        if (!active) shape.vectors = shape.singles = 0;

        RowValues<T, VECTORS, RESIDUAL> values;
        values.take(row, shape, lane, group);
        Normalizer normalizer = {{1.0f, 1.0f}, 0.0f};
        float sum = values.single * values.single;
        values.each(row, shape, lane, group,
                    [&](const Vector16<T>& vector) { add_squares(vector, normalizer.scale, sum); });
        sum = row_reduce<Sum>(sum, group, slots);
        float scaled_epsilon = epsilon;
        // The vote makes the branch uniform in a wave that holds several rows; a block with one row agrees anyway.
        if (wave_ballot(needs_scaling(sum, epsilon)) != 0) {
            float largest = Maximum::combine(square_root(epsilon), values.single < 0.0f ? -values.single : values.single);
            values.each(row, shape, lane, group, [&](const Vector16<T>& vector) { add_magnitudes(vector, largest); });
            largest = row_reduce<Maximum>(largest, group, slots);
            if (needs_scaling(sum, epsilon) && largest < bits_float(0x7F800000u)) {
                normalizer.scale = scale_to_one(largest);
            }
            scaled_epsilon = normalizer.scale.apply(normalizer.scale.apply(epsilon));
            const float single = normalizer.scale.apply(values.single);
            sum = single * single;
            values.each(row, shape, lane, group,
                        [&](const Vector16<T>& vector) { add_squares(vector, normalizer.scale, sum); });
            sum = row_reduce<Sum>(sum, group, slots);
        }
        normalizer.factor = reciprocal_root(sum, columns, scaled_epsilon);
        values.write(row, shape, lane, group, weight, normalizer);
        if (lane < shape.singles) {
            const uint32_t column = single_column<T>(shape, lane);
            row.y[column] = from_float<T>(normalizer.apply(values.single, to_float(weight[column])));
        }
    }
}

template <uint32_t VECTORS, typename T>
HG_DEVICE void rms_norm(const T* x, const T* weight, T* y, uint64_t rows, uint32_t columns, int64_t x_stride,
                        int64_t y_stride, float epsilon, uint32_t group, float* slots) {
    normalize_rows<T, VECTORS, false>({x, nullptr, y, nullptr}, {x_stride, 0, y_stride, 0}, weight, rows, columns,
                                      epsilon, group, slots);
}
template <uint32_t VECTORS, typename T>
HG_DEVICE void rms_norm_residual(const T* x, const T* residual, const T* weight, T* y, T* residual_out, uint64_t rows,
                                 uint32_t columns, int64_t x_stride, int64_t residual_stride, int64_t y_stride,
                                 int64_t residual_out_stride, float epsilon, uint32_t group, float* slots) {
    normalize_rows<T, VECTORS, true>({x, residual, y, residual_out},
                                     {x_stride, residual_stride, y_stride, residual_out_stride}, weight, rows, columns,
                                     epsilon, group, slots);
}

#define RMS_NORM_BODY(VECTORS)                                                                              \
    HG_SHARED(float, slots, BLOCK_REDUCE_SLOTS);                                                            \
    rms_norm<VECTORS>(x, weight, y, rows, columns, x_stride, y_stride, epsilon, group, slots)
#define RMS_NORM_RESIDUAL_BODY(VECTORS)                                                                     \
    HG_SHARED(float, slots, BLOCK_REDUCE_SLOTS);                                                            \
    rms_norm_residual<VECTORS>(x, residual, weight, y, residual_out, rows, columns, x_stride,               \
                               residual_stride, y_stride, residual_out_stride, epsilon, group, slots)

HG_KERNEL(rms_norm_f32_1, 1024, RMS_NORM_PARAMETERS(float)) { RMS_NORM_BODY(1); }
HG_KERNEL(rms_norm_f32_2, 1024, RMS_NORM_PARAMETERS(float)) { RMS_NORM_BODY(2); }
HG_KERNEL(rms_norm_f32_4, 1024, RMS_NORM_PARAMETERS(float)) { RMS_NORM_BODY(4); }
HG_KERNEL(rms_norm_f32_any, 1024, RMS_NORM_PARAMETERS(float)) { RMS_NORM_BODY(0); }
HG_KERNEL(rms_norm_f16_1, 1024, RMS_NORM_PARAMETERS(f16)) { RMS_NORM_BODY(1); }
HG_KERNEL(rms_norm_f16_2, 1024, RMS_NORM_PARAMETERS(f16)) { RMS_NORM_BODY(2); }
HG_KERNEL(rms_norm_f16_4, 1024, RMS_NORM_PARAMETERS(f16)) { RMS_NORM_BODY(4); }
HG_KERNEL(rms_norm_f16_any, 1024, RMS_NORM_PARAMETERS(f16)) { RMS_NORM_BODY(0); }
HG_KERNEL(rms_norm_bf16_1, 1024, RMS_NORM_PARAMETERS(bf16)) { RMS_NORM_BODY(1); }
HG_KERNEL(rms_norm_bf16_2, 1024, RMS_NORM_PARAMETERS(bf16)) { RMS_NORM_BODY(2); }
HG_KERNEL(rms_norm_bf16_4, 1024, RMS_NORM_PARAMETERS(bf16)) { RMS_NORM_BODY(4); }
HG_KERNEL(rms_norm_bf16_any, 1024, RMS_NORM_PARAMETERS(bf16)) { RMS_NORM_BODY(0); }

HG_KERNEL(rms_norm_residual_f32_1, 1024, RMS_NORM_RESIDUAL_PARAMETERS(float)) { RMS_NORM_RESIDUAL_BODY(1); }
HG_KERNEL(rms_norm_residual_f32_2, 1024, RMS_NORM_RESIDUAL_PARAMETERS(float)) { RMS_NORM_RESIDUAL_BODY(2); }
HG_KERNEL(rms_norm_residual_f32_4, 1024, RMS_NORM_RESIDUAL_PARAMETERS(float)) { RMS_NORM_RESIDUAL_BODY(4); }
HG_KERNEL(rms_norm_residual_f32_any, 1024, RMS_NORM_RESIDUAL_PARAMETERS(float)) { RMS_NORM_RESIDUAL_BODY(0); }
HG_KERNEL(rms_norm_residual_f16_1, 1024, RMS_NORM_RESIDUAL_PARAMETERS(f16)) { RMS_NORM_RESIDUAL_BODY(1); }
HG_KERNEL(rms_norm_residual_f16_2, 1024, RMS_NORM_RESIDUAL_PARAMETERS(f16)) { RMS_NORM_RESIDUAL_BODY(2); }
HG_KERNEL(rms_norm_residual_f16_4, 1024, RMS_NORM_RESIDUAL_PARAMETERS(f16)) { RMS_NORM_RESIDUAL_BODY(4); }
HG_KERNEL(rms_norm_residual_f16_any, 1024, RMS_NORM_RESIDUAL_PARAMETERS(f16)) { RMS_NORM_RESIDUAL_BODY(0); }
HG_KERNEL(rms_norm_residual_bf16_1, 1024, RMS_NORM_RESIDUAL_PARAMETERS(bf16)) { RMS_NORM_RESIDUAL_BODY(1); }
HG_KERNEL(rms_norm_residual_bf16_2, 1024, RMS_NORM_RESIDUAL_PARAMETERS(bf16)) { RMS_NORM_RESIDUAL_BODY(2); }
HG_KERNEL(rms_norm_residual_bf16_4, 1024, RMS_NORM_RESIDUAL_PARAMETERS(bf16)) { RMS_NORM_RESIDUAL_BODY(4); }
HG_KERNEL(rms_norm_residual_bf16_any, 1024, RMS_NORM_RESIDUAL_PARAMETERS(bf16)) { RMS_NORM_RESIDUAL_BODY(0); }

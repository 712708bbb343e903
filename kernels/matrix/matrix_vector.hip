// Matrix times vector, the work of decoding: y = W x (+ bias) (+ residual), W is [rows, columns]. W is stored as numbers, or
// in GGUF's quantised blocks, which are widened in registers.
//
// Bytes: reads W once, and x for each row, from cache; writes a number per row. Two operations for each weight: memory
// binds. A wave makes one row, or `waves_per_row` neighbouring waves share one where rows alone are too few to keep memory
// busy. Lanes read UNROLL consecutive vectors (or runs of 16 quantised weights) a step, so that UNROLL loads of each lane are
// in flight, and add their sums at the end; the waves of a row then add theirs, in order. Numbers of W are asked for before the
// kernel has waited for those ahead of it: the first loads are on their way while the last ones of another product come in.
//
// With three or five blocks decoding is slower: docs/performance.md, the last table of changes.
#define HG_RESIDENT_BLOCKS 4

#include "quantised.h"
#include "wave_share.h"

constexpr uint32_t UNROLL = 4;

template <typename T>
struct RowEnd {
    const T* bias;
    const T* residual;
    T* y;
    uint32_t rows;

    HG_MEMBER void write(uint32_t row, float sum) const {
        if (bias != nullptr) sum += to_float(bias[row]);
        if (residual != nullptr) sum += to_float(residual[row]);
        y[row] = from_float<T>(sum);
    }
};

// Makes the rows of the block: `product(row)` is a lane's sum over the wave's part of a row. Called by the whole block.
template <typename T, typename Product>
HG_DEVICE void block_rows(const RowEnd<T>& end, const WaveShare& share, float* slots, Product product) {
    const uint32_t row = share.row();
    const bool present = row < end.rows;
    float sum[1] = {present ? product(row) : 0.0f};
    add_over_waves(sum, share, slots);
    if (present && share.part() == 0 && lane_index() == 0) end.write(row, sum[0]);
}

template <typename T>
HG_DEVICE float part_of_row(const T* weight, const T* x, uint32_t columns, const WaveShare& share,
                            PreviousKernels& previous) {
    constexpr uint32_t COUNT = Vector16<T>::COUNT;
    const uint32_t lane = lane_index(), lanes = wave_size();
    // Where something is not aligned, which no engine has, single elements are right, if slow. Code that can read vectors from
    // anywhere made every other product slower.
    const uint32_t vectors = (misalignment(weight) | misalignment(x)) == 0 ? columns / COUNT : 0;
    const uint32_t stop = share.begin(vectors, share.part() + 1);
    float sum = 0.0f;
    for (uint32_t first = share.begin(vectors, share.part()); first < stop; first += UNROLL * lanes) {
        Vector16<T> a[UNROLL], b[UNROLL];
        HG_UNROLL
        for (uint32_t j = 0; j < UNROLL; j++) {
            const uint32_t index = first + j * lanes + lane;
            a[j] = Vector16<T>{{0, 0, 0, 0}};
            if (index < stop) a[j] = load_once(weight + index * COUNT);
        }
        previous.wait();
        HG_UNROLL
        for (uint32_t j = 0; j < UNROLL; j++) {
            const uint32_t index = first + j * lanes + lane;
            b[j] = Vector16<T>{{0, 0, 0, 0}};
            if (index < stop) b[j] = load_vector(x + index * COUNT);
        }
        HG_UNROLL
        for (uint32_t j = 0; j < UNROLL; j++) {
            HG_UNROLL
            for (uint32_t i = 0; i < COUNT; i++) {
                sum = fused_multiply_add(get_element(a[j], i), get_element(b[j], i), sum);
            }
        }
    }
    previous.wait();
    const uint32_t step = share.waves_per_row * lanes;
    for (uint32_t column = vectors * COUNT + share.part() * lanes + lane; column < columns; column += step) {
        sum = fused_multiply_add(to_float(weight[column]), to_float(x[column]), sum);
    }
    return sum;
}

template <typename T>
HG_DEVICE void matrix_vector(const T* weights, const T* x, const RowEnd<T>& end, uint32_t columns, int64_t stride,
                             const WaveShare& share, float* slots) {
    let_next_kernel_begin();
    PreviousKernels previous;
    block_rows(end, share, slots, [&](uint32_t row) {
        return part_of_row(weights + int64_t(row) * stride, x, columns, share, previous);
    });
    // Waves without a row.
    previous.wait();
}

template <typename Block, typename T>
HG_DEVICE float run_product(const uint8_t* row, uint32_t run, const T* x) {
    constexpr uint32_t RUNS = Block::WEIGHTS / RUN, COUNT = Vector16<T>::COUNT;
    const QuantRun weights = Block::run(row + uint64_t(run / RUNS) * Block::BYTES, run % RUNS);
    float dot = 0.0f, total = 0.0f;
    HG_UNROLL
    for (uint32_t first = 0; first < RUN; first += COUNT) {
        const T* address = x + run * RUN + first;
        const Vector16<T> vector = load_vector_or_elements(address, misalignment(address) == 0);
        HG_UNROLL
        for (uint32_t i = 0; i < COUNT; i++) {
            const float value = get_element(vector, i);
            dot = fused_multiply_add(weights.quant[first + i], value, dot);
            total += value;
        }
    }
    return fused_multiply_add(weights.scale, dot, weights.offset * total);
}

// `stride` is in units of 2 bytes.
template <typename Block, typename T>
HG_DEVICE void quantised_matrix_vector(const uint16_t* weights, const T* x, const RowEnd<T>& end, uint32_t columns,
                                       int64_t stride, const WaveShare& share, float* slots) {
    begin_overlapped();
    const uint32_t runs = columns / RUN, stop = share.begin(runs, share.part() + 1);
    block_rows(end, share, slots, [&](uint32_t row) {
        const uint8_t* blocks = reinterpret_cast<const uint8_t*>(weights + int64_t(row) * stride);
        float sum = 0.0f;
        for (uint32_t run = share.begin(runs, share.part()) + lane_index(); run < stop; run += wave_size()) {
            sum += run_product<Block>(blocks, run, x);
        }
        return sum;
    });
}

#define VECTOR_PARAMETERS(W, T)                                                                                       \
    (const W* weights, const T* x, const T* bias, const T* residual, T* y, uint64_t rows, uint32_t columns, \
     uint32_t waves_per_row, int64_t stride)
#define VECTOR_BODY(T)                      \
    HG_SHARED(float, slots, MOST_WAVES);    \
    matrix_vector<T>(weights, x, {bias, residual, y, uint32_t(rows)}, columns, stride, WaveShare(waves_per_row), slots)
#define QUANTISED_BODY(BLOCK, T)            \
    HG_SHARED(float, slots, MOST_WAVES);    \
    quantised_matrix_vector<BLOCK, T>(weights, x, {bias, residual, y, uint32_t(rows)}, columns, stride, WaveShare(waves_per_row), slots)


HG_KERNEL(matrix_vector_f32, VECTOR_THREADS, VECTOR_PARAMETERS(float, float)) { VECTOR_BODY(float); }
HG_KERNEL(matrix_vector_f16, VECTOR_THREADS, VECTOR_PARAMETERS(f16, f16)) { VECTOR_BODY(f16); }
HG_KERNEL(matrix_vector_bf16, VECTOR_THREADS, VECTOR_PARAMETERS(bf16, bf16)) { VECTOR_BODY(bf16); }

HG_KERNEL(matrix_vector_q8_0_f32, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, float)) { QUANTISED_BODY(Q8_0, float); }
HG_KERNEL(matrix_vector_q8_0_f16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, f16)) { QUANTISED_BODY(Q8_0, f16); }
HG_KERNEL(matrix_vector_q8_0_bf16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, bf16)) { QUANTISED_BODY(Q8_0, bf16); }

HG_KERNEL(matrix_vector_q4_0_f32, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, float)) { QUANTISED_BODY(Q4_0, float); }
HG_KERNEL(matrix_vector_q4_0_f16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, f16)) { QUANTISED_BODY(Q4_0, f16); }
HG_KERNEL(matrix_vector_q4_0_bf16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, bf16)) { QUANTISED_BODY(Q4_0, bf16); }

HG_KERNEL(matrix_vector_q4_k_f32, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, float)) { QUANTISED_BODY(Q4_K, float); }
HG_KERNEL(matrix_vector_q4_k_f16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, f16)) { QUANTISED_BODY(Q4_K, f16); }
HG_KERNEL(matrix_vector_q4_k_bf16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, bf16)) { QUANTISED_BODY(Q4_K, bf16); }

HG_KERNEL(matrix_vector_q5_k_f32, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, float)) { QUANTISED_BODY(Q5_K, float); }
HG_KERNEL(matrix_vector_q5_k_f16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, f16)) { QUANTISED_BODY(Q5_K, f16); }
HG_KERNEL(matrix_vector_q5_k_bf16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, bf16)) { QUANTISED_BODY(Q5_K, bf16); }

HG_KERNEL(matrix_vector_q6_k_f32, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, float)) { QUANTISED_BODY(Q6_K, float); }
HG_KERNEL(matrix_vector_q6_k_f16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, f16)) { QUANTISED_BODY(Q6_K, f16); }
HG_KERNEL(matrix_vector_q6_k_bf16, VECTOR_THREADS, VECTOR_PARAMETERS(uint16_t, bf16)) { QUANTISED_BODY(Q6_K, bf16); }

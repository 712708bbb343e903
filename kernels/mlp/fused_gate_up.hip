// The first half of a SwiGLU MLP for one token: y = swiglu(G n, U n), with n = x * gain / sqrt(mean(x^2) + eps). The weights
// [2 rows, columns] hold G over U. Neither the normalised vector nor gate and up are ever rounded to T or written.
//
// Bytes: reads the weights once, and x and the gain for each pair of rows, from cache; writes a number per pair. Memory binds.
// A wave, or waves_per_row neighbours, make a gate and its up.
//
// With three or five blocks decoding is slower: docs/performance.md, the last table of changes.
#define HG_RESIDENT_BLOCKS 4

#include "normalised_pair.h"
#include "swiglu_value.h"

template <typename T>
HG_DEVICE void fused_gate_up(const NormalisedVector<T>& vector, const T* weights, T* y, uint32_t rows, int64_t stride,
                             const WaveShare& share, float* slots) {
    let_next_kernel_begin();
    PreviousKernels previous;
    const uint32_t row = share.row();
    // Waves past the last row take part in the barriers with a row that exists.
    const int64_t gate = row < rows ? row : rows - 1;
    const RowPair<T> pair = {weights + gate * stride, weights + (gate + int64_t(rows)) * stride};
    const PairProducts products = pair_products(pair, vector, share, slots, [&]() { previous.wait(); });
    if (row < rows && share.part() == 0 && lane_index() == 0) {
        y[row] = from_float<T>(swiglu_value(products.first, products.second));
    }
}

#define GATE_UP_PARAMETERS(T)                                                                              \
    (const T* x, const T* gain, const T* weights, T* y, uint64_t rows, uint32_t columns, float epsilon, \
     uint32_t waves_per_row, int64_t stride)
#define GATE_UP_BODY(T)                                 \
    HG_SHARED(float, slots, PAIR_SUMS * MOST_WAVES);    \
    fused_gate_up<T>({x, gain, columns, epsilon}, weights, y, uint32_t(rows), stride, WaveShare(waves_per_row), slots)

HG_KERNEL(fused_gate_up_f32, VECTOR_THREADS, GATE_UP_PARAMETERS(float)) { GATE_UP_BODY(float); }
HG_KERNEL(fused_gate_up_f16, VECTOR_THREADS, GATE_UP_PARAMETERS(f16)) { GATE_UP_BODY(f16); }
HG_KERNEL(fused_gate_up_bf16, VECTOR_THREADS, GATE_UP_PARAMETERS(bf16)) { GATE_UP_BODY(bf16); }

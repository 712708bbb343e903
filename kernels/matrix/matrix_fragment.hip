// The matrix fragments of this architecture, tried out: tiles of 16 x 16 multiplied through every function that
// matrix_fragment.h provides. Engines have no use for it; it tells a wrong layout from a wrong kernel.
//
// A wave multiplies one pair of tiles, left [16, 16] and right [16, 16]. Bytes per pair: reads 1 KiB, writes 3.1 KiB.
#include "matrix_fragment.h"

constexpr uint32_t FRAGMENT_WAVES = 4;
// Elements between rows in shared memory.
constexpr uint32_t ROW_STRIDE = FRAGMENT_EDGE + 8;
constexpr uint32_t TILE_ELEMENTS = FRAGMENT_EDGE * FRAGMENT_EDGE;

struct FragmentOutputs {
    float* product;
    float* transposed;
    float* converted;
    float* row_sums;
};

HG_DEVICE void store_accumulator(const Accumulator& sum, float* tile) {
    HG_UNROLL
    for (uint32_t i = 0; i < accumulator_elements(); i++) {
        tile[slot_row(element_slot(i)) * FRAGMENT_EDGE + element_column(i)] = sum.value[i];
    }
}

template <typename T>
HG_DEVICE void matrix_fragment(const T* left, const T* right, const FragmentOutputs& outputs, uint32_t tiles, T* lefts,
                               T* rights) {
    const uint32_t lane = lane_index(), wave = threadIdx.x / fragment_lanes(), tile = blockIdx.x * FRAGMENT_WAVES + wave;
    const uint64_t first = uint64_t(tile) * TILE_ELEMENTS;
    lefts += wave * FRAGMENT_EDGE * ROW_STRIDE;
    rights += wave * FRAGMENT_EDGE * ROW_STRIDE;
    if (tile < tiles) {
        for (uint32_t n = lane; n < TILE_ELEMENTS; n += fragment_lanes()) {
            const uint32_t place = n / FRAGMENT_EDGE * ROW_STRIDE + n % FRAGMENT_EDGE;
            lefts[place] = left[first + n];
            rights[place] = right[first + n];
        }
    }
    __syncthreads();
    if (tile >= tiles) return;
    const Operand a = load_left(lefts, ROW_STRIDE), b = load_right(rights, ROW_STRIDE);
    Accumulator product = zero_accumulator(), transposed = zero_accumulator(), converted = zero_accumulator();
    multiply_add<T>(product, a, b);
    store_accumulator(product, outputs.product + first);
    multiply_add<T>(transposed, a, load_right_transposed(rights, ROW_STRIDE));
    store_accumulator(transposed, outputs.transposed + first);

    // The left tile as an accumulator, and back.
    Accumulator left_tile;
    HG_UNROLL
    for (uint32_t i = 0; i < accumulator_elements(); i++) {
        left_tile.value[i] = to_float(lefts[slot_row(element_slot(i)) * ROW_STRIDE + element_column(i)]);
    }
    multiply_add<T>(converted, round_to_left<T>(left_tile), b);
    store_accumulator(converted, outputs.converted + first);

    HG_UNROLL
    for (uint32_t slot = 0; slot < row_slots(); slot++) {
        float sum = 0.0f;
        HG_UNROLL
        for (uint32_t i = 0; i < accumulator_elements(); i++) {
            if (element_slot(i) == slot) sum += product.value[i];
        }
        sum = reduce_row<Sum>(sum);
        outputs.row_sums[uint64_t(tile) * FRAGMENT_EDGE + slot_row(slot)] = sum;
    }
}

#define FRAGMENT_PARAMETERS(T)                                                                                     \
    (const T* left, const T* right, float* product, float* transposed, float* converted, float* row_sums,          \
     uint32_t tiles)
#define FRAGMENT_BODY(T)                                                                                            \
    HG_SHARED(Words16, lefts, FRAGMENT_WAVES* FRAGMENT_EDGE* ROW_STRIDE / 8);                                       \
    HG_SHARED(Words16, rights, FRAGMENT_WAVES* FRAGMENT_EDGE* ROW_STRIDE / 8);                                      \
    matrix_fragment(left, right, {product, transposed, converted, row_sums}, tiles, reinterpret_cast<T*>(lefts),    \
                    reinterpret_cast<T*>(rights))

HG_KERNEL(matrix_fragment_f16, 256, FRAGMENT_PARAMETERS(f16)) { FRAGMENT_BODY(f16); }
HG_KERNEL(matrix_fragment_bf16, 256, FRAGMENT_PARAMETERS(bf16)) { FRAGMENT_BODY(bf16); }

// Matrix fragments where there are no matrix cores, with f32 fused multiply-adds, and on the host, with sums like those of matrix
// cores. The operands are exchanged through shared memory. Waves of 32 have the layout of NVIDIA's mma.m16n8k16, two rows for
// each lane, and waves of 64 that of AMD's MFMA, one row: the emulator runs kernels with both kinds.
#pragma once

constexpr uint32_t OPERAND_WORDS = 4, MOST_ELEMENTS = 8, MOST_SLOTS = 2, MOST_FRAGMENT_LANES = 64;
constexpr uint32_t FRAGMENT_SHARED_BYTES = 20 * 1024;
constexpr bool FEW_REGISTERS = true;
#if defined(__AMDGCN__) || defined(__CUDA_ARCH__)
constexpr bool SUMS_ARE_CUT_OFF = false;
#else
constexpr bool SUMS_ARE_CUT_OFF = true;
#endif
#if defined(__AMDGCN__)
constexpr uint32_t WAVE_FRAGMENTS = 1, MOST_KEPT_QUERIES = 128;
#else
constexpr uint32_t WAVE_FRAGMENTS = 2, MOST_KEPT_QUERIES = 64;
#endif

struct Operand {
    uint32_t words[OPERAND_WORDS];
};
struct Accumulator {
    float value[MOST_ELEMENTS];
};

#if defined(__GFX9__)
HG_DEVICE uint32_t fragment_lanes() { return 64; }
#elif defined(__AMDGCN__) || defined(__CUDA_ARCH__)
HG_DEVICE uint32_t fragment_lanes() { return 32; }
#else
HG_DEVICE uint32_t fragment_lanes() { return wave_size(); }
#endif

HG_DEVICE uint32_t row_slots() { return fragment_lanes() == 32 ? 2 : 1; }
HG_DEVICE uint32_t accumulator_elements() { return 4 * row_slots(); }
HG_DEVICE uint32_t operand_words() { return fragment_lanes() == 32 ? 4 : 2; }
HG_DEVICE uint32_t element_slot(uint32_t i) { return fragment_lanes() == 32 ? i / 2 % 2 : 0; }
HG_DEVICE uint32_t element_column(uint32_t i) {
    return fragment_lanes() == 32 ? i / 4 * 8 + lane_index() % 4 * 2 + i % 2 : lane_index() / 16 * 4 + i;
}
HG_DEVICE uint32_t slot_row(uint32_t slot) {
    return fragment_lanes() == 32 ? lane_index() / 4 + slot * 8 : lane_index() % 16;
}
// The element in a lane's n-th column, of four, on one of its rows.
HG_DEVICE uint32_t element_at(uint32_t n, uint32_t slot) {
    return fragment_lanes() == 32 ? n / 2 * 4 + slot * 2 + n % 2 : n;
}
// Where the pair of elements of an operand's word is: its row, and half of its first k.
HG_DEVICE uint32_t left_row(uint32_t i) { return fragment_lanes() == 32 ? lane_index() / 4 + i % 2 * 8 : lane_index() % 16; }
HG_DEVICE uint32_t left_pair(uint32_t i) {
    return fragment_lanes() == 32 ? lane_index() % 4 + i / 2 * 4 : lane_index() / 16 * 2 + i;
}
HG_DEVICE uint32_t right_row(uint32_t i) { return fragment_lanes() == 32 ? lane_index() / 4 + i / 2 * 8 : lane_index() % 16; }
HG_DEVICE uint32_t right_pair(uint32_t i) {
    return fragment_lanes() == 32 ? lane_index() % 4 + i % 2 * 4 : lane_index() / 16 * 2 + i;
}

template <typename Operator>
HG_DEVICE float reduce_row(float value) {
    const uint32_t first = fragment_lanes() == 32 ? 1 : 16;
    value = Operator::combine(value, wave_shuffle_xor(value, first));
    return Operator::combine(value, wave_shuffle_xor(value, 2 * first));
}

HG_DEVICE uint32_t load_pair(const void* address) { return *reinterpret_cast<const uint32_t*>(address); }

template <typename T>
HG_DEVICE Operand load_left(const T* tile, uint32_t stride) {
    Operand operand;
    HG_UNROLL
    for (uint32_t i = 0; i < operand_words(); i++) operand.words[i] = load_pair(tile + left_row(i) * stride + 2 * left_pair(i));
    return operand;
}
template <typename T>
HG_DEVICE Operand load_right(const T* tile, uint32_t stride) {
    Operand operand;
    HG_UNROLL
    for (uint32_t i = 0; i < operand_words(); i++) {
        operand.words[i] = load_pair(tile + right_row(i) * stride + 2 * right_pair(i));
    }
    return operand;
}
template <typename T>
HG_DEVICE Operand load_right_transposed(const T* tile, uint32_t stride) {
    Operand operand;
    HG_UNROLL
    for (uint32_t i = 0; i < operand_words(); i++) {
        const T* pair = tile + 2 * right_pair(i) * stride + right_row(i);
        operand.words[i] = pack_halves(pair[0].bits, pair[stride].bits);
    }
    return operand;
}

template <typename T>
HG_DEVICE Operand round_to_left(Accumulator& sum) {
    Operand left;
    HG_UNROLL
    for (uint32_t i = 0; i < operand_words(); i++) {
        left.words[i] = pack_halves(storage_bits(sum.value[2 * i], T{}), storage_bits(sum.value[2 * i + 1], T{}));
        sum.value[2 * i] = low_half<T>(left.words[i]);
        sum.value[2 * i + 1] = high_half<T>(left.words[i]);
    }
    return left;
}

#if defined(__AMDGCN__) || defined(__CUDA_ARCH__)
constexpr bool ADDS_ALL_PRODUCTS = false;
template <typename T>
struct ProductRow {
    Vector16<T> half;
    HG_MEMBER void load(const T* from) { half = load_vector(from); }
};
template <typename T>
HG_DEVICE float add_products(const ProductRow<T>& row, const ProductRow<T>& column, float sum) {
    HG_UNROLL
    for (uint32_t k = 0; k < Vector16<T>::COUNT; k++) {
        sum = fused_multiply_add(get_element(row.half, k), get_element(column.half, k), sum);
    }
    return sum;
}
#else
#include "matrix_core_sums.h"
#endif

template <typename T>
HG_DEVICE void multiply_add(Accumulator& sum, const Operand& left, const Operand& right) {
    // Eight words a row, 32 rows a wave, 8 waves of 32 or 4 of 64.
    constexpr uint32_t ROW = FRAGMENT_EDGE / 2, SIDE = FRAGMENT_EDGE * ROW;
    HG_SHARED(Words16, fragment_exchange, 8 * 2 * SIDE / 4);
    uint32_t* lefts = reinterpret_cast<uint32_t*>(fragment_exchange) + threadIdx.x / fragment_lanes() * 2 * SIDE;
    uint32_t* rights = lefts + SIDE;
    HG_UNROLL
    for (uint32_t i = 0; i < operand_words(); i++) {
        lefts[left_row(i) * ROW + left_pair(i)] = left.words[i];
        rights[right_row(i) * ROW + right_pair(i)] = right.words[i];
    }
    wave_barrier();
    const T* const left_rows = reinterpret_cast<const T*>(lefts);
    const T* const right_rows = reinterpret_cast<const T*>(rights);
    // Half of the products at a time, and not unrolled, to save registers.
    constexpr uint32_t TOGETHER = ADDS_ALL_PRODUCTS ? FRAGMENT_EDGE : FRAGMENT_EDGE / 2;
    HG_NO_UNROLL
    for (uint32_t k = 0; k < FRAGMENT_EDGE; k += TOGETHER) {
        ProductRow<T> rows[MOST_SLOTS];
        HG_UNROLL
        for (uint32_t slot = 0; slot < row_slots(); slot++) rows[slot].load(left_rows + slot_row(slot) * FRAGMENT_EDGE + k);
        HG_UNROLL
        for (uint32_t n = 0; n < 4; n++) {
            ProductRow<T> column;
            column.load(right_rows + element_column(element_at(n, 0)) * FRAGMENT_EDGE + k);
            HG_UNROLL
            for (uint32_t slot = 0; slot < row_slots(); slot++) {
                float& dot = sum.value[element_at(n, slot)];
                dot = add_products(rows[slot], column, dot);
            }
        }
    }
    wave_barrier();
}

#if defined(__AMDGCN__)
HG_DEVICE void limit_registers() { __builtin_amdgcn_sched_barrier(0); }
#else
HG_DEVICE void limit_registers() {}
#endif

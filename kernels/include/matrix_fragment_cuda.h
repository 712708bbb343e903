// Matrix fragments on NVIDIA GPUs of compute capability 8.0 and later: two mma.m16n8k16 for a tile. Lanes as the PTX ISA has
// them: with g = lane / 4 and t = lane % 4, a lane's elements are on rows g and g + 8, in columns 2t and 2t + 1 of each
// half. An accumulator's elements are where a left operand's are, so that rounding one gives the other.
#pragma once

#include "shared_copy.h"

constexpr uint32_t OPERAND_WORDS = 4, MOST_ELEMENTS = 8, MOST_SLOTS = 2, MOST_FRAGMENT_LANES = 32;
// Three blocks of 128 threads have the registers; 228 KiB of shared memory on compute capability 9.0, 100 on 8.9.
constexpr uint32_t FRAGMENT_SHARED_BYTES = 36 * 1024;
constexpr bool FEW_REGISTERS = false;
constexpr bool SUMS_ARE_CUT_OFF = true;
constexpr uint32_t WAVE_FRAGMENTS = 2, MOST_KEPT_QUERIES = 64;

struct Operand {
    uint32_t words[OPERAND_WORDS];
};
struct Accumulator {
    float value[MOST_ELEMENTS];
};

HG_DEVICE uint32_t fragment_lanes() { return 32; }
HG_DEVICE uint32_t accumulator_elements() { return 8; }
HG_DEVICE uint32_t row_slots() { return 2; }
HG_DEVICE uint32_t element_slot(uint32_t i) { return i / 2 % 2; }
HG_DEVICE uint32_t element_column(uint32_t i) { return i / 4 * 8 + lane_index() % 4 * 2 + i % 2; }
HG_DEVICE uint32_t slot_row(uint32_t slot) { return lane_index() / 4 + slot * 8; }

template <typename Operator>
HG_DEVICE float reduce_row(float value) {
    return group_reduce<Operator>(value, 4);
}

// Four 8 x 8 matrices, whose rows are at the addresses of lanes 0 to 7, 8 to 15, 16 to 23 and 24 to 31.
HG_DEVICE Operand load_matrices(uint32_t row) {
    Operand operand;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(operand.words[0]), "=r"(operand.words[1]), "=r"(operand.words[2]), "=r"(operand.words[3])
                 : "r"(row)
                 : "memory");
    return operand;
}
HG_DEVICE Operand load_matrices_transposed(uint32_t row) {
    Operand operand;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(operand.words[0]), "=r"(operand.words[1]), "=r"(operand.words[2]), "=r"(operand.words[3])
                 : "r"(row)
                 : "memory");
    return operand;
}

// Words: rows 0 to 7 and 8 to 15 of the first eight k, then of the last eight.
template <typename T>
struct LeftPlace {
    uint32_t row;
    HG_MEMBER LeftPlace() {}
    HG_MEMBER LeftPlace(const T* tile, uint32_t stride) {
        const uint32_t lane = lane_index();
        row = shared_address(tile + lane % 16 * stride + lane / 16 * 8);
    }
};
// Words: both halves of k of rows 0 to 7, then of rows 8 to 15.
template <typename T>
struct RightPlace {
    uint32_t row;
    HG_MEMBER RightPlace() {}
    HG_MEMBER RightPlace(const T* tile, uint32_t stride) {
        const uint32_t lane = lane_index();
        row = shared_address(tile + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 8);
    }
};
template <typename T>
struct TransposedPlace {
    uint32_t row;
    HG_MEMBER TransposedPlace() {}
    HG_MEMBER TransposedPlace(const T* tile, uint32_t stride) {
        const uint32_t lane = lane_index();
        row = shared_address(tile + lane % 16 * stride + lane / 16 * 8);
    }
};

template <typename T>
HG_DEVICE Operand load_left(const LeftPlace<T>& place, uint32_t offset) {
    return load_matrices(place.row + offset * 2);
}
template <typename T>
HG_DEVICE Operand load_right(const RightPlace<T>& place, uint32_t offset) {
    return load_matrices(place.row + offset * 2);
}
template <typename T>
HG_DEVICE Operand load_right_transposed(const TransposedPlace<T>& place, uint32_t offset) {
    return load_matrices_transposed(place.row + offset * 2);
}
template <typename T>
HG_DEVICE Operand load_left(const T* tile, uint32_t stride) {
    return load_left(LeftPlace<T>(tile, stride), 0);
}
template <typename T>
HG_DEVICE Operand load_right(const T* tile, uint32_t stride) {
    return load_right(RightPlace<T>(tile, stride), 0);
}
template <typename T>
HG_DEVICE Operand load_right_transposed(const T* tile, uint32_t stride) {
    return load_right_transposed(TransposedPlace<T>(tile, stride), 0);
}

HG_DEVICE uint32_t pack_rounded(float low, float high, bf16) {
    uint32_t word;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
}
HG_DEVICE uint32_t pack_rounded(float low, float high, f16) {
    uint32_t word;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
}

template <typename T>
HG_DEVICE Operand round_to_left(Accumulator& sum) {
    Operand left;
    HG_UNROLL
    for (uint32_t i = 0; i < OPERAND_WORDS; i++) {
        const uint32_t word = pack_rounded(sum.value[2 * i], sum.value[2 * i + 1], T{});
        left.words[i] = word;
        sum.value[2 * i] = low_half<T>(word);
        sum.value[2 * i + 1] = high_half<T>(word);
    }
    return left;
}

#define MULTIPLY_HALF(TYPE)                                                                                   \
    asm("mma.sync.aligned.m16n8k16.row.col.f32." TYPE "." TYPE ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, " \
        "{%0, %1, %2, %3};"                                                                                   \
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                      \
        : "r"(left.words[0]), "r"(left.words[1]), "r"(left.words[2]), "r"(left.words[3]), "r"(b0), "r"(b1))

HG_DEVICE void multiply_half(float* d, const Operand& left, uint32_t b0, uint32_t b1, bf16) { MULTIPLY_HALF("bf16"); }
HG_DEVICE void multiply_half(float* d, const Operand& left, uint32_t b0, uint32_t b1, f16) { MULTIPLY_HALF("f16"); }

template <typename T>
HG_DEVICE void multiply_add(Accumulator& sum, const Operand& left, const Operand& right) {
    multiply_half(sum.value, left, right.words[0], right.words[1], T{});
    multiply_half(sum.value + 4, left, right.words[2], right.words[3], T{});
}

HG_DEVICE void limit_registers() {}

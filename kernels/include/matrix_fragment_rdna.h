// Matrix fragments on AMD RDNA 3 and 4, waves of 32: WMMA of 16 x 16 tiles. The operands are exchanged, which transposes the
// result: a lane's elements are all on row lane % 16.
//
// RDNA 3: a lane holds the whole row lane % 16 of either operand, both halves of the wave the same; of the result it holds
// columns 2i + lane / 16. RDNA 4: a lane holds elements 8 * (lane / 16) to + 7 of both. ("RDNA3" and "RDNA4 Instruction Set
// Architecture", section Wave Matrix Multiply Accumulate.)
#pragma once

constexpr uint32_t MOST_ELEMENTS = 8, MOST_SLOTS = 1, MOST_FRAGMENT_LANES = 32;
// Three blocks in 64 KiB.
constexpr uint32_t FRAGMENT_SHARED_BYTES = 20 * 1024;
constexpr bool FEW_REGISTERS = true;
constexpr bool SUMS_ARE_CUT_OFF = true;
constexpr uint32_t WAVE_FRAGMENTS = 1, MOST_KEPT_QUERIES = 128;

#if defined(__GFX11__)
constexpr uint32_t OPERAND_WORDS = 8;
typedef short ShortsVector __attribute__((ext_vector_type(16)));
typedef _Float16 HalvesVector __attribute__((ext_vector_type(16)));
#else
constexpr uint32_t OPERAND_WORDS = 4;
typedef short ShortsVector __attribute__((ext_vector_type(8)));
typedef _Float16 HalvesVector __attribute__((ext_vector_type(8)));
#endif
typedef float Floats8Vector __attribute__((ext_vector_type(8)));

struct Operand {
    uint32_t words[OPERAND_WORDS];
};
struct Accumulator {
    float value[MOST_ELEMENTS];
};

HG_DEVICE uint32_t fragment_lanes() { return 32; }
HG_DEVICE uint32_t accumulator_elements() { return 8; }
HG_DEVICE uint32_t row_slots() { return 1; }
HG_DEVICE uint32_t element_slot(uint32_t) { return 0; }
HG_DEVICE uint32_t slot_row(uint32_t) { return lane_index() % 16; }
// The first k that a lane holds.
HG_DEVICE uint32_t first_k() { return OPERAND_WORDS == 8 ? 0 : lane_index() / 16 * 8; }
HG_DEVICE uint32_t element_column(uint32_t i) {
    return OPERAND_WORDS == 8 ? 2 * i + lane_index() / 16 : lane_index() / 16 * 8 + i;
}

template <typename Operator>
HG_DEVICE float reduce_row(float value) {
    return Operator::combine(value, wave_shuffle_xor(value, 16));
}

template <typename T>
HG_DEVICE Operand load_left(const T* tile, uint32_t stride) {
    const Words16* row = reinterpret_cast<const Words16*>(tile + lane_index() % 16 * stride + first_k());
    Operand operand;
    HG_UNROLL
    for (uint32_t i = 0; i < OPERAND_WORDS / 4; i++) {
        const Words16 words = row[i];
        operand.words[4 * i] = words.x;
        operand.words[4 * i + 1] = words.y;
        operand.words[4 * i + 2] = words.z;
        operand.words[4 * i + 3] = words.w;
    }
    return operand;
}
template <typename T>
HG_DEVICE Operand load_right(const T* tile, uint32_t stride) {
    return load_left(tile, stride);
}
template <typename T>
HG_DEVICE Operand load_right_transposed(const T* tile, uint32_t stride) {
    const T* column = tile + first_k() * stride + lane_index() % 16;
    Operand operand;
    HG_UNROLL
    for (uint32_t i = 0; i < OPERAND_WORDS; i++) {
        operand.words[i] = pack_halves(column[2 * i * stride].bits, column[(2 * i + 1) * stride].bits);
    }
    return operand;
}

template <typename T>
HG_DEVICE Operand round_to_left(Accumulator& sum) {
    uint32_t words[4];
    HG_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        words[i] = pack_halves(storage_bits(sum.value[2 * i], T{}), storage_bits(sum.value[2 * i + 1], T{}));
        sum.value[2 * i] = low_half<T>(words[i]);
        sum.value[2 * i + 1] = high_half<T>(words[i]);
    }
    Operand left;
#if defined(__GFX11__)
    // Lanes 0 to 15 have the even columns, lanes 16 to 31 the odd ones, and each needs both.
    const bool odd = lane_index() >= 16;
    HG_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t other = wave_shuffle_xor(words[i], 16), even_columns = odd ? other : words[i];
        const uint32_t odd_columns = odd ? words[i] : other;
        left.words[2 * i] = pack_halves(even_columns & 0xFFFFu, odd_columns & 0xFFFFu);
        left.words[2 * i + 1] = pack_halves(even_columns >> 16, odd_columns >> 16);
    }
#else
    HG_UNROLL
    for (uint32_t i = 0; i < 4; i++) left.words[i] = words[i];
#endif
    return left;
}

HG_DEVICE Floats8Vector multiply_vectors(const Operand& a, const Operand& b, Floats8Vector sum, bf16) {
    const ShortsVector x = __builtin_bit_cast(ShortsVector, a), y = __builtin_bit_cast(ShortsVector, b);
#if defined(__GFX11__)
    return __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(x, y, sum);
#else
    return __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(x, y, sum);
#endif
}
HG_DEVICE Floats8Vector multiply_vectors(const Operand& a, const Operand& b, Floats8Vector sum, f16) {
    const HalvesVector x = __builtin_bit_cast(HalvesVector, a), y = __builtin_bit_cast(HalvesVector, b);
#if defined(__GFX11__)
    return __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(x, y, sum);
#else
    return __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(x, y, sum);
#endif
}

template <typename T>
HG_DEVICE void multiply_add(Accumulator& sum, const Operand& left, const Operand& right) {
    sum = __builtin_bit_cast(Accumulator, multiply_vectors(right, left, __builtin_bit_cast(Floats8Vector, sum), T{}));
}

HG_DEVICE void limit_registers() { __builtin_amdgcn_sched_barrier(0); }

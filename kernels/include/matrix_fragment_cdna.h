// Matrix fragments on AMD CDNA, waves of 64: MFMA of 16 x 16 tiles. Lanes as AMD's matrix instruction calculator has them: a
// lane holds elements 4 * (lane / 16) to + 3 of k, of the row (or column) lane % 16 of either operand, and the
// same rows of one column of the result. The operands are exchanged, which transposes the result: a lane has four columns
// of one row, and they are where a left operand has them.
//
// MFMA of 16-bit numbers on gfx90a and before flush subnormal operands to zero ("MI200 matrix fused multiply-add behavior
// specifics", AMD). There operands are widened, and multiplied by four MFMA of f32, at a quarter of the speed.
#pragma once

constexpr uint32_t OPERAND_WORDS = 2, MOST_ELEMENTS = 4, MOST_SLOTS = 1, MOST_FRAGMENT_LANES = 64;
// Three blocks in 64 KiB.
constexpr uint32_t FRAGMENT_SHARED_BYTES = 20 * 1024;
constexpr bool FEW_REGISTERS = false;
constexpr bool SUMS_ARE_CUT_OFF = true;
constexpr uint32_t WAVE_FRAGMENTS = 1, MOST_KEPT_QUERIES = 128;

struct Operand {
    uint32_t words[OPERAND_WORDS];
};
struct Accumulator {
    float value[MOST_ELEMENTS];
};

HG_DEVICE uint32_t fragment_lanes() { return 64; }
HG_DEVICE uint32_t accumulator_elements() { return 4; }
HG_DEVICE uint32_t row_slots() { return 1; }
HG_DEVICE uint32_t element_slot(uint32_t) { return 0; }
HG_DEVICE uint32_t element_column(uint32_t i) { return lane_index() / 16 * 4 + i; }
HG_DEVICE uint32_t slot_row(uint32_t) { return lane_index() % 16; }

template <typename Operator>
HG_DEVICE float reduce_row(float value) {
    value = Operator::combine(value, wave_shuffle_xor(value, 16));
    return Operator::combine(value, wave_shuffle_xor(value, 32));
}

struct alignas(8) OperandWords {
    uint32_t x, y;
};

template <typename T>
HG_DEVICE Operand load_left(const T* tile, uint32_t stride) {
    const uint32_t lane = lane_index();
    const OperandWords words = *reinterpret_cast<const OperandWords*>(tile + lane % 16 * stride + lane / 16 * 4);
    return {{words.x, words.y}};
}
template <typename T>
HG_DEVICE Operand load_right(const T* tile, uint32_t stride) {
    return load_left(tile, stride);
}
template <typename T>
HG_DEVICE Operand load_right_transposed(const T* tile, uint32_t stride) {
    const T* column = tile + lane_index() / 16 * 4 * stride + lane_index() % 16;
    return {{pack_halves(column[0].bits, column[stride].bits), pack_halves(column[2 * stride].bits, column[3 * stride].bits)}};
}

template <typename T>
HG_DEVICE Operand round_to_left(Accumulator& sum) {
    Operand left;
    HG_UNROLL
    for (uint32_t i = 0; i < OPERAND_WORDS; i++) {
        left.words[i] = pack_halves(storage_bits(sum.value[2 * i], T{}), storage_bits(sum.value[2 * i + 1], T{}));
        sum.value[2 * i] = low_half<T>(left.words[i]);
        sum.value[2 * i + 1] = high_half<T>(left.words[i]);
    }
    return left;
}

typedef float Floats4Vector __attribute__((ext_vector_type(4)));
typedef short Shorts4Vector __attribute__((ext_vector_type(4)));
typedef _Float16 Halves4Vector __attribute__((ext_vector_type(4)));

#if defined(__gfx942__) || defined(__gfx950__)
HG_DEVICE Floats4Vector multiply_vectors(const Operand& a, const Operand& b, Floats4Vector sum, bf16) {
    return __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(__builtin_bit_cast(Shorts4Vector, a),
                                                     __builtin_bit_cast(Shorts4Vector, b), sum, 0, 0, 0);
}
HG_DEVICE Floats4Vector multiply_vectors(const Operand& a, const Operand& b, Floats4Vector sum, f16) {
    return __builtin_amdgcn_mfma_f32_16x16x16f16(__builtin_bit_cast(Halves4Vector, a),
                                                 __builtin_bit_cast(Halves4Vector, b), sum, 0, 0, 0);
}
#else
// A step of four k takes one of each lane's four: the same in both operands, so that the order of k does not matter.
template <typename T>
HG_DEVICE Floats4Vector multiply_vectors(const Operand& a, const Operand& b, Floats4Vector sum, T) {
    HG_UNROLL
    for (uint32_t i = 0; i < OPERAND_WORDS; i++) {
        sum = __builtin_amdgcn_mfma_f32_16x16x4f32(low_half<T>(a.words[i]), low_half<T>(b.words[i]), sum, 0, 0, 0);
        sum = __builtin_amdgcn_mfma_f32_16x16x4f32(high_half<T>(a.words[i]), high_half<T>(b.words[i]), sum, 0, 0, 0);
    }
    return sum;
}
#endif

template <typename T>
HG_DEVICE void multiply_add(Accumulator& sum, const Operand& left, const Operand& right) {
    sum = __builtin_bit_cast(Accumulator, multiply_vectors(right, left, __builtin_bit_cast(Floats4Vector, sum), T{}));
}

HG_DEVICE void limit_registers() { __builtin_amdgcn_sched_barrier(0); }

// What a wave does with a tile of keys and values in attention on matrix cores: scores, weights, and weights times values,
// for 16 or 32 rows of queries. prefill_block.h says how a block goes about it.
#pragma once

#include "matrix_fragment.h"
#include "online_softmax.h"

// Fragments down that a wave has, and whether both passes have the same code, for which RDNA has not the registers: see
// prefill_block.h.
#if defined(HG_SHORT_PROMPT)
constexpr uint32_t ROW_FRAGMENTS = 1;
#if defined(__AMDGCN__)
constexpr bool ONE_COPY_OF_PASS = !FEW_REGISTERS;
#else
constexpr bool ONE_COPY_OF_PASS = true;
#endif
#else
constexpr uint32_t ROW_FRAGMENTS = WAVE_FRAGMENTS;
constexpr bool ONE_COPY_OF_PASS = false;
#endif

constexpr uint32_t PREFILL_WAVES = 4;
constexpr uint32_t WAVE_ROWS = ROW_FRAGMENTS * FRAGMENT_EDGE;
constexpr uint32_t BLOCK_ROWS = PREFILL_WAVES * WAVE_ROWS;
// Elements of a 16-byte vector.
constexpr uint32_t VECTOR = 8;

// Rows of shared memory are one vector longer than a head, which puts consecutive rows into different banks.
template <uint32_t HEAD_DIM>
struct PrefillTile {
    static constexpr uint32_t STRIDE = HEAD_DIM + VECTOR, ROW_BYTES = 2 * STRIDE;
    static constexpr uint32_t KEYS = FRAGMENT_SHARED_BYTES / 2 / ROW_BYTES < 64 ? 32 : 64;
    static constexpr uint32_t PARTS = KEYS / FRAGMENT_EDGE;
    // Of a tile that not all rows see, which takes more registers for each key.
    static constexpr uint32_t MASKED_PARTS = 2;
    // Queries are staged where keys and values will be, unless they stay there.
    static constexpr bool KEEPS_QUERIES = HEAD_DIM <= MOST_KEPT_QUERIES;
    static constexpr uint32_t FIRST_KEY = KEEPS_QUERIES ? 0 : BLOCK_ROWS * STRIDE;
};

// What is added to the exponents of weights, of base 2. f16 has no normal numbers below 2^-14.
HG_DEVICE float weight_exponent(f16) { return 15.0f; }
HG_DEVICE float weight_exponent(bf16) { return 0.0f; }

// A wave's rows, 16 in each fragment: for each row of a lane, what its exponents are taken relative to, and this lane's
// share of the sum of weights.
template <uint32_t HEAD_DIM>
struct PrefillRows {
    float base[ROW_FRAGMENTS][MOST_SLOTS], sum[ROW_FRAGMENTS][MOST_SLOTS];
    Accumulator output[ROW_FRAGMENTS][HEAD_DIM / FRAGMENT_EDGE];
};

// Scores of a wave's rows with keys in parts of 16, or their weights.
template <uint32_t PARTS>
struct TileScores {
    Accumulator part[ROW_FRAGMENTS][PARTS];
};

// Parts of 16 keys that a wave computes, and how many keys each row of a lane sees of them, counted from the lane's first
// column: a comparison with constants needs no registers for them.
struct SeenKeys {
    uint32_t parts;
    int32_t from_column[ROW_FRAGMENTS][MOST_SLOTS];
};

template <uint32_t HEAD_DIM, typename T>
struct WaveQueries {
    static constexpr bool KEPT = PrefillTile<HEAD_DIM>::KEEPS_QUERIES;
    LeftPlace<T> place;
    Operand operands[KEPT ? HEAD_DIM / FRAGMENT_EDGE : 1][ROW_FRAGMENTS];

    HG_MEMBER Operand load(uint32_t k, uint32_t rows) const {
        return load_left(place, rows * FRAGMENT_EDGE * PrefillTile<HEAD_DIM>::STRIDE + k * FRAGMENT_EDGE);
    }
    // Called once the queries are in shared memory.
    HG_MEMBER void keep() {
        HG_UNROLL
        for (uint32_t k = 0; KEPT && k < HEAD_DIM / FRAGMENT_EDGE; k++) {
            HG_UNROLL
            for (uint32_t rows = 0; rows < ROW_FRAGMENTS; rows++) operands[k][rows] = load(k, rows);
        }
    }
    HG_MEMBER Operand get(uint32_t k, uint32_t rows) const { return KEPT ? operands[KEPT ? k : 0][rows] : load(k, rows); }
};

// What a block works on: keys and values of its head, and where they are staged; the first key that none of its rows sees.
template <typename T>
struct BlockKeys {
    const T* keys;
    const T* values;
    T* key_stage;
    T* value_stage;
    RightPlace<T> key_place;
    TransposedPlace<T> value_place;
    uint32_t end;
    // Positions that the wave's first row sees, and its last one; 0 where the prompt has no such rows.
    uint32_t first_sees, last_sees;
};

// Keys from `first` on.
template <uint32_t HEAD_DIM, bool ALL_SEEN, uint32_t PARTS, typename T>
HG_DEVICE void tile_scores(const WaveQueries<HEAD_DIM, T>& queries, const RightPlace<T>& keys, uint32_t first,
                           const SeenKeys& seen, TileScores<PARTS>& scores) {
    constexpr uint32_t STRIDE = PrefillTile<HEAD_DIM>::STRIDE;
    HG_UNROLL
    for (uint32_t part = 0; part < PARTS; part++) {
        HG_UNROLL
        for (uint32_t rows = 0; rows < ROW_FRAGMENTS; rows++) scores.part[rows][part] = zero_accumulator();
    }
    HG_UNROLL
    for (uint32_t k = 0; k < HEAD_DIM / FRAGMENT_EDGE; k++) {
        Operand lefts[ROW_FRAGMENTS];
        HG_UNROLL
        for (uint32_t rows = 0; rows < ROW_FRAGMENTS; rows++) lefts[rows] = queries.get(k, rows);
        HG_UNROLL
        for (uint32_t part = 0; part < PARTS; part++) {
            const Operand right = load_right(keys, first * STRIDE + part * FRAGMENT_EDGE * STRIDE + k * FRAGMENT_EDGE);
            HG_UNROLL
            for (uint32_t rows = 0; rows < ROW_FRAGMENTS; rows++) multiply_add<T>(scores.part[rows][part], lefts[rows], right);
        }
        if (FEW_REGISTERS || !ALL_SEEN) limit_registers();
    }
}

template <bool ALL_SEEN>
HG_DEVICE bool is_seen(const SeenKeys& seen, uint32_t rows, uint32_t part, uint32_t i) {
    const int32_t distance = int32_t(part * FRAGMENT_EDGE + (element_column(i) - element_column(0)));
    return ALL_SEEN || distance < seen.from_column[rows][element_slot(i)];
}

// Turns the scores of 16 rows into weights, not yet rounded, and rescales what the rows hold. `scale` is for exponents of base
// 2.
template <uint32_t HEAD_DIM, bool ALL_SEEN, uint32_t PARTS>
HG_DEVICE void tile_weights(TileScores<PARTS>& scores, uint32_t of, float scale, float exponent, const SeenKeys& seen,
                            PrefillRows<HEAD_DIM>& rows) {
    float base[MOST_SLOTS], factor[MOST_SLOTS];
    HG_UNROLL
    for (uint32_t slot = 0; slot < row_slots(); slot++) {
        float most = negative_infinity();
        HG_UNROLL
        for (uint32_t part = 0; part < PARTS; part++) {
            HG_UNROLL
            for (uint32_t i = 0; i < accumulator_elements(); i++) {
                if (element_slot(i) == slot && is_seen<ALL_SEEN>(seen, of, part, i)) {
                    most = larger(most, scores.part[of][part].value[i]);
                }
            }
        }
        most = larger(rows.base[of][slot], reduce_row<Maximum>(most) * scale - exponent);
        base[slot] = exponent_base(most);
        factor[slot] = approximate_exp2(rows.base[of][slot] - base[slot]);
        rows.base[of][slot] = most;
        rows.sum[of][slot] *= factor[slot];
    }
    HG_UNROLL
    for (uint32_t column = 0; column < HEAD_DIM / FRAGMENT_EDGE; column++) {
        HG_UNROLL
        for (uint32_t i = 0; i < accumulator_elements(); i++) rows.output[of][column].value[i] *= factor[element_slot(i)];
    }
    HG_UNROLL
    for (uint32_t part = 0; part < PARTS; part++) {
        HG_UNROLL
        for (uint32_t i = 0; i < accumulator_elements(); i++) {
            float& value = scores.part[of][part].value[i];
            const float weight = approximate_exp2(fused_multiply_add(value, scale, -base[element_slot(i)]));
            value = is_seen<ALL_SEEN>(seen, of, part, i) ? weight : 0.0f;
        }
    }
}

template <typename T>
HG_DEVICE bool is_extreme(uint32_t bits) {
    return (bits & 0x7FFFu) >= storage_bits(bits_float(0x7F800000u), T{});
}

// Zeros for infinities and NaN; says whether there were any.
template <typename T>
HG_DEVICE bool take_out_extremes(Vector16<T>& vector) {
    bool any = false;
    HG_UNROLL
    for (uint32_t i = 0; i < VECTOR / 2; i++) {
        const bool low = is_extreme<T>(vector.words[i] & 0xFFFFu), high = is_extreme<T>(vector.words[i] >> 16);
        vector.words[i] &= (low ? 0u : 0xFFFFu) | (high ? 0u : 0xFFFF0000u);
        any = any || low || high;
    }
    return any;
}

// For each of a lane's rows in 16, which keys it sees with a weight of zero.
template <uint32_t PARTS>
HG_DEVICE void find_zero_weights(const TileScores<PARTS>& weights, uint32_t of, const SeenKeys& seen,
                                 uint32_t (&zeros)[MOST_SLOTS]) {
    static_assert(PARTS <= 2, "a bit for each key");
    HG_UNROLL
    for (uint32_t slot = 0; slot < row_slots(); slot++) {
        zeros[slot] = 0;
        HG_UNROLL
        for (uint32_t part = 0; part < PARTS; part++) {
            uint32_t mask = 0;
            HG_UNROLL
            for (uint32_t i = 0; i < accumulator_elements(); i++) {
                const bool zero = weights.part[of][part].value[i] == 0.0f && is_seen<false>(seen, of, part, i);
                // A lane's columns are a constant distance from its first.
                if (element_slot(i) == slot && zero) mask |= 1u << (element_column(i) - element_column(0));
            }
            // No two lanes have the same column: a sum of different powers of two is exact.
            const float sum = reduce_row<Sum>(float(mask << element_column(0)));
            zeros[slot] |= uint32_t(sum) << (part * FRAGMENT_EDGE);
        }
    }
}

// Adds infinite values and NaN for the rows that see their keys, as weight times value: as part of a matrix product they would
// reach rows that do not, with weights of zero. `values` are in shared memory, from the part's first key on.
template <uint32_t HEAD_DIM, uint32_t PARTS, typename T>
HG_DEVICE void add_extremes(const TileScores<PARTS>& weights, uint32_t of, const T* values, const SeenKeys& seen,
                            PrefillRows<HEAD_DIM>& rows) {
    uint32_t zeros[MOST_SLOTS];
    find_zero_weights(weights, of, seen, zeros);
    const int32_t first_column = int32_t(element_column(0));
    HG_NO_UNROLL
    for (uint32_t key = 0; key < seen.parts * FRAGMENT_EDGE; key++) {
        const T* row = values + key * PrefillTile<HEAD_DIM>::STRIDE;
        HG_UNROLL
        for (uint32_t column = 0; column < HEAD_DIM / FRAGMENT_EDGE; column++) {
            HG_UNROLL
            for (uint32_t i = 0; i < accumulator_elements(); i++) {
                const T value = row[column * FRAGMENT_EDGE + element_column(i)];
                if (is_extreme<T>(value.bits) && int32_t(key) - first_column < seen.from_column[of][element_slot(i)]) {
                    const float weight = zeros[element_slot(i)] >> key & 1 ? 0.0f : 1.0f;
                    rows.output[of][column].value[i] += weight * to_float(value);
                }
            }
            limit_registers();
        }
    }
}

// Whether anything that the wave's rows hold is infinite or NaN.
template <uint32_t HEAD_DIM>
HG_DEVICE bool holds_extremes(const PrefillRows<HEAD_DIM>& rows) {
    float probe = 0.0f;
    HG_UNROLL
    for (uint32_t of = 0; of < ROW_FRAGMENTS; of++) {
        HG_UNROLL
        for (uint32_t column = 0; column < HEAD_DIM / FRAGMENT_EDGE; column++) {
            HG_UNROLL
            for (uint32_t i = 0; i < accumulator_elements(); i++) {
                probe = fused_multiply_add(rows.output[of][column].value[i], 0.0f, probe);
            }
        }
    }
    return probe != probe;
}

// Weights as operands.
template <uint32_t PARTS>
struct RoundedWeights {
    Operand part[ROW_FRAGMENTS][PARTS];
};

// Rounds the weights of 16 keys, and adds them to the sums.
template <typename T, uint32_t HEAD_DIM, uint32_t PARTS>
HG_DEVICE void round_weights(TileScores<PARTS>& weights, uint32_t part, RoundedWeights<PARTS>& operands,
                             PrefillRows<HEAD_DIM>& rows) {
    HG_UNROLL
    for (uint32_t of = 0; of < ROW_FRAGMENTS; of++) {
        Accumulator& rounded = weights.part[of][part];
        operands.part[of][part] = round_to_left<T>(rounded);
        HG_UNROLL
        for (uint32_t i = 0; i < accumulator_elements(); i++) rows.sum[of][element_slot(i)] += rounded.value[i];
    }
}

// Adds weights times values, those of keys from `first` of the tile on.
template <uint32_t HEAD_DIM, bool ALL_SEEN, uint32_t PARTS, typename T>
HG_DEVICE void tile_outputs(TileScores<PARTS>& weights, RoundedWeights<PARTS>& operands, const BlockKeys<T>& block,
                            uint32_t first, PrefillRows<HEAD_DIM>& rows) {
    constexpr uint32_t STRIDE = PrefillTile<HEAD_DIM>::STRIDE;
    HG_UNROLL
    for (uint32_t part = 0; part < PARTS; part++) {
        if (!ALL_SEEN) round_weights<T>(weights, part, operands, rows);
        HG_UNROLL
        for (uint32_t column = 0; column < HEAD_DIM / FRAGMENT_EDGE; column++) {
            const uint32_t tile = first * STRIDE + part * FRAGMENT_EDGE * STRIDE + column * FRAGMENT_EDGE;
            const Operand right = load_right_transposed(block.value_place, tile);
            HG_UNROLL
            for (uint32_t of = 0; of < ROW_FRAGMENTS; of++) {
                multiply_add<T>(rows.output[of][column], operands.part[of][part], right);
            }
            if (FEW_REGISTERS || !ALL_SEEN) limit_registers();
        }
    }
}

// Two rows of weights times one RMS-normalised vector, which is never written: with n = x * gain, a row's product is
// sum(w n) / sqrt(mean(x^2) + eps), so that the squares are summed on the way and divide at the end. The vector's share of the
// work, its loads and the squares, is done once for both rows.
//
// Weights and gain are read ahead, see PreviousKernels: a kernel hands over `ready`, which is called before the first look at x,
// in every thread, and waits the first time.
#pragma once

#include "rms_scale.h"
#include "storage.h"
#include "wave_share.h"

// Vectors of each row that a lane asks for at once, four loads of weights together.
constexpr uint32_t PAIR_UNROLL = 2;

// Sums of a pair: of each row's products, and of the squares.
constexpr uint32_t PAIR_SUMS = 3;

template <typename T>
struct NormalisedVector {
    const T* x;
    const T* gain;
    uint32_t columns;
    float epsilon;
};

template <typename T>
struct RowPair {
    const T* first;
    const T* second;
};

struct PairProducts {
    float first, second;
};

HG_DEVICE void add_pair(float value, float gain, float first, float second, float (&sums)[PAIR_SUMS]) {
    const float normalised = value * gain;
    sums[0] = fused_multiply_add(first, normalised, sums[0]);
    sums[1] = fused_multiply_add(second, normalised, sums[1]);
    sums[2] = fused_multiply_add(value, value, sums[2]);
}

// Adds elements from a column on, one by one, the waves of a row by turns.
template <typename T>
HG_DEVICE void add_elements(const RowPair<T>& rows, const NormalisedVector<T>& vector, const WaveShare& share,
                            uint32_t from, const PowerScale& scale, float (&sums)[PAIR_SUMS]) {
    const uint32_t step = share.waves_per_row * wave_size();
    HG_NO_UNROLL
    for (uint32_t column = from + share.part() * wave_size() + lane_index(); column < vector.columns; column += step) {
        add_pair(scale.apply(to_float(vector.x[column])), to_float(vector.gain[column]), to_float(rows.first[column]),
                 to_float(rows.second[column]), sums);
    }
}

// A lane's sums over the wave's part of both rows.
template <typename T, typename Ready>
HG_DEVICE void part_of_pair(const RowPair<T>& rows, const NormalisedVector<T>& vector, const WaveShare& share,
                            float (&sums)[PAIR_SUMS], Ready ready) {
    constexpr uint32_t COUNT = Vector16<T>::COUNT;
    const uint32_t lane = lane_index(), lanes = wave_size();
    // Where something is not aligned, which no engine has, single elements are right, if slow.
    const bool aligned = (misalignment(rows.first) | misalignment(rows.second) | misalignment(vector.x) |
                          misalignment(vector.gain)) == 0;
    const uint32_t vectors = aligned ? vector.columns / COUNT : 0;
    const uint32_t stop = share.begin(vectors, share.part() + 1);
    sums[0] = sums[1] = sums[2] = 0.0f;
    for (uint32_t start = share.begin(vectors, share.part()); start < stop; start += PAIR_UNROLL * lanes) {
        Vector16<T> first[PAIR_UNROLL], second[PAIR_UNROLL], x[PAIR_UNROLL], gain[PAIR_UNROLL];
        HG_UNROLL
        for (uint32_t j = 0; j < PAIR_UNROLL; j++) {
            const uint32_t index = start + j * lanes + lane, column = index * COUNT;
            first[j] = second[j] = gain[j] = Vector16<T>{{0, 0, 0, 0}};
            if (index < stop) {
                first[j] = load_once(rows.first + column);
                second[j] = load_once(rows.second + column);
                gain[j] = load_vector(vector.gain + column);
            }
        }
        ready();
        HG_UNROLL
        for (uint32_t j = 0; j < PAIR_UNROLL; j++) {
            const uint32_t index = start + j * lanes + lane;
            x[j] = Vector16<T>{{0, 0, 0, 0}};
            if (index < stop) x[j] = load_vector(vector.x + index * COUNT);
        }
        HG_UNROLL
        for (uint32_t j = 0; j < PAIR_UNROLL; j++) {
            HG_UNROLL
            for (uint32_t i = 0; i < COUNT; i++) {
                add_pair(get_element(x[j], i), get_element(gain[j], i), get_element(first[j], i),
                         get_element(second[j], i), sums);
            }
        }
    }
    ready();
    add_elements(rows, vector, share, vectors * COUNT, {1.0f, 1.0f}, sums);
}

// Both rows' products, the same in every thread of their waves. Called by the whole block, whose rows have the vector in
// common and therefore agree on whether it needs scaling; `slots` is shared memory of PAIR_SUMS * MOST_WAVES floats.
template <typename T, typename Ready>
HG_DEVICE PairProducts pair_products(const RowPair<T>& rows, const NormalisedVector<T>& vector, const WaveShare& share,
                                     float* slots, Ready ready) {
    float sums[PAIR_SUMS], epsilon = vector.epsilon;
    part_of_pair(rows, vector, share, sums, ready);
    add_over_waves(sums, share, slots);
    if (needs_scaling(sums[2], epsilon)) {
        float largest = square_root(epsilon);
        HG_NO_UNROLL
        for (uint32_t column = lane_index(); column < vector.columns; column += wave_size()) {
            const float x = to_float(vector.x[column]);
            largest = Maximum::combine(largest, x < 0.0f ? -x : x);
        }
        largest = wave_reduce_maximum(largest);
        if (largest < bits_float(0x7F800000u)) {
            // Rare, so that it is worth no registers: element by element.
            const PowerScale scale = scale_to_one(largest);
            sums[0] = sums[1] = sums[2] = 0.0f;
            add_elements(rows, vector, share, 0, scale, sums);
            add_over_waves(sums, share, slots);
            epsilon = scale.apply(scale.apply(epsilon));
        }
    }
    const float factor = reciprocal_root(sums[2], vector.columns, epsilon);
    return {sums[0] * factor, sums[1] * factor};
}

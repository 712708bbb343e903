// The factor of RMSNorm from a sum of squares, and what rows need whose squares leave the range of f32.
#pragma once

#include "reduce.h"

// Squares of f32 overflow above 2^64 and vanish below 2^-63; such rows are scaled by a power of two first.
HG_DEVICE bool needs_scaling(float sum, float epsilon) {
    const float infinity = bits_float(0x7F800000u), smallest = 8.271806e-25f;  // 2^-80
    return sum == infinity || (sum < smallest && epsilon < smallest);
}

// Multiplies by a power of two, in two factors that are normal numbers.
struct PowerScale {
    float first, second;
    HG_MEMBER float apply(float x) const { return x * first * second; }
};

// Brings `largest` into [1, 2); every element of the row is then at most 2 and its square is safe.
HG_DEVICE PowerScale scale_to_one(float largest) {
    const int shift = largest < 1.17549435e-38f ? 24 : 0;
    const int exponent = int(float_bits(shift != 0 ? largest * 16777216.0f : largest) >> 23) - 127 - shift;
    const int half = -exponent / 2;
    return {bits_float(uint32_t(half + 127) << 23), bits_float(uint32_t(-exponent - half + 127) << 23)};
}

HG_DEVICE float reciprocal_root(float sum, uint32_t columns, float epsilon) {
    return divide(1.0f, square_root(divide(sum, float(columns)) + epsilon));
}

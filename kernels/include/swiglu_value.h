// The activation of SwiGLU (Shazeer, "GLU Variants Improve Transformer", 2020).
#pragma once

#include "elementary.h"

// Whether e^-gate and the quotient below are normal numbers, or the quotient is as small as gate.
HG_DEVICE bool is_plain_gate(float gate) { return gate <= 80.0f && gate >= -80.0f; }

// gate * sigmoid(gate) * up for a plain gate, by sigmoid(g) = 1 / (1 + e^-g).
HG_DEVICE float plain_swiglu_value(float gate, float up) {
    const ScaledExponential e = scaled_exponential(-gate);
    return divide_by_normal(gate, 1.0f + e.fraction * power_of_two(e.exponent)) * up;
}

// The same for every gate. Where it is not plain, from one exponential of -|gate| whatever gate's sign: sigmoid(g) is
// 1 / (1 + e^-g), or e^g / (1 + e^g) below zero, where the exponential keeps its own exponent until the end, so that a tiny e^gate
// times a large `up` keeps all its digits; results are right down to the subnormals.
HG_DEVICE float swiglu_value(float gate, float up) {
    if (is_plain_gate(gate)) return plain_swiglu_value(gate, up);
    const float infinity = bits_float(0x7F800000u);
    const bool negative = gate < 0.0f;
    // Below -200 the result is zero whatever `up` is: 200 e^-200 2^128 < 2^-150. A NaN passes the comparison.
    const float magnitude = negative ? -gate : gate;
    const float bounded = magnitude > 200.0f ? 200.0f : magnitude;
    const ScaledExponential e = scaled_exponential(-bounded);
    // Long before 2^-126 the exponential adds nothing to 1.
    const float denominator = 1.0f + e.fraction * power_of_two(e.exponent < -126 ? -126 : e.exponent);
    const float quotient = divide(negative ? -bounded * e.fraction : gate, denominator);
    const int third = negative ? e.exponent / 3 : 0, rest = negative ? e.exponent - 2 * third : 0;
    // `up` may be near the largest finite value: it meets the scale before the product could overflow.
    const float result = quotient * power_of_two(third) * (up * power_of_two(third)) * power_of_two(rest);
    // -inf * 0 by the formula.
    return gate == -infinity ? bits_float(0x7FC00000u) : result;
}

// The same of a gate that was summed in f32, in few instructions: below -80 its last place moves the result by more than the whole
// result is away from zero.
HG_DEVICE float swiglu_of_sums(float gate, float up) {
    const float bounded = gate > 80.0f ? 80.0f : gate < -80.0f ? -80.0f : gate;
    const ScaledExponential e = scaled_exponential(-bounded);
    const float sigmoid = divide_by_normal(1.0f, 1.0f + e.fraction * power_of_two(e.exponent));
    // -inf * 0 by the formula.
    return gate == -bits_float(0x7F800000u) ? bits_float(0x7FC00000u) : gate * sigmoid * up;
}

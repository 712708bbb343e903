// The exponential function in f32, the same bits on every device: only correctly rounded operations in a
// fixed order, no vendor library. And a division without a branch.
#pragma once

#include "portability.h"

// e^x = fraction * 2^exponent with fraction in [0.70, 1.42]; |x| at most 400. Cody-Waite reduction by ln 2 in
// two parts (Cody and Waite, "Software Manual for the Elementary Functions", 1980), then the Taylor polynomial
// of degree 7, whose first omitted term is below 0.1 ULP on |r| <= ln(2)/2.
struct ScaledExponential {
    float fraction;
    int exponent;
};

HG_DEVICE ScaledExponential scaled_exponential(float x) {
    // Adding 1.5 * 2^23 rounds to a whole number in the low bits of the sum.
    const float magic = 12582912.0f;
    const float shifted = fused_multiply_add(x, 1.44269504f, magic);
    const float n = shifted - magic;
    // 0.693359375 has 10 significant bits, so n times it is exact.
    float r = fused_multiply_add(n, -0.693359375f, x);
    r = fused_multiply_add(n, 2.12194440e-4f, r);
    float p = 1.98412698e-4f;
    p = fused_multiply_add(p, r, 1.38888889e-3f);
    p = fused_multiply_add(p, r, 8.33333333e-3f);
    p = fused_multiply_add(p, r, 4.16666667e-2f);
    p = fused_multiply_add(p, r, 1.66666667e-1f);
    p = fused_multiply_add(p, r, 0.5f);
    p = fused_multiply_add(p, r, 1.0f);
    p = fused_multiply_add(p, r, 1.0f);
    return {p, int(float_bits(shifted) - float_bits(magic))};
}

// 2^n for -126 <= n <= 127.
HG_DEVICE float power_of_two(int n) { return bits_float(uint32_t(n + 127) << 23); }

// e^x, within 1 ULP everywhere: 0 below -104, subnormal results rounded once, inf above 88.72284, NaN for NaN.
HG_DEVICE float exp_float(float x) {
    // Beyond these bounds the result is 0 or inf; NaN passes both comparisons.
    const float bounded = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;
    const ScaledExponential e = scaled_exponential(bounded);
    const int half = e.exponent >> 1;
    return e.fraction * power_of_two(half) * power_of_two(e.exponent - half);
}

// a / b for b of 1 to 2^120, within an ULP: Newton's step for the reciprocal, then one for the quotient (Markstein, "Computation of
// elementary functions on the IBM RISC System/6000 processor", 1990). Without a branch, unlike `divide` on a GPU.
HG_DEVICE float divide_by_normal(float a, float b) {
    const float near = approximate_reciprocal(b);
    const float reciprocal = fused_multiply_add(near, fused_multiply_add(-b, near, 1.0f), near);
    const float quotient = a * reciprocal;
    // Negated twice, which keeps the sign of a zero.
    return fused_multiply_add(-fused_multiply_add(b, quotient, -a), reciprocal, quotient);
}

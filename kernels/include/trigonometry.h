// Sine and cosine in f32, the same bits on every device: only correctly rounded operations in a fixed order.
#pragma once

#include "portability.h"

struct SineCosine {
    float sine, cosine;
};

// Beyond this many radians the result is NaN: the quadrant would no longer fit the trick below.
constexpr float MOST_RADIANS = 6.5e6f;

// Within 3 * 2^-24 of the exact values. Cody-Waite reduction by pi/2 in three parts (Cody and Waite, "Software Manual for
// the Elementary Functions", 1980): the first product is a multiple of 2^-23 and its difference from the angle is below 2,
// so that the fused operation is exact. Then Taylor polynomials, whose first omitted terms are below 2^-28 on
// |r| <= pi/4.
HG_DEVICE SineCosine sine_cosine(float radians) {
    // Adding 1.5 * 2^23 rounds to a whole number in the low bits of the sum.
    const float magic = 12582912.0f;
    const float shifted = fused_multiply_add(radians, 6.36619772e-1f, magic);
    const float n = shifted - magic;
    float r = fused_multiply_add(n, -1.57079637f, radians);
    r = fused_multiply_add(n, 4.37113883e-8f, r);
    r = fused_multiply_add(n, 1.71512448e-15f, r);
    const float z = r * r;
    float s = 2.75573192e-6f;
    s = fused_multiply_add(s, z, -1.98412698e-4f);
    s = fused_multiply_add(s, z, 8.33333333e-3f);
    s = fused_multiply_add(s, z, -1.66666667e-1f);
    const float sine = fused_multiply_add(s * z, r, r);
    float c = -2.75573192e-7f;
    c = fused_multiply_add(c, z, 2.48015873e-5f);
    c = fused_multiply_add(c, z, -1.38888889e-3f);
    c = fused_multiply_add(c, z, 4.16666667e-2f);
    c = fused_multiply_add(c, z, -0.5f);
    const float cosine = fused_multiply_add(c, z, 1.0f);
    const uint32_t quadrant = float_bits(shifted) - float_bits(magic);
    const float first = quadrant & 1 ? cosine : sine, second = quadrant & 1 ? sine : cosine;
    const bool inside = radians < MOST_RADIANS && radians > -MOST_RADIANS;
    const float nan = bits_float(0x7FC00000u);
    return {inside ? (quadrant & 2 ? -first : first) : nan, inside ? ((quadrant + 1) & 2 ? -second : second) : nan};
}

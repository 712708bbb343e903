// Probabilities as integers: the best logit of a row has mass 2^40, every other e^((x - max) / T) * 2^40 rounded
// down. Sums are exact in 64 bits for up to 2^23 columns, so that they do not depend on the order of addition,
// on the number of blocks, on the wave size or on the device, and a draw is a comparison of integers.
//
// Error of one token's mass, relative: 2^-24 each for x - max, 1 / T and their product, times |x - max| / T,
// plus 2^-23 for exp_float (1 ULP); absolute: 1 unit, 2^-40 of the best token's mass.
#pragma once

#include "elementary.h"
#include "philox.h"

constexpr float MASS_UNIT = 1099511627776.0f;  // 2^40

// The exponent of a token's probability relative to the best token's: 0 for the best, never above.
HG_DEVICE float scaled_logit(float logit, float maximum, float inverse_temperature) {
    return (logit - maximum) * inverse_temperature;
}

// e^-28 is below 2^-40: nothing is left of it. (-inf from an overflowing difference ends here too.)
HG_DEVICE uint64_t token_mass(float scaled) { return scaled < -28.0f ? 0 : uint64_t(exp_float(scaled) * MASS_UNIT); }

// The mass that the top-p filter asks for; `p` is p * 2^64. At least 1, so that the best token always stays.
HG_DEVICE uint64_t top_p_mass(uint64_t p, uint64_t mass) {
    const uint64_t wanted = multiply_high_u64(p, mass);
    return wanted == 0 ? 1 : wanted;
}

// What all three samplers do after a selection. Passed by value to every kernel in the same order.
struct SamplingParameters {
    // p * 2^64, or all ones for off.
    uint64_t p;
    // ln(min_p), -inf for off.
    float least_scaled;
    float inverse_temperature;
    // The Philox key and the second counter.
    uint64_t stream, step;
};

constexpr uint64_t TOP_P_OFF = ~uint64_t(0);

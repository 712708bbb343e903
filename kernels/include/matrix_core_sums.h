// How matrix cores add up products of f16 or bf16 and an f32, for the emulator (Khattak and Mikaitis, "Accurate Models of NVIDIA
// Tensor Cores", arXiv:2512.07004): of each addend the binary places are cut off that lie too far below the largest exponent, then
// they are added up exactly, and what an f32 does not hold of the sum is cut off.
//
// Waves of 32 add as compute capability 9.0 does. A kernel that leaves whole sums to matrix cores has the same number of results
// outside of its bound here and on an H100 (tests/kernels/mutants/matrix_core_sums.rs). Waves of 64 add as compute capability 8.0
// does, which cuts off more; AMD's MI300 cuts off the same places of eight products, but rounds the sum in the end.
#pragma once

constexpr bool ADDS_ALL_PRODUCTS = true;

template <typename T>
struct ProductRow {
    float elements[FRAGMENT_EDGE];

    HG_MEMBER void load(const T* from) {
        for (uint32_t half = 0; half < FRAGMENT_EDGE; half += Vector16<T>::COUNT) {
            const Vector16<T> vector = load_vector(from + half);
            for (uint32_t k = 0; k < Vector16<T>::COUNT; k++) elements[half + k] = get_element(vector, k);
        }
    }
};

HG_DEVICE int32_t exponent_of(float value) {
    const int32_t biased = int32_t(float_bits(value) >> 23 & 0xFFu);
    return (biased > 0 ? biased : 1) - 127;
}

// Without the binary places below 2^last; of normal numbers and zeros.
HG_DEVICE double cut_below(double value, int32_t last) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const int32_t kept = int32_t(bits >> 52 & 0x7FFu) - 1023 - last;
    if (kept < 0) return 0.0;
    if (kept < 52) bits &= ~uint64_t(0) << (52 - kept);
    memcpy(&value, &bits, sizeof bits);
    return value;
}

HG_DEVICE float cut_to_float(double sum) {
    const float nearest = float(sum);
    const bool beyond = std::fabs(double(nearest)) > std::fabs(sum) && std::fabs(sum) < 0x1p128;
    return beyond ? bits_float(float_bits(nearest) - 1) : nearest;
}

// Adds `count` products; of the largest addend `places` binary places are kept after the first one.
HG_DEVICE float add_products(const float* row, const float* column, uint32_t count, int32_t places, float sum) {
    double products[FRAGMENT_EDGE], uncut = sum;
    // Of a sum that is zero, as if it were 2^-133.
    int32_t largest = sum == 0.0f ? -133 : exponent_of(sum);
    for (uint32_t k = 0; k < count; k++) {
        const int32_t exponent = exponent_of(row[k]) + exponent_of(column[k]);
        products[k] = double(row[k]) * double(column[k]);
        uncut += products[k];
        if (products[k] != 0.0 && exponent > largest) largest = exponent;
    }
    // Infinities and NaN.
    if (uncut - uncut != 0.0) return float(uncut);
    double cut = cut_below(sum, largest - places);
    for (uint32_t k = 0; k < count; k++) cut += cut_below(products[k], largest - places);
    return cut_to_float(cut);
}

template <typename T>
HG_DEVICE float add_products(const ProductRow<T>& row, const ProductRow<T>& column, float sum) {
    if (fragment_lanes() == 32) return add_products(row.elements, column.elements, FRAGMENT_EDGE, 25, sum);
    for (uint32_t k = 0; k < FRAGMENT_EDGE; k += 8) sum = add_products(row.elements + k, column.elements + k, 8, 24, sum);
    return sum;
}

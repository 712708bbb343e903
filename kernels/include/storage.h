// Storage types, 16-byte accesses and sums over a wave or block. Arithmetic is always f32; f16 and bf16 exist
// only in memory.
#pragma once

#include "portability.h"

struct f16 {
    uint16_t bits;
};
struct bf16 {
    uint16_t bits;
};

// bf16 is the upper half of an f32. Rounds to nearest even; a NaN stays a NaN (made quiet), overflow is inf.
HG_DEVICE float bf16_bits_to_float(uint32_t bits) { return bits_float(bits << 16); }
HG_DEVICE uint32_t float_to_bf16_bits(float value) {
    const uint32_t bits = float_bits(value);
    const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    const uint32_t quiet_nan = (bits >> 16) | 0x40u;
    return (bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet_nan : rounded;
}

#if defined(__AMDGCN__)
HG_DEVICE float f16_bits_to_float(uint32_t bits) { return float(__builtin_bit_cast(_Float16, uint16_t(bits))); }
HG_DEVICE uint32_t float_to_f16_bits(float value) { return __builtin_bit_cast(uint16_t, _Float16(value)); }
#elif defined(__CUDA_ARCH__)
HG_DEVICE float f16_bits_to_float(uint32_t bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(uint16_t(bits)));
    return value;
}
HG_DEVICE uint32_t float_to_f16_bits(float value) {
    uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
#else
// Multiplying by 2^112 moves the exponent from f16's bias to f32's and normalises subnormals, exactly.
HG_DEVICE float f16_bits_to_float(uint32_t bits) {
    const uint32_t sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7FFFu;
    if (magnitude >= 0x7C00u) return bits_float(sign | 0x7F800000u | (magnitude & 0x3FFu) << 13);
    return bits_float(sign | float_bits(bits_float(magnitude << 13) * bits_float(239u << 23)));
}
HG_DEVICE uint32_t float_to_f16_bits(float value) {
    const uint32_t bits = float_bits(value);
    const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) return sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu);
    // 65520 and above round to infinity.
    if (magnitude >= 0x477FF000u) return sign | 0x7C00u;
    // Below 2^-14: adding 0.5 leaves the f16 subnormal in the low bits of the sum, rounded to nearest even.
    if (magnitude < 0x38800000u) return sign | (float_bits(bits_float(magnitude) + 0.5f) - 0x3F000000u);
    return sign | ((magnitude - 0x38000000u + 0xFFFu + ((magnitude >> 13) & 1u)) >> 13);
}
#endif

HG_DEVICE float to_float(float value) { return value; }
HG_DEVICE float to_float(f16 value) { return f16_bits_to_float(value.bits); }
HG_DEVICE float to_float(bf16 value) { return bf16_bits_to_float(value.bits); }

HG_DEVICE uint32_t storage_bits(float value, float) { return float_bits(value); }
HG_DEVICE uint32_t storage_bits(float value, f16) { return float_to_f16_bits(value); }
HG_DEVICE uint32_t storage_bits(float value, bf16) { return float_to_bf16_bits(value); }
HG_DEVICE float storage_from_bits(uint32_t bits, float) { return bits_float(bits); }
HG_DEVICE f16 storage_from_bits(uint32_t bits, f16) { return f16{uint16_t(bits)}; }
HG_DEVICE bf16 storage_from_bits(uint32_t bits, bf16) { return bf16{uint16_t(bits)}; }

// Rounds once, to nearest even.
template <typename T>
HG_DEVICE T from_float(float value) {
    return storage_from_bits(storage_bits(value, T{}), T{});
}

// Sixteen bytes of T in four registers.
struct alignas(16) Words16 {
    uint32_t x, y, z, w;
};

template <typename T>
struct Vector16 {
    static constexpr uint32_t COUNT = 16 / sizeof(T);
    uint32_t words[4];
};

// `address` is a multiple of 16.
template <typename T>
HG_DEVICE Vector16<T> load_vector(const T* address) {
    const Words16 words = *reinterpret_cast<const Words16*>(address);
    return {{words.x, words.y, words.z, words.w}};
}
// The same of what nothing reads again soon: it leaves caches before all else, which then stay there.
template <typename T>
HG_DEVICE Vector16<T> load_once(const T* address) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    Vector16<T> vector;
    asm volatile("ld.global.L1::no_allocate.L2::cache_hint.v4.b32 {%0, %1, %2, %3}, [%4], %5;"
                 : "=r"(vector.words[0]), "=r"(vector.words[1]), "=r"(vector.words[2]), "=r"(vector.words[3])
                 : "l"(address), "l"(READ_ONCE));
    return vector;
#else
    return load_vector(address);
#endif
}
template <typename T>
HG_DEVICE void store_vector(T* address, const Vector16<T>& vector) {
    *reinterpret_cast<Words16*>(address) =
        Words16{vector.words[0], vector.words[1], vector.words[2], vector.words[3]};
}

template <typename T>
HG_DEVICE void set_element_bits(Vector16<T>& vector, uint32_t element, uint32_t bits) {
    if (sizeof(T) == 4) {
        vector.words[element] = bits;
    } else {
        const uint32_t shift = element % 2 * 16;
        vector.words[element / 2] = (vector.words[element / 2] & ~(0xFFFFu << shift)) | bits << shift;
    }
}

// Element access; `element` must be a constant after unrolling, or the vector leaves the registers.
template <typename T>
HG_DEVICE float get_element(const Vector16<T>& vector, uint32_t element) {
    if (sizeof(T) == 4) return to_float(storage_from_bits(vector.words[element], T{}));
    return to_float(storage_from_bits(vector.words[element / 2] >> (element % 2 * 16) & 0xFFFFu, T{}));
}
template <typename T>
HG_DEVICE void set_element(Vector16<T>& vector, uint32_t element, float value) {
    set_element_bits(vector, element, storage_bits(value, T{}));
}

// Bytes past the last multiple of 16.
template <typename T>
HG_DEVICE uint32_t misalignment(const T* address) {
    return uint32_t(reinterpret_cast<uint64_t>(address) % 16);
}

// The same, element by element, for addresses that are only aligned to T.
template <typename T>
HG_DEVICE Vector16<T> load_elements(const T* address) {
    Vector16<T> vector = {{0, 0, 0, 0}};
    HG_UNROLL
    for (uint32_t i = 0; i < Vector16<T>::COUNT; i++) set_element_bits(vector, i, storage_bits(to_float(address[i]), T{}));
    return vector;
}
template <typename T>
HG_DEVICE void store_elements(T* address, const Vector16<T>& vector) {
    HG_UNROLL
    for (uint32_t i = 0; i < Vector16<T>::COUNT; i++) address[i] = from_float<T>(get_element(vector, i));
}

// Either way, by what is known of the address.
template <typename T>
HG_DEVICE Vector16<T> load_vector_or_elements(const T* address, bool aligned) {
    return aligned ? load_vector(address) : load_elements(address);
}
template <typename T>
HG_DEVICE void store_vector_or_elements(T* address, const Vector16<T>& vector, bool aligned) {
    if (aligned) {
        store_vector(address, vector);
    } else {
        store_elements(address, vector);
    }
}

// Eight elements of a row as one thread reads them, whatever their type, and four floats as shared memory holds them.
#pragma once

#include "storage.h"

constexpr uint32_t CHUNK = 8;

template <typename T>
struct RowChunk {
    static constexpr uint32_t PARTS = CHUNK / Vector16<T>::COUNT;
    Vector16<T> parts[PARTS];

    HG_MEMBER float element(uint32_t i) const {
        return get_element(parts[i / Vector16<T>::COUNT], i % Vector16<T>::COUNT);
    }
};

template <typename T>
HG_DEVICE RowChunk<T> load_chunk(const T* address, bool wanted) {
    RowChunk<T> chunk;
    HG_UNROLL
    for (uint32_t i = 0; i < RowChunk<T>::PARTS; i++) {
        const T* part = address + i * Vector16<T>::COUNT;
        chunk.parts[i] = Vector16<T>{{0, 0, 0, 0}};
        if (wanted) chunk.parts[i] = load_vector_or_elements(part, misalignment(part) == 0);
    }
    return chunk;
}

// The same where it is known beforehand whether the address is a multiple of 16: no branch between this load and others.
template <bool ALIGNED, typename T>
HG_DEVICE RowChunk<T> load_chunk(const T* address, bool wanted) {
    RowChunk<T> chunk;
    HG_UNROLL
    for (uint32_t i = 0; i < RowChunk<T>::PARTS; i++) {
        chunk.parts[i] = Vector16<T>{{0, 0, 0, 0}};
        if (wanted) chunk.parts[i] = load_vector_or_elements(address + i * Vector16<T>::COUNT, ALIGNED);
    }
    return chunk;
}

struct alignas(16) Floats4 {
    float x, y, z, w;
};

template <typename T>
HG_DEVICE void store_floats(Floats4* destination, const RowChunk<T>& chunk) {
    destination[0] = {chunk.element(0), chunk.element(1), chunk.element(2), chunk.element(3)};
    destination[1] = {chunk.element(4), chunk.element(5), chunk.element(6), chunk.element(7)};
}

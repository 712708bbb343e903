// Copies of 16 bytes from global to shared memory, which go on while the thread computes: where the hardware can do that on
// their way to shared memory, and elsewhere, with TileCopies, on their way to registers.
//
// A SharedPlace is an address in shared memory that is worked out once; elements are counted from there.
#pragma once

#include "storage.h"

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800

// 32 bits, as instructions on shared memory take them: constants are then part of the instruction.
HG_DEVICE uint32_t shared_address(const void* pointer) {
    uint32_t address;
    asm("{ .reg .u64 shared; cvta.to.shared.u64 shared, %1; cvt.u32.u64 %0, shared; }" : "=r"(address) : "l"(pointer));
    return address;
}

template <typename T>
struct SharedPlace {
    uint32_t address;
    HG_MEMBER SharedPlace(T* pointer) : address(shared_address(pointer)) {}
};

// Zeros if not wanted: then nothing is read.
template <typename T>
HG_DEVICE void start_copy(const SharedPlace<T>& place, uint32_t offset, const T* global, bool wanted) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place.address + offset * uint32_t(sizeof(T))),
                 "l"(global), "r"(wanted ? 16 : 0)
                 : "memory");
}
// Waits for this thread's copies; a barrier then shows them to the block.
HG_DEVICE void finish_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

template <typename T>
HG_DEVICE void store_vector(const SharedPlace<T>& place, uint32_t offset, const Vector16<T>& vector) {
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(place.address + offset * uint32_t(sizeof(T))),
                 "r"(vector.words[0]), "r"(vector.words[1]), "r"(vector.words[2]), "r"(vector.words[3])
                 : "memory");
}

template <typename T, uint32_t COUNT>
struct TileCopies {
    HG_MEMBER void start(uint32_t, const SharedPlace<T>& place, uint32_t offset, const T* global, bool wanted) {
        start_copy(place, offset, global, wanted);
    }
    HG_MEMBER void put(uint32_t, const SharedPlace<T>& place, uint32_t offset, const Vector16<T>& vector) {
        store_vector(place, offset, vector);
    }
    HG_MEMBER void end_tile() { asm volatile("cp.async.commit_group;" ::: "memory"); }
    HG_MEMBER void finish_tile(uint32_t ahead) {
        switch (ahead) {
            case 1: asm volatile("cp.async.wait_group 0;" ::: "memory"); break;
            case 2: asm volatile("cp.async.wait_group 1;" ::: "memory"); break;
            case 3: asm volatile("cp.async.wait_group 2;" ::: "memory"); break;
            default: asm volatile("cp.async.wait_group 3;" ::: "memory");
        }
    }
    HG_MEMBER void finish(uint32_t, const SharedPlace<T>&, uint32_t) {}
};

#else

template <typename T>
struct SharedPlace {
    T* pointer;
    HG_MEMBER SharedPlace(T* pointer) : pointer(pointer) {}
};

template <typename T>
HG_DEVICE void start_copy(const SharedPlace<T>& place, uint32_t offset, const T* global, bool wanted) {
    Vector16<T> vector = {{0, 0, 0, 0}};
    if (wanted) vector = load_vector(global);
    store_vector(place.pointer + offset, vector);
}
HG_DEVICE void finish_copies() {}

template <typename T>
HG_DEVICE void store_vector(const SharedPlace<T>& place, uint32_t offset, const Vector16<T>& vector) {
    store_vector(place.pointer + offset, vector);
}

template <typename T, uint32_t COUNT>
struct TileCopies {
    Vector16<T> kept[COUNT];

    HG_MEMBER void start(uint32_t n, const SharedPlace<T>&, uint32_t, const T* global, bool wanted) {
        kept[n] = {{0, 0, 0, 0}};
        if (wanted) kept[n] = load_vector(global);
    }
    HG_MEMBER void put(uint32_t n, const SharedPlace<T>&, uint32_t, const Vector16<T>& vector) { kept[n] = vector; }
    HG_MEMBER void end_tile() {}
    HG_MEMBER void finish_tile(uint32_t) {}
    HG_MEMBER void finish(uint32_t n, const SharedPlace<T>& place, uint32_t offset) { store_vector(place, offset, kept[n]); }
};

#endif

// TileCopies<T, COUNT>: a thread's COUNT vectors of each tile of a ring in shared memory: up to four tiles ahead where
// hardware copies, one elsewhere.
// For every tile, in order: start or put each vector n, with a constant n, then end_tile. Later, with as many tiles ended and
// not finished as `ahead` says: finish_tile(ahead), finish each vector of the oldest, and a barrier shows them to the block.

// The same at once, element by element, for addresses that are not a multiple of 16; of 16-bit types.
template <typename T>
HG_DEVICE void copy_elements(T* shared, const T* global, bool wanted) {
    Vector16<T> vector = {{0, 0, 0, 0}};
    HG_UNROLL
    for (uint32_t i = 0; wanted && i < Vector16<T>::COUNT; i++) set_element_bits(vector, i, global[i].bits);
    store_vector(shared, vector);
}

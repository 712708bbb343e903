// Copies of 16 bytes from global to shared memory, which go on while the thread computes where the hardware can do that.
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

#endif

// The same at once, element by element, for addresses that are not a multiple of 16; of 16-bit types.
template <typename T>
HG_DEVICE void copy_elements(T* shared, const T* global, bool wanted) {
    Vector16<T> vector = {{0, 0, 0, 0}};
    HG_UNROLL
    for (uint32_t i = 0; wanted && i < Vector16<T>::COUNT; i++) set_element_bits(vector, i, global[i].bits);
    store_vector(shared, vector);
}

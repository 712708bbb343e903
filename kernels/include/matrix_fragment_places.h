// Places of operands where an address is a pointer.
#pragma once

template <typename T>
struct FragmentPlace {
    const T* tile;
    uint32_t stride;
};
template <typename T>
struct LeftPlace : FragmentPlace<T> {
    HG_MEMBER LeftPlace() {}
    HG_MEMBER LeftPlace(const T* tile, uint32_t stride) : FragmentPlace<T>{tile, stride} {}
};
template <typename T>
struct RightPlace : FragmentPlace<T> {
    HG_MEMBER RightPlace() {}
    HG_MEMBER RightPlace(const T* tile, uint32_t stride) : FragmentPlace<T>{tile, stride} {}
};
template <typename T>
struct TransposedPlace : FragmentPlace<T> {
    HG_MEMBER TransposedPlace() {}
    HG_MEMBER TransposedPlace(const T* tile, uint32_t stride) : FragmentPlace<T>{tile, stride} {}
};

template <typename T>
HG_DEVICE Operand load_left(const LeftPlace<T>& place, uint32_t offset) {
    return load_left(place.tile + offset, place.stride);
}
template <typename T>
HG_DEVICE Operand load_right(const RightPlace<T>& place, uint32_t offset) {
    return load_right(place.tile + offset, place.stride);
}
template <typename T>
HG_DEVICE Operand load_right_transposed(const TransposedPlace<T>& place, uint32_t offset) {
    return load_right_transposed(place.tile + offset, place.stride);
}

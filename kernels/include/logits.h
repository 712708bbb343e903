// Logits as keys with a total order over the elements of a row, and the walk over a row in 16-byte groups.
//
// The key of a logit is an unsigned integer that orders as its value does: NaN is 0, below -inf; -0 and +0
// share a key. A composite, key << 32 | ~index, is unique in its row: the larger composite is the larger
// logit, or an equal one with a lower index. What is selected by composites is therefore the same whatever
// the order in which threads see the elements. Composite 0 stands for "no element".
// The low half of a 16-bit type's key is zero, so that a radix descent ends after two digits of eight bits.
#pragma once

#include "storage.h"

template <typename T>
struct LogitTraits;
template <>
struct LogitTraits<float> {
    static constexpr uint32_t BITS = 32, INFINITY_BITS = 0x7F800000u;
};
template <>
struct LogitTraits<f16> {
    static constexpr uint32_t BITS = 16, INFINITY_BITS = 0x7C00u;
};
template <>
struct LogitTraits<bf16> {
    static constexpr uint32_t BITS = 16, INFINITY_BITS = 0x7F80u;
};

constexpr uint32_t NO_INDEX = 0xFFFFFFFFu;

HG_DEVICE uint32_t stored_bits(float value) { return float_bits(value); }
HG_DEVICE uint32_t stored_bits(f16 value) { return value.bits; }
HG_DEVICE uint32_t stored_bits(bf16 value) { return value.bits; }

template <typename T>
HG_DEVICE uint32_t logit_key(uint32_t bits) {
    constexpr uint32_t sign = 1u << (LogitTraits<T>::BITS - 1);
    const uint32_t magnitude = bits & (sign - 1);
    if (magnitude > LogitTraits<T>::INFINITY_BITS) return 0;
    const uint32_t ordered = (bits & sign) && magnitude ? sign - 1 - magnitude : sign + magnitude;
    return ordered << (32 - LogitTraits<T>::BITS);
}

// The logit of a key that is not NaN's; +0 for both zeros.
template <typename T>
HG_DEVICE float key_logit(uint32_t key) {
    constexpr uint32_t sign = 1u << (LogitTraits<T>::BITS - 1);
    const uint32_t ordered = key >> (32 - LogitTraits<T>::BITS);
    const uint32_t bits = ordered >= sign ? ordered - sign : sign | (sign - 1 - ordered);
    return to_float(storage_from_bits(bits, T{}));
}

template <typename T>
HG_DEVICE uint32_t positive_infinity_key() {
    return logit_key<T>(LogitTraits<T>::INFINITY_BITS);
}

// Neither NaN nor an infinity.
template <typename T>
HG_DEVICE bool is_finite_key(uint32_t key) {
    constexpr uint32_t sign = 1u << (LogitTraits<T>::BITS - 1);
    return key > logit_key<T>(sign | LogitTraits<T>::INFINITY_BITS) && key < positive_infinity_key<T>();
}

HG_DEVICE uint64_t make_composite(uint32_t key, uint32_t index) { return uint64_t(key) << 32 | uint32_t(~index); }
HG_DEVICE uint32_t composite_key(uint64_t composite) { return uint32_t(composite >> 32); }
HG_DEVICE uint32_t composite_index(uint64_t composite) { return ~uint32_t(composite); }

// One row as groups of 16 aligned bytes. The first group may begin before the row and the last end behind it:
// only whole groups are read with one wide access, so that any alignment is right and nothing outside is touched.
template <typename T>
struct LogitRow {
    const T* logits;
    uint32_t columns;
    // Elements between the first group's start and the row's first element.
    uint32_t lead;
};

template <typename T>
HG_DEVICE LogitRow<T> logit_row(const T* logits, uint64_t row_stride, uint32_t columns, uint32_t row) {
    const T* first = logits + row * row_stride;
    return {first, columns, uint32_t(reinterpret_cast<uint64_t>(first) % 16 / sizeof(T))};
}

template <typename T>
HG_DEVICE uint32_t group_count(const LogitRow<T>& row) {
    return (row.lead + row.columns + Vector16<T>::COUNT - 1) / Vector16<T>::COUNT;
}

// The keys of one group; `index` is that of its first element, and wraps below the row's start.
template <typename T>
struct LogitGroup {
    uint32_t index;
    uint32_t key[Vector16<T>::COUNT];
};

// Element `j` of a group exists if its index, wrapped, is inside the row.
template <typename T>
HG_DEVICE bool in_row(const LogitRow<T>& row, const LogitGroup<T>& group, uint32_t j) {
    return group.index + j < row.columns;
}

// A group as it is stored, so that several can be on their way before the first is looked at.
template <typename T>
struct StoredGroup {
    uint32_t index;
    Vector16<T> vector;
};

// A group at or beyond `end_group` has no elements.
template <typename T>
HG_DEVICE StoredGroup<T> read_group(const LogitRow<T>& row, uint32_t group, uint32_t end_group) {
    constexpr uint32_t count = Vector16<T>::COUNT;
    StoredGroup<T> result = {row.columns, {{0, 0, 0, 0}}};
    if (group >= end_group) return result;
    result.index = group * count - row.lead;
    const bool whole = group * count >= row.lead && result.index + count <= row.columns;
    if (whole) {
        result.vector = load_vector(row.logits + result.index);
    } else {
        HG_UNROLL
        for (uint32_t j = 0; j < count; j++) {
            const uint32_t index = result.index + j;
            if (index < row.columns) set_element_bits(result.vector, j, stored_bits(row.logits[index]));
        }
    }
    return result;
}
// Keys of elements outside of the row say nothing.
template <typename T>
HG_DEVICE LogitGroup<T> group_keys(const StoredGroup<T>& stored) {
    LogitGroup<T> result;
    result.index = stored.index;
    HG_UNROLL
    for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
        const uint32_t word = stored.vector.words[j * sizeof(T) / 4];
        result.key[j] = logit_key<T>(sizeof(T) == 4 ? word : word >> (j % 2 * 16) & 0xFFFFu);
    }
    return result;
}
template <typename T>
HG_DEVICE LogitGroup<T> load_group(const LogitRow<T>& row, uint32_t group, uint32_t end_group) {
    return group_keys(read_group(row, group, end_group));
}

// A row is cut into `splits` parts of equal group counts, one per block.
struct GroupRange {
    uint32_t begin, end;
};

template <typename T>
HG_DEVICE GroupRange split_range(const LogitRow<T>& row, uint32_t splits, uint32_t split) {
    const uint32_t groups = group_count(row);
    const uint32_t each = (groups + splits - 1) / splits;
    const uint32_t begin = split * each < groups ? split * each : groups;
    const uint32_t end = begin + each < groups ? begin + each : groups;
    return {begin, end};
}

// Groups of a row that a thread has on their way together, and elements of them.
constexpr uint32_t ROUND_ELEMENTS = 16;

template <typename T>
constexpr uint32_t ROUND_LOADS = ROUND_ELEMENTS / Vector16<T>::COUNT;

// A round: this thread's groups of a part from `base` on, which lie a block apart.
template <typename T>
HG_DEVICE void read_round(StoredGroup<T> (&stored)[ROUND_LOADS<T>], const LogitRow<T>& row, GroupRange range, uint32_t base) {
    HG_UNROLL
    for (uint32_t n = 0; n < ROUND_LOADS<T>; n++) stored[n] = read_group(row, base + n * blockDim.x + threadIdx.x, range.end);
}

// Calls visit(group) for each group of a round.
template <typename T, typename Visit>
HG_DEVICE void visit_round(const LogitRow<T>& row, GroupRange range, uint32_t base, Visit visit) {
    StoredGroup<T> stored[ROUND_LOADS<T>];
    read_round(stored, row, range, base);
    HG_UNROLL
    for (uint32_t n = 0; n < ROUND_LOADS<T>; n++) visit(group_keys(stored[n]));
}

// How far apart rounds lie, in groups.
template <typename T>
HG_DEVICE uint32_t round_groups() {
    return ROUND_LOADS<T> * blockDim.x;
}

// How blocks share a sequence's positions when one token attends to them, and where each puts its part. The kernels decide it
// from the length in device memory; a launch only says how many splits there are at most.
#pragma once

#include "portability.h"

constexpr uint32_t DECODE_THREADS = 128;
constexpr uint32_t KEYS = 2;
// Waves of a block, where a wave is 32.
constexpr uint32_t MOST_WAVES = DECODE_THREADS / 32;
constexpr uint32_t MOST_SPLITS = 64;

struct DecodeShape {
    uint32_t heads, kv_heads, head_dim, capacity, splits;
    float scale;
    int64_t q_stride, k_stride, v_stride, y_stride;
};

// Lanes of a row of K or V, as a power of two: 8, 16 or 32.
HG_DEVICE uint32_t lane_bits(uint32_t head_dim) { return head_dim <= 64 ? 3 : head_dim <= 128 ? 4 : 5; }

// Which positions a split takes: whole steps of the block, the last one less. Up to SINGLE_STEPS one block takes them all
// and writes y itself, for parts cost more than these steps. Beyond, a block takes LEAST_STEPS, or more where there are not as
// many splits; the others have nothing to do.
constexpr uint32_t SINGLE_STEPS = 4;
constexpr uint32_t LEAST_STEPS = 2;
struct Share {
    uint32_t length, positions, used;

    // Behind the last position of the split that begins there.
    HG_MEMBER uint32_t end(uint32_t begin) const { return length - begin < positions ? length : begin + positions; }
};
HG_DEVICE Share share_of(const uint32_t* lengths, uint64_t sequence, const DecodeShape& shape) {
    const uint32_t given = lengths[sequence], length = given < shape.capacity ? given : shape.capacity;
    const uint32_t step = (DECODE_THREADS >> lane_bits(shape.head_dim)) * KEYS;
    const uint32_t steps = (length + step - 1) / step;
    if (steps <= SINGLE_STEPS || shape.splits == 1) return {length, steps * step, 1};
    const uint32_t wanted = (steps + LEAST_STEPS - 1) / LEAST_STEPS;
    if (wanted <= shape.splits) return {length, LEAST_STEPS * step, wanted};
    const uint32_t each = (steps + shape.splits - 1) / shape.splits;
    return {length, each * step, (steps + each - 1) / each};
}

// A split's part of one query head: head_dim elements, then the largest score, the sum and two zeros, so that all parts
// begin at 16 bytes.
HG_DEVICE uint32_t part_floats(const DecodeShape& shape) { return shape.head_dim + 4; }
HG_DEVICE uint64_t part_offset(const DecodeShape& shape, uint64_t sequence, uint32_t head, uint32_t split) {
    return ((sequence * shape.heads + head) * shape.splits + split) * part_floats(shape);
}

// Adds the parts of a query head that several blocks made: each is head_dim elements, the largest score and the sum.
#pragma once

#include "decode_splits.h"
#include "online_softmax.h"
#include "row_chunk.h"

// Parts whose rows a lane asks for at once.
constexpr uint32_t PARTS_AT_ONCE = 8;
// Parts that a lane has the factors of, where a wave is 32.
constexpr uint32_t PARTS_PER_LANE = MOST_SPLITS / 32;

// Four columns of a head's parts, one in `groups`.
struct PartColumns {
    const float* first;
    uint32_t stride, used, groups;
    bool in_row;

    HG_MEMBER void load(uint32_t base, Floats4 (&rows)[PARTS_AT_ONCE]) const {
        HG_UNROLL
        for (uint32_t j = 0; j < PARTS_AT_ONCE; j++) {
            const uint32_t part = base + j * groups;
            rows[j] = {0.0f, 0.0f, 0.0f, 0.0f};
            if (part < used && in_row) rows[j] = *reinterpret_cast<const Floats4*>(first + part * stride);
        }
    }
};

// What the parts are multiplied with, a lane for each, and the sum of all positions.
struct PartFactors {
    float factor[PARTS_PER_LANE], sum;

    HG_MEMBER PartFactors(const float* scores, uint32_t stride, uint32_t used) : sum(0.0f) {
        float part_largest[PARTS_PER_LANE], part_sum[PARTS_PER_LANE], largest = negative_infinity();
        HG_UNROLL
        for (uint32_t k = 0; k < PARTS_PER_LANE; k++) {
            const uint32_t part = lane_index() + k * wave_size();
            part_largest[k] = part < used ? scores[part * stride] : negative_infinity();
            part_sum[k] = part < used ? scores[part * stride + 1] : 0.0f;
            largest = Maximum::combine(largest, part_largest[k]);
        }
        largest = wave_reduce_maximum(largest);
        HG_UNROLL
        for (uint32_t k = 0; k < PARTS_PER_LANE; k++) {
            factor[k] = exp_float(part_largest[k] - exponent_base(largest));
            sum = fused_multiply_add(factor[k], part_sum[k], sum);
        }
        sum = wave_reduce_sum(sum);
    }

    // Of one part; called by the whole wave.
    HG_MEMBER float of(uint32_t part) const {
        float found = 0.0f;
        HG_UNROLL
        for (uint32_t k = 0; k < PARTS_PER_LANE; k++) {
            const float value = wave_shuffle(factor[k], part % wave_size());
            if (part / wave_size() == k) found = value;
        }
        return found;
    }
};

// Adds a head's parts, which begin at `first`, in order, and hands every element to `store(column, element)` once. Called by a
// whole wave: 16 or more lanes have four columns each, and groups of them take the parts by turns.
template <typename Store>
HG_DEVICE void add_parts(const float* first, uint32_t used, const DecodeShape& shape, Store store) {
    const uint32_t all = 2u << lane_bits(shape.head_dim), lanes = all < wave_size() ? all : wave_size();
    const uint32_t lane = lane_index() % lanes, group = lane_index() / lanes, groups = wave_size() / lanes;
    const uint32_t stride = part_floats(shape);
    PartColumns columns = {first + lane * 4, stride, used, groups, lane * 4 < shape.head_dim};
    Floats4 rows[PARTS_AT_ONCE];
    columns.load(group, rows);
    const PartFactors factors(first + shape.head_dim, stride, used);
    for (uint32_t column = lane * 4, passed = 0; passed < all; passed += lanes, column += lanes * 4) {
        columns = {first + column, stride, used, groups, column < shape.head_dim};
        Floats4 total = {0.0f, 0.0f, 0.0f, 0.0f};
        for (uint32_t base = 0; base < used; base += groups * PARTS_AT_ONCE) {
            if (base + passed > 0) columns.load(base + group, rows);
            HG_UNROLL
            for (uint32_t j = 0; j < PARTS_AT_ONCE; j++) {
                // Of a part that is not there: its row is zeros, and so is the factor of a lane without a part.
                const float factor = factors.of(base + group + j * groups);
                total = {fused_multiply_add(factor, rows[j].x, total.x), fused_multiply_add(factor, rows[j].y, total.y),
                         fused_multiply_add(factor, rows[j].z, total.z), fused_multiply_add(factor, rows[j].w, total.w)};
            }
        }
        for (uint32_t distance = lanes; distance < wave_size(); distance *= 2) {
            total = {total.x + wave_shuffle_xor(total.x, distance), total.y + wave_shuffle_xor(total.y, distance),
                     total.z + wave_shuffle_xor(total.z, distance), total.w + wave_shuffle_xor(total.w, distance)};
        }
        const float elements[4] = {total.x, total.y, total.z, total.w};
        if (group == 0 && column < shape.head_dim) {
            HG_UNROLL
            for (uint32_t i = 0; i < 4; i++) store(column + i, divide(elements[i], factors.sum));
        }
    }
}

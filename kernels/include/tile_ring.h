// How slices of X and W come to shared memory by a copy engine, and are multiplied from there; warpgroup_product.h says for whom.
#pragma once

#include "tensor_tiles.h"
#include "tile_sums.h"

// The columns that a block takes, in slices. Blocks read the same of X at about the same time.
struct BlockSlices {
    uint32_t begin, count;

    HG_MEMBER BlockSlices(uint32_t columns, uint32_t rank) {
        const uint32_t slices = (columns + SLICE - 1) / SLICE;
        begin = slices * rank / CLUSTER_BLOCKS;
        count = slices * (rank + 1) / CLUSTER_BLOCKS - begin;
    }
    // First column of the block's slice n.
    HG_MEMBER uint32_t operator[](uint32_t n) const { return (begin + n) * SLICE; }
};

// Which tile a block, or cluster, makes. Tiles of the same rows of W follow each other, sixteen at most, so that blocks which run at
// the same time read the same of both matrices.
struct TilePlace {
    uint32_t tile, first_m;

    HG_MEMBER TilePlace(uint32_t tiles, uint32_t tile_rows) {
        constexpr uint32_t MOST_TOGETHER = 16;
        const uint32_t number = blockIdx.x / CLUSTER_BLOCKS, rows_of_tiles = gridDim.x / CLUSTER_BLOCKS / tiles;
        const uint32_t first = number / (MOST_TOGETHER * tiles) * MOST_TOGETHER, of_group = number % (MOST_TOGETHER * tiles);
        const uint32_t together = rows_of_tiles - first < MOST_TOGETHER ? rows_of_tiles - first : MOST_TOGETHER;
        tile = of_group / together;
        first_m = (first + of_group % together) * tile_rows;
    }
};

#if defined(HG_WARPGROUP_PRODUCTS)

// A stage, and how often the ring has been gone through.
struct RingPlace {
    uint32_t stage, round;

    HG_MEMBER void advance(uint32_t stages) {
        if (++stage < stages) return;
        stage = 0;
        round++;
    }
};

// Stages in shared memory, X's rows before W's, with two barriers each: `full` counts bytes, `free` waves that are done.
struct SliceRing {
    uint32_t memory, stage_bytes, full, free;

    HG_MEMBER uint32_t x(const RingPlace& at) const { return memory + at.stage * stage_bytes; }
    HG_MEMBER void wait_until_full(const RingPlace& at) const { wait_at(full + at.stage * 8, at.round % 2); }
    HG_MEMBER void wait_until_free(const RingPlace& at) const { wait_at(free + at.stage * 8, (at.round + 1) % 2); }
};

// By one thread: W of the first slices, as many as there are stages; once earlier kernels are done X of these; and then each slice
// as a stage becomes free.
template <uint32_t GROUP_ROWS, bool GATED>
HG_DEVICE void fill_ring(const SliceRing& ring, const TensorMap& x, const TensorMap& weights, const TilePlace& place,
                         const BlockSlices& slices, const ProductShape& shape) {
    const uint32_t ahead = slices.count < shape.stages ? slices.count : shape.stages, x_bytes = shape.x_rows * SLICE * 2;
    const auto start_weights = [&](const RingPlace& at, uint32_t column) {
        const uint32_t full = ring.full + at.stage * 8, memory = ring.x(at) + x_bytes;
        arrive_expecting(full, ring.stage_bytes);
        if (!GATED) return start_tile(weights, memory, place.tile * GROUPS * GROUP_ROWS, column, full, READ_ONCE);
        start_tile(weights, memory, place.tile * GROUP_ROWS, column, full, READ_ONCE);
        start_tile(weights, memory + GROUP_ROWS * SLICE * 2, shape.rows + place.tile * GROUP_ROWS, column, full, READ_ONCE);
    };
    const auto start_x = [&](const RingPlace& at, uint32_t column) {
        start_tile(x, ring.x(at), place.first_m, column, ring.full + at.stage * 8, READ_OFTEN);
    };
    RingPlace at = {0, 0};
    HG_NO_UNROLL
    for (; at.stage < ahead; at.stage++) start_weights(at, slices[at.stage]);
    wait_for_previous_kernels();
    HG_NO_UNROLL
    for (at.stage = 0; at.stage < ahead; at.stage++) start_x(at, slices[at.stage]);
    at = {0, 1};
    HG_NO_UNROLL
    for (uint32_t n = ahead; n < slices.count; n++, at.advance(shape.stages)) {
        ring.wait_until_free(at);
        start_weights(at, slices[n]);
        start_x(at, slices[n]);
    }
}

// Products of a group with a slice, in flight: 64 rows of X, from the descriptor `left` on, and COLUMNS x 16 of W.
template <uint32_t COLUMNS>
struct SliceProducts {
    Accumulator sums[COLUMNS];

    template <typename T>
    HG_MEMBER void begin(uint64_t left, uint64_t right) {
        begin_products();
        HG_UNROLL
        for (uint32_t step = 0; step < STEPS; step++) {
            multiply_tiles(sums, left + step * DESCRIPTOR_STEP, right + step * DESCRIPTOR_STEP, step > 0, T{});
        }
        end_products();
    }
    // Once no more than LEFT later ones are in flight.
    template <uint32_t LEFT>
    HG_MEMBER void finish() {
        wait_for_products<LEFT>();
        settle(sums);
    }
};

// What a group multiplies of each stage: rows of X and of W from these on.
struct GroupShare {
    uint32_t x_row, weight_row;

    HG_MEMBER uint64_t left(const SliceRing& ring, const RingPlace& at) const { return tile_descriptor(ring.x(at) + x_row * SLICE * 2); }
    HG_MEMBER uint64_t right(const SliceRing& ring, const RingPlace& at) const { return tile_descriptor(ring.x(at) + weight_row * SLICE * 2); }
};

HG_DEVICE void set_free(const SliceRing& ring, const RingPlace& at) {
    if (lane_index() == 0) arrive_at(ring.free + at.stage * 8);
}

// Adds the products of all slices, one pass after the other.
template <typename T, uint32_t PASSES, uint32_t COLUMNS>
HG_DEVICE void add_slices(GroupSums<PASSES, COLUMNS>& sums, const SliceRing& ring, const GroupShare& share, uint32_t count,
                          uint32_t stages) {
    RingPlace at = {0, 0};
    HG_NO_UNROLL
    for (uint32_t n = 0; n < count; n++, at.advance(stages)) {
        ring.wait_until_full(at);
        HG_UNROLL
        for (uint32_t pass = 0; pass < PASSES; pass++) {
            SliceProducts<COLUMNS> products;
            products.template begin<T>(share.left(ring, at), share.right(ring, at) + (pass * COLUMNS * FRAGMENT_EDGE * SLICE * 2 >> 4));
            products.template finish<0>();
            if (pass + 1 == PASSES) set_free(ring, at);
            sums.add(pass, products.sums);
        }
    }
}

// The same of one pass, in which products of a slice are made while those of the slice before are added.
template <typename T, uint32_t COLUMNS>
HG_DEVICE void add_slices(GroupSums<1, COLUMNS>& sums, const SliceRing& ring, const GroupShare& share, uint32_t count, uint32_t stages) {
    if (count == 0) return;
    SliceProducts<COLUMNS> even, odd;
    RingPlace at = {0, 0}, done = at;
    const auto begin = [&](SliceProducts<COLUMNS>& products) {
        ring.wait_until_full(at);
        products.template begin<T>(share.left(ring, at), share.right(ring, at));
        at.advance(stages);
    };
    const auto add = [&](const SliceProducts<COLUMNS>& products) {
        set_free(ring, done);
        sums.add(0, products.sums);
        done.advance(stages);
    };
    begin(even);
    uint32_t n = 1;
    HG_NO_UNROLL
    for (; n + 1 < count; n += 2) {
        begin(odd);
        even.template finish<1>();
        add(even);
        begin(even);
        odd.template finish<1>();
        add(odd);
    }
    if (n == count) {
        even.template finish<0>();
        return add(even);
    }
    begin(odd);
    even.template finish<1>();
    add(even);
    odd.template finish<0>();
    add(odd);
}

#endif

// Y = X W^T of 16-bit numbers by a tile of Y for each block, or cluster of blocks, which streams both matrices through a ring in
// shared memory: one thread asks a copy engine for slices of 64 columns, and two groups of 128 threads multiply, each for 64 rows of
// X or, where there are no more, for a half of the tile's rows of W. The scheme is that of CUTLASS's warp-specialised kernels for
// Hopper; as in DeepGEMM, sums of a slice are added to the others by ordinary additions, because matrix cores cut off what they add
// (matrix_core_sums.h).
//
// A cluster of two shares the columns: each block then gives one group's sums to the other block, and keeps the other's.
//
// Where there is no such engine all threads copy a slice and multiply it, in turns, for 64 rows of X after the other.
#pragma once

#include "tile_ring.h"

#if defined(HG_WARPGROUP_PRODUCTS)

template <uint32_t BLOCKS, uint32_t TILE, bool GATED, typename T>
HG_DEVICE void product_of_tile(const TensorMap& x_map, const TensorMap& weight_map, const T*, const T*, T* y,
                               const ProductShape& shape, uint8_t* memory) {
    // Whether each group has 64 rows of X, not a half of the tile's rows of W; instructions take 128 of these at most.
    constexpr bool BY_ROWS = BLOCKS == 2;
    constexpr uint32_t OF_GROUP = BY_ROWS ? TILE : TILE / GROUPS, PASSES = OF_GROUP > 128 ? 2 : 1;
    constexpr uint32_t COLUMNS = OF_GROUP / PASSES / FRAGMENT_EDGE;
    // Sums, and those in flight: of one pass, or of two slices. With some 24 registers more than the 168 to begin with.
    constexpr bool MANY_REGISTERS = COLUMNS * 8 * 3 > 144;
    // Columns of Y.
    constexpr uint32_t WIDTH = GATED ? TILE / 2 : TILE;
    const uint32_t rank = blockIdx.x % CLUSTER_BLOCKS;
    const TilePlace place((shape.rows + WIDTH - 1) / WIDTH, BLOCKS * 64);
    const BlockSlices slices(shape.columns, rank);
    HG_SHARED(uint64_t, barriers, 2 * MOST_STAGES);
    const uint32_t begin = (shared_address(memory) + 1023) / 1024 * 1024;
    const SliceRing ring = {begin, (shape.x_rows + TILE) * SLICE * 2, shared_address(barriers),
                            shared_address(barriers + MOST_STAGES)};
    if (threadIdx.x == 0) {
        HG_NO_UNROLL
        for (uint32_t stage = 0; stage < shape.stages; stage++) {
            begin_barrier(ring.full + stage * 8, 1);
            begin_barrier(ring.free + stage * 8, MULTIPLIERS / 32);
        }
        show_barriers();
    }
    __syncthreads();

    const uint32_t group = threadIdx.x / GROUP_THREADS;
    if (group == GROUPS) {
        if (MANY_REGISTERS) keep_few_registers();
        if (threadIdx.x == MULTIPLIERS) fill_ring<TILE / 2, GATED>(ring, x_map, weight_map, place, slices, shape);
        wave_barrier();
        let_next_kernel_begin();
        cluster_barrier();
        cluster_barrier();
        return;
    }
    if (MANY_REGISTERS) take_free_registers();
    GroupSums<PASSES, COLUMNS> sums;
    sums.clear();
    const GroupShare share = {BY_ROWS ? group * 64 : 0, shape.x_rows + (BY_ROWS ? 0 : group * OF_GROUP)};
    add_slices<T>(sums, ring, share, slices.count, shape.stages);
    let_next_kernel_begin();
    if (CLUSTER_BLOCKS > 1) {
        Floats4* const given = reinterpret_cast<Floats4*>(memory + (begin - shared_address(memory)));
        // Both blocks have begun, and read no slice any more.
        cluster_barrier();
        if (group != rank) sums.give(group, given);
        cluster_barrier();
        if (group != rank) return;
        sums.take(given);
    }
    wait_for_previous_kernels();
    const uint32_t first_m = place.first_m + share.x_row, column = place.tile * WIDTH;
    if (!GATED) return sums.write(y, shape, first_m, column + (BY_ROWS ? 0 : group * OF_GROUP), group, memory);
    if (BY_ROWS) return sums.write_own_swiglu(y, shape, first_m, column, group, memory);
    sums.write_swiglu(y, shape, first_m, column, group, memory);
}

#else

// Rows of a matrix, `first` and on, zeros outside of it.
template <typename T>
HG_DEVICE void copy_slice(T* shared, const T* matrix, int64_t stride, uint32_t first, uint32_t rows, uint32_t count, uint32_t column,
                          uint32_t columns) {
    for (uint32_t n = threadIdx.x; n < count * SLICE; n += MULTIPLIERS) {
        const uint32_t row = n / SLICE, k = n % SLICE;
        const bool inside = first + row < rows && column + k < columns;
        shared[row * PADDED_SLICE + k] = inside ? matrix[int64_t(first + row) * stride + column + k] : T{};
    }
}

template <uint32_t BLOCKS, uint32_t TILE, bool GATED, typename Map, typename T>
HG_DEVICE void product_of_tile(const Map&, const Map&, const T* x, const T* weights, T* y, const ProductShape& shape,
                               uint8_t* memory) {
    let_next_kernel_begin();
    wait_for_previous_kernels();
    constexpr uint32_t GROUP_ROWS = TILE / GROUPS, COLUMNS = GROUP_ROWS / FRAGMENT_EDGE, WIDTH = GATED ? GROUP_ROWS : TILE;
    const TilePlace place((shape.rows + WIDTH - 1) / WIDTH, BLOCKS * 64);
    const BlockSlices slices(shape.columns, 0);
    T* const x_rows = reinterpret_cast<T*>(memory);
    const uint32_t group = threadIdx.x / GROUP_THREADS;
    // One after the other: registers for the sums of both are too many for some.
    HG_NO_UNROLL
    for (uint32_t block = 0; block < BLOCKS && block * 64 < shape.x_rows; block++) {
        const uint32_t first_m = place.first_m + block * 64, left = shape.x_rows - block * 64, rows = left < 64 ? left : 64;
        T* const weight_rows = x_rows + rows * PADDED_SLICE;
        GroupSums<1, COLUMNS> sums;
        sums.clear();
        HG_NO_UNROLL
        for (uint32_t n = 0; n < slices.count; n++) {
            __syncthreads();
            copy_slice(x_rows, x, shape.x_stride, first_m, shape.m, rows, slices[n], shape.columns);
            if (GATED) {
                const uint32_t first = place.tile * GROUP_ROWS, gates = shape.rows;
                copy_slice(weight_rows, weights, shape.weight_stride, first, gates, GROUP_ROWS, slices[n], shape.columns);
                copy_slice(weight_rows + GROUP_ROWS * PADDED_SLICE, weights, shape.weight_stride, gates + first, 2 * gates,
                           GROUP_ROWS, slices[n], shape.columns);
            } else {
                copy_slice(weight_rows, weights, shape.weight_stride, place.tile * TILE, shape.rows, TILE, slices[n], shape.columns);
            }
            __syncthreads();
            sums.add_slice(x_rows, weight_rows + group * GROUP_ROWS * PADDED_SLICE, rows);
        }
        if (GATED) {
            sums.write_swiglu(y, shape, first_m, place.tile * GROUP_ROWS, group, memory);
        } else {
            sums.write(y, shape, first_m, place.tile * TILE + group * GROUP_ROWS, group, memory);
        }
    }
}

#endif

#define PRODUCT_PARAMETERS(T)                                                                                              \
    (HG_TENSOR_MAP(x_map), HG_TENSOR_MAP(weight_map), const T* x, const T* weights, T* y, uint32_t m, uint32_t rows,       \
     uint32_t columns, uint32_t stages, uint32_t x_rows, int64_t x_stride, int64_t weight_stride, int64_t y_stride)
#define PRODUCT_BODY(BLOCKS, TILE, GATED, T)                                                                               \
    HG_DYNAMIC_SHARED(uint8_t, memory);                                                                                    \
    product_of_tile<BLOCKS, TILE, GATED>(                                                                                  \
        x_map, weight_map, x, weights, y, {m, rows, columns, stages, x_rows, x_stride, weight_stride, y_stride}, memory)

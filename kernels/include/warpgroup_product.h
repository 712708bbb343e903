// Y = X W^T of 16-bit numbers by a tile of Y for each block, or cluster of blocks, which streams both matrices through a ring in
// shared memory: one thread asks a copy engine for slices of 64 columns, and two groups of 128 threads multiply, each with a half of
// the tile's rows of W. The scheme is that of CUTLASS's warp-specialised kernels for Hopper; as in DeepGEMM, sums of a slice are
// added to the others by ordinary additions, because matrix cores cut off what they add (matrix_core_sums.h).
//
// A cluster of two shares the columns: each block then gives one group's sums to the other block, and keeps the other's.
//
// Where there is no such engine all threads copy a slice and multiply it, in turns.
#pragma once

#include "block_cluster.h"
#include "swiglu_value.h"
#include "tensor_tiles.h"
#include "warpgroup_fragment.h"

constexpr uint32_t SLICE = 64, GROUP_THREADS = 128, GROUPS = 2, MULTIPLIERS = GROUPS * GROUP_THREADS;
#if defined(HG_WARPGROUP_PRODUCTS)
constexpr uint32_t PRODUCT_THREADS = MULTIPLIERS + GROUP_THREADS;
#else
constexpr uint32_t PRODUCT_THREADS = MULTIPLIERS;
#endif
constexpr uint32_t MOST_STAGES = 16, STEPS = SLICE / FRAGMENT_EDGE;
// Where nothing swizzles, rows of a slice are a vector longer: those of one column are then in different banks.
constexpr uint32_t PADDED_SLICE = SLICE + 8;

struct ProductShape {
    // Rows of X, columns of Y, and columns of X and W.
    uint32_t m, rows, columns;
    // Slices in the ring, and rows of X in each: a multiple of sixteen.
    uint32_t stages, x_rows;
    int64_t x_stride, weight_stride, y_stride;
};

// Barriers of the threads that multiply: of all, or of a group where groups go their own ways.
#if defined(HG_WARPGROUP_PRODUCTS)
HG_DEVICE void multipliers_barrier() { asm volatile("bar.sync 1, %0;" ::"n"(MULTIPLIERS) : "memory"); }
HG_DEVICE void group_barrier(uint32_t group) { asm volatile("bar.sync %0, %1;" ::"r"(2 + group), "n"(GROUP_THREADS) : "memory"); }
#else
HG_DEVICE void multipliers_barrier() { __syncthreads(); }
HG_DEVICE void group_barrier(uint32_t) { __syncthreads(); }
#endif

// Results in shared memory on their way to Y, as many rows as a fragment of each wave has. Rows are a vector longer, so that those of
// one column are in different banks.
template <uint32_t WIDTH, typename T>
struct ResultStage {
    static constexpr uint32_t STRIDE = WIDTH + Vector16<T>::COUNT, VECTORS = WIDTH / Vector16<T>::COUNT;
    T* memory;

    // Elements n and n + 1 of the accumulator whose first row and column these are.
    HG_MEMBER void put(uint32_t row, uint32_t column, uint32_t n, float first, float second) const {
        T* const place = memory + (row + slot_row(element_slot(n))) * STRIDE + column + element_column(n);
        if (element_column(n + 1) == element_column(n) + 1 && element_slot(n + 1) == element_slot(n)) {
            *reinterpret_cast<uint32_t*>(place) = pack_rounded(first, second, T{});
            return;
        }
        *place = from_float<T>(first);
        memory[(row + slot_row(element_slot(n + 1))) * STRIDE + column + element_column(n + 1)] = from_float<T>(second);
    }
    // To Y, whose row and column these are, by `threads` threads.
    HG_MEMBER void copy(T* y, const ProductShape& shape, uint32_t first_m, uint32_t rows, uint32_t column, uint32_t thread,
                        uint32_t threads) const {
        const bool aligned = misalignment(y) == 0 && shape.y_stride % Vector16<T>::COUNT == 0;
        HG_NO_UNROLL
        for (uint32_t n = thread; n < rows * VECTORS; n += threads) {
            const uint32_t row = n / VECTORS, first = n % VECTORS * Vector16<T>::COUNT;
            if (first_m + row >= shape.m || column + first >= shape.rows) continue;
            const T* const from = memory + row * STRIDE + first;
            T* const to = y + int64_t(first_m + row) * shape.y_stride + column + first;
            const uint32_t left = shape.rows - column - first;
            if (aligned && left >= Vector16<T>::COUNT) {
                store_vector(to, load_vector(from));
                continue;
            }
            HG_NO_UNROLL
            for (uint32_t i = 0; i < left && i < Vector16<T>::COUNT; i++) to[i] = from[i];
        }
    }
};

// Sums of a group, COLUMNS x 16 of Y in BLOCKS x 64 rows, as its waves have them.
template <uint32_t BLOCKS, uint32_t COLUMNS>
struct GroupSums {
    static constexpr uint32_t FRAGMENTS = BLOCKS * MOST_FRAGMENT_LANES / 32;
    Accumulator sums[FRAGMENTS][COLUMNS];

    HG_MEMBER void clear() {
        HG_UNROLL
        for (uint32_t i = 0; i < FRAGMENTS; i++) {
            HG_UNROLL
            for (uint32_t j = 0; j < COLUMNS; j++) sums[i][j] = zero_accumulator();
        }
    }
    static HG_MEMBER uint32_t waves() { return GROUP_THREADS / fragment_lanes(); }
    // First row of the wave's fragment i.
    static HG_MEMBER uint32_t first_row(uint32_t i) {
        return (i * waves() + threadIdx.x % GROUP_THREADS / fragment_lanes()) * FRAGMENT_EDGE;
    }
    HG_MEMBER void add(uint32_t i, const Accumulator (&more)[COLUMNS]) {
        HG_UNROLL
        for (uint32_t j = 0; j < COLUMNS; j++) {
            HG_UNROLL
            for (uint32_t n = 0; n < accumulator_elements(); n++) sums[i][j].value[n] += more[j].value[n];
        }
    }
    // Products of a slice, whose rows of X and of the group's weights these are.
    template <typename T>
    HG_MEMBER void add_slice(const T* x, const T* weights, uint32_t x_rows) {
        HG_UNROLL
        for (uint32_t i = 0; i < FRAGMENTS; i++) {
            if (first_row(i) >= x_rows) continue;
            Accumulator more[COLUMNS];
            HG_UNROLL
            for (uint32_t j = 0; j < COLUMNS; j++) {
                more[j] = zero_accumulator();
                HG_UNROLL
                for (uint32_t step = 0; step < STEPS; step++) {
                    const Operand left = load_left(x + first_row(i) * PADDED_SLICE + step * FRAGMENT_EDGE, PADDED_SLICE);
                    const Operand right = load_right(weights + j * FRAGMENT_EDGE * PADDED_SLICE + step * FRAGMENT_EDGE, PADDED_SLICE);
                    multiply_add<T>(more[j], left, right);
                }
            }
            add(i, more);
        }
    }
    // Four of a thread's sums at a time, to another block and from it.
    HG_MEMBER void give(uint32_t block, Floats4* given) const {
        HG_UNROLL
        for (uint32_t n = 0; n < FRAGMENTS * COLUMNS; n++) {
            const float* const sum = sums[n / COLUMNS][n % COLUMNS].value;
            store_to_block(block, place(given, 2 * n), {sum[0], sum[1], sum[2], sum[3]});
            store_to_block(block, place(given, 2 * n + 1), {sum[4], sum[5], sum[6], sum[7]});
        }
    }
    HG_MEMBER void take(Floats4* given) {
        HG_UNROLL
        for (uint32_t n = 0; n < 2 * FRAGMENTS * COLUMNS; n++) {
            float* const sum = sums[n / 2 / COLUMNS][n / 2 % COLUMNS].value + n % 2 * 4;
            const Floats4 more = *place(given, n);
            sum[0] += more.x;
            sum[1] += more.y;
            sum[2] += more.z;
            sum[3] += more.w;
        }
    }
    static HG_MEMBER Floats4* place(Floats4* given, uint32_t n) { return given + n * GROUP_THREADS + threadIdx.x % GROUP_THREADS; }
    // To Y, of which the group has columns from `column` on, by way of its own part of `memory`.
    template <typename T>
    HG_MEMBER void write(T* y, const ProductShape& shape, uint32_t first_m, uint32_t column, uint32_t group, uint8_t* memory) const {
        using Stage = ResultStage<COLUMNS * FRAGMENT_EDGE, T>;
        const Stage stage = {reinterpret_cast<T*>(memory) + group * 64 * Stage::STRIDE};
        const uint32_t rows = waves() * FRAGMENT_EDGE;
        HG_UNROLL
        for (uint32_t i = 0; i < FRAGMENTS; i++) {
            // Wide waves have several of these, where others have one.
            if (i * rows >= BLOCKS * 64) break;
            // No product reads what is there any more, after a cluster's barrier anyway.
            if (i == 0 && CLUSTER_BLOCKS == 1) multipliers_barrier();
            if (i > 0) group_barrier(group);
            HG_UNROLL
            for (uint32_t j = 0; j < COLUMNS; j++) {
                HG_UNROLL
                for (uint32_t n = 0; n < accumulator_elements(); n += 2) {
                    stage.put(first_row(0), j * FRAGMENT_EDGE, n, sums[i][j].value[n], sums[i][j].value[n + 1]);
                }
            }
            group_barrier(group);
            stage.copy(y, shape, first_m + i * rows, rows, column, threadIdx.x % GROUP_THREADS, GROUP_THREADS);
        }
    }
    // The same of Y = swiglu(X G^T, X U^T), where group 0 has sums with G and group 1 those with U of the same columns: each makes
    // half of the results and gives the other group what that needs.
    template <typename T>
    HG_MEMBER void write_swiglu(T* y, const ProductShape& shape, uint32_t first_m, uint32_t column, uint32_t group, uint8_t* memory) const {
        const ResultStage<COLUMNS * FRAGMENT_EDGE, T> stage = {reinterpret_cast<T*>(memory)};
        const uint32_t half = accumulator_elements() / 2, rows = waves() * FRAGMENT_EDGE, thread = threadIdx.x % GROUP_THREADS;
        // For each group a float for each of half an accumulator's elements, COLUMNS accumulators, and thread.
        float* const mine = reinterpret_cast<float*>(memory) + group * COLUMNS * half * GROUP_THREADS + thread;
        float* const theirs = reinterpret_cast<float*>(memory) + (1 - group) * COLUMNS * half * GROUP_THREADS + thread;
        HG_UNROLL
        for (uint32_t i = 0; i < FRAGMENTS; i++) {
            if (i * rows >= BLOCKS * 64) break;
            multipliers_barrier();
            HG_UNROLL
            for (uint32_t n = 0; n < COLUMNS * half; n++) {
                const float* const sum = sums[i][n / half].value;
                theirs[n * GROUP_THREADS] = group == 0 ? sum[half + n % half] : sum[n % half];
            }
            multipliers_barrier();
            float results[COLUMNS * MOST_ELEMENTS / 2];
            HG_UNROLL
            for (uint32_t n = 0; n < COLUMNS * half; n++) {
                const float* const sum = sums[i][n / half].value;
                const float own = group == 0 ? sum[n % half] : sum[half + n % half], other = mine[n * GROUP_THREADS];
                results[n] = swiglu_of_sums(group == 0 ? own : other, group == 0 ? other : own);
            }
            multipliers_barrier();
            HG_UNROLL
            for (uint32_t n = 0; n < COLUMNS * half; n += 2) {
                const uint32_t element = group == 0 ? n % half : half + n % half;
                stage.put(first_row(0), n / half * FRAGMENT_EDGE, element, results[n], results[n + 1]);
            }
            multipliers_barrier();
            stage.copy(y, shape, first_m + i * rows, rows, column, threadIdx.x, MULTIPLIERS);
        }
    }
};

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

template <uint32_t BLOCKS, uint32_t COLUMNS, bool GATED, typename T>
HG_DEVICE void product_of_tile(const TensorMap& x_map, const TensorMap& weight_map, const T*, const T*, T* y,
                               const ProductShape& shape, uint8_t* memory) {
    constexpr uint32_t TILE = GROUPS * COLUMNS * FRAGMENT_EDGE;
    // Sums of one block of 64 rows more, while they are made, and some 24 registers: more than the 168 to begin with.
    constexpr bool MANY_REGISTERS = (BLOCKS + 1) * COLUMNS * 8 > 144;
    // Columns of Y: of both groups, or the same of both.
    constexpr uint32_t GROUP_ROWS = COLUMNS * FRAGMENT_EDGE, WIDTH = GATED ? GROUP_ROWS : TILE;
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
    cluster_has_begun();

    const uint32_t group = threadIdx.x / GROUP_THREADS;
    if (group == GROUPS) {
        if (MANY_REGISTERS) keep_few_registers();
        if (threadIdx.x == MULTIPLIERS) fill_ring<GROUP_ROWS, GATED>(ring, x_map, weight_map, place, slices, shape);
        wave_barrier();
        let_next_kernel_begin();
        cluster_wait();
        cluster_arrive();
        cluster_wait();
        return;
    }
    if (MANY_REGISTERS) take_free_registers();
    GroupSums<BLOCKS, COLUMNS> sums;
    sums.clear();
    RingPlace at = {0, 0};
    const uint32_t group_rows = shape.x_rows + group * GROUP_ROWS;
    HG_NO_UNROLL
    for (uint32_t n = 0; n < slices.count; n++, at.advance(shape.stages)) {
        ring.wait_until_full(at);
        const uint64_t left = tile_descriptor(ring.x(at)), right = tile_descriptor(ring.x(at) + group_rows * SLICE * 2);
        HG_UNROLL
        for (uint32_t i = 0; i < BLOCKS; i++) {
            Accumulator more[COLUMNS];
            begin_products();
            HG_UNROLL
            for (uint32_t step = 0; step < STEPS; step++) {
                const uint64_t rows_below = i * 64 * SLICE * 2 >> 4;
                multiply_tiles(more, left + rows_below + step * DESCRIPTOR_STEP, right + step * DESCRIPTOR_STEP, step > 0, T{});
            }
            end_products();
            finish_products(more);
            if (i + 1 == BLOCKS && lane_index() == 0) arrive_at(ring.free + at.stage * 8);
            sums.add(i, more);
        }
    }
    let_next_kernel_begin();
    // The other block has begun: its memory is there.
    cluster_wait();
    if (CLUSTER_BLOCKS > 1) {
        Floats4* const given = reinterpret_cast<Floats4*>(memory + (begin - shared_address(memory)) + shape.stages * ring.stage_bytes);
        if (group != rank) sums.give(group, given);
        cluster_arrive();
        cluster_wait();
        if (group != rank) return;
        sums.take(given);
    }
    wait_for_previous_kernels();
    if (!GATED) return sums.write(y, shape, place.first_m, place.tile * TILE + group * GROUP_ROWS, group, memory);
    sums.write_swiglu(y, shape, place.first_m, place.tile * GROUP_ROWS, group, memory);
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

template <uint32_t BLOCKS, uint32_t COLUMNS, bool GATED, typename Map, typename T>
HG_DEVICE void product_of_tile(const Map&, const Map&, const T* x, const T* weights, T* y, const ProductShape& shape,
                               uint8_t* memory) {
    let_next_kernel_begin();
    wait_for_previous_kernels();
    constexpr uint32_t GROUP_ROWS = COLUMNS * FRAGMENT_EDGE, TILE = GROUPS * GROUP_ROWS, WIDTH = GATED ? GROUP_ROWS : TILE;
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
    product_of_tile<BLOCKS, TILE / GROUPS / FRAGMENT_EDGE, GATED>(                                                                \
        x_map, weight_map, x, weights, y, {m, rows, columns, stages, x_rows, x_stride, weight_stride, y_stride}, memory)

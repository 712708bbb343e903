// Sums of a tile of Y = X W^T, as the threads of two groups have them, and their way to Y; warpgroup_product.h says who makes them.
#pragma once

#include "block_cluster.h"
#include "swiglu_value.h"
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

// Sums of a group for 64 rows of X, as its waves have them: fragments of a wave lie beside each other where a group multiplies
// together, PASSES of COLUMNS x 16 columns, and elsewhere below each other.
template <uint32_t PASSES, uint32_t COLUMNS>
struct GroupSums {
#if defined(HG_WARPGROUP_PRODUCTS)
    static constexpr uint32_t FRAGMENTS = PASSES;
    static HG_MEMBER uint32_t row_of_fragment(uint32_t) { return 0; }
    static HG_MEMBER uint32_t column_of_fragment(uint32_t i) { return i * WIDTH; }
#else
    static_assert(PASSES == 1, "a fragment has all of a group's columns");
    static constexpr uint32_t FRAGMENTS = MOST_FRAGMENT_LANES / 32;
    static HG_MEMBER uint32_t row_of_fragment(uint32_t i) { return i * fragment_rows(); }
    static HG_MEMBER uint32_t column_of_fragment(uint32_t) { return 0; }
#endif
    static constexpr uint32_t WIDTH = COLUMNS * FRAGMENT_EDGE;
    Accumulator sums[FRAGMENTS][COLUMNS];

    HG_MEMBER void clear() {
        HG_UNROLL
        for (uint32_t i = 0; i < FRAGMENTS; i++) {
            HG_UNROLL
            for (uint32_t j = 0; j < COLUMNS; j++) sums[i][j] = zero_accumulator();
        }
    }
    // Rows of a fragment of each wave, and the first of this wave's.
    static HG_MEMBER uint32_t fragment_rows() { return GROUP_THREADS / fragment_lanes() * FRAGMENT_EDGE; }
    static HG_MEMBER uint32_t wave_row() { return threadIdx.x % GROUP_THREADS / fragment_lanes() * FRAGMENT_EDGE; }
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
            const uint32_t row = row_of_fragment(i) + wave_row();
            if (row >= x_rows) continue;
            Accumulator more[COLUMNS];
            HG_UNROLL
            for (uint32_t j = 0; j < COLUMNS; j++) {
                more[j] = zero_accumulator();
                HG_UNROLL
                for (uint32_t step = 0; step < STEPS; step++) {
                    const Operand left = load_left(x + row * PADDED_SLICE + step * FRAGMENT_EDGE, PADDED_SLICE);
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
    // To Y, of which the group has rows from `first_m` and columns from `column` on, by way of its own part of `memory`.
    template <typename T>
    HG_MEMBER void write(T* y, const ProductShape& shape, uint32_t first_m, uint32_t column, uint32_t group, uint8_t* memory) const {
        using Stage = ResultStage<WIDTH, T>;
        const Stage stage = {reinterpret_cast<T*>(memory) + group * 64 * Stage::STRIDE};
        // No product reads what is there any more, after a cluster's barrier anyway; but the group what it was given.
        if (CLUSTER_BLOCKS == 1) multipliers_barrier();
        HG_UNROLL
        for (uint32_t i = 0; i < FRAGMENTS; i++) {
            // Wide waves have several of these, where others have one.
            if (row_of_fragment(i) >= 64) break;
            if (i > 0 || CLUSTER_BLOCKS > 1) group_barrier(group);
            HG_UNROLL
            for (uint32_t j = 0; j < COLUMNS; j++) {
                HG_UNROLL
                for (uint32_t n = 0; n < accumulator_elements(); n += 2) {
                    stage.put(wave_row(), j * FRAGMENT_EDGE, n, sums[i][j].value[n], sums[i][j].value[n + 1]);
                }
            }
            group_barrier(group);
            stage.copy(y, shape, first_m + row_of_fragment(i), fragment_rows(), column + column_of_fragment(i),
                       threadIdx.x % GROUP_THREADS, GROUP_THREADS);
        }
    }
    // The same of Y = swiglu(X G^T, X U^T), where the first half of a thread's sums is with G and the other with U of the same columns.
    template <typename T>
    HG_MEMBER void write_own_swiglu(T* y, const ProductShape& shape, uint32_t first_m, uint32_t column, uint32_t group,
                                    uint8_t* memory) const {
        constexpr uint32_t HALF = FRAGMENTS * COLUMNS / 2;
        using Stage = ResultStage<HALF * FRAGMENT_EDGE, T>;
        const Stage stage = {reinterpret_cast<T*>(memory) + group * 64 * Stage::STRIDE};
        multipliers_barrier();
        HG_UNROLL
        for (uint32_t j = 0; j < HALF; j++) {
            const float* const gates = sums[j / COLUMNS][j % COLUMNS].value;
            const float* const ups = sums[(HALF + j) / COLUMNS][(HALF + j) % COLUMNS].value;
            HG_UNROLL
            for (uint32_t n = 0; n < accumulator_elements(); n += 2) {
                stage.put(wave_row(), j * FRAGMENT_EDGE, n, swiglu_of_sums(gates[n], ups[n]), swiglu_of_sums(gates[n + 1], ups[n + 1]));
            }
        }
        group_barrier(group);
        stage.copy(y, shape, first_m, 64, column, threadIdx.x % GROUP_THREADS, GROUP_THREADS);
    }
    // The same where group 0 has sums with G and group 1 those with U of the same columns: each makes half of the results and gives the
    // other group what that needs.
    template <typename T>
    HG_MEMBER void write_swiglu(T* y, const ProductShape& shape, uint32_t first_m, uint32_t column, uint32_t group, uint8_t* memory) const {
        const ResultStage<WIDTH, T> stage = {reinterpret_cast<T*>(memory)};
        const uint32_t half = accumulator_elements() / 2, thread = threadIdx.x % GROUP_THREADS;
        // For each group a float for each of half an accumulator's elements, COLUMNS accumulators, and thread.
        float* const mine = reinterpret_cast<float*>(memory) + group * COLUMNS * half * GROUP_THREADS + thread;
        float* const theirs = reinterpret_cast<float*>(memory) + (1 - group) * COLUMNS * half * GROUP_THREADS + thread;
        HG_UNROLL
        for (uint32_t i = 0; i < FRAGMENTS; i++) {
            if (row_of_fragment(i) >= 64) break;
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
                stage.put(wave_row(), n / half * FRAGMENT_EDGE, element, results[n], results[n + 1]);
            }
            multipliers_barrier();
            stage.copy(y, shape, first_m + row_of_fragment(i), fragment_rows(), column, threadIdx.x, MULTIPLIERS);
        }
    }
};

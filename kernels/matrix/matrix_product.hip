// Matrix product of f32, the work of a prompt where no vendor library is there: Y = X W^T, X is [m, columns], W
// [rows, columns]. Of f16 and bf16 it is matrix_product_fragments.
//
// Bytes: reads X for each 64 rows of W, and W for each 64 rows of X, mostly from L2; writes m * rows. 2 * m * rows * columns
// operations: arithmetic binds. A block makes a 64 x 64 tile of Y, a slice of 32 columns of X and W at a time in shared
// memory; each thread sums 4 x 4 elements in registers, 64 fused multiply-adds for 8 reads of 16 bytes.
#include "row_chunk.h"

constexpr uint32_t PRODUCT_THREADS = 256;
constexpr uint32_t TILE = 64;
// Rows and columns of the threads' grid.
constexpr uint32_t GRID = 16;
constexpr uint32_t PER_THREAD = TILE / GRID;
// Columns in shared memory at a time, in fours, and the stride of their rows: 9 fours put eight consecutive rows into
// different banks.
constexpr uint32_t SLICE = 32;
constexpr uint32_t SLICE_STRIDE = SLICE / 4 + 1;

// A slice of a row of up to 8 elements, zero beyond `columns`.
template <typename T>
HG_DEVICE void stage_row(const T* row, bool wanted, uint32_t column, uint32_t columns, Floats4* stage) {
    if (!wanted || column + CHUNK <= columns) {
        store_floats(stage, load_chunk(row + column, wanted));
        return;
    }
    float values[CHUNK];
    HG_UNROLL
    for (uint32_t i = 0; i < CHUNK; i++) values[i] = column + i < columns ? to_float(row[column + i]) : 0.0f;
    stage[0] = {values[0], values[1], values[2], values[3]};
    stage[1] = {values[4], values[5], values[6], values[7]};
}

HG_DEVICE float dot4(const Floats4& a, const Floats4& b, float sum) {
    sum = fused_multiply_add(a.x, b.x, sum);
    sum = fused_multiply_add(a.y, b.y, sum);
    sum = fused_multiply_add(a.z, b.z, sum);
    return fused_multiply_add(a.w, b.w, sum);
}

template <typename T>
HG_DEVICE void matrix_product(const T* x, const T* weights, T* y, uint32_t m, uint32_t rows, uint32_t columns,
                              int64_t x_stride, int64_t weight_stride, int64_t y_stride, Floats4* stage) {
    begin_overlapped();
    // Tiles of X vary fastest: the blocks of one tile of W run together.
    const uint32_t tiles = (m + TILE - 1) / TILE;
    const uint64_t first_m = uint64_t(blockIdx.x % tiles) * TILE, first_row = uint64_t(blockIdx.x / tiles) * TILE;
    const uint32_t staged = threadIdx.x / (SLICE / CHUNK), part = threadIdx.x % (SLICE / CHUNK) * CHUNK;
    const uint32_t down = threadIdx.x / GRID * PER_THREAD, across = threadIdx.x % GRID;
    const bool has_x = first_m + staged < m, has_weight = first_row + staged < rows;
    const T* x_row = x + int64_t(first_m + staged) * x_stride;
    const T* weight_row = weights + int64_t(first_row + staged) * weight_stride;
    Floats4* x_stage = stage + staged * SLICE_STRIDE + part / 4;
    float sum[PER_THREAD][PER_THREAD];
    HG_UNROLL
    for (uint32_t i = 0; i < PER_THREAD; i++) {
        HG_UNROLL
        for (uint32_t j = 0; j < PER_THREAD; j++) sum[i][j] = 0.0f;
    }
    for (uint64_t column = 0; column < columns; column += SLICE) {
        const bool inside = column + part < columns;
        stage_row(x_row, has_x && inside, uint32_t(column) + part, columns, x_stage);
        stage_row(weight_row, has_weight && inside, uint32_t(column) + part, columns, x_stage + TILE * SLICE_STRIDE);
        __syncthreads();
        HG_NO_UNROLL
        for (uint32_t four = 0; four < SLICE / 4; four++) {
            Floats4 a[PER_THREAD], b[PER_THREAD];
            HG_UNROLL
            for (uint32_t i = 0; i < PER_THREAD; i++) {
                a[i] = stage[(down + i) * SLICE_STRIDE + four];
                b[i] = stage[(TILE + across + i * GRID) * SLICE_STRIDE + four];
            }
            HG_UNROLL
            for (uint32_t i = 0; i < PER_THREAD; i++) {
                HG_UNROLL
                for (uint32_t j = 0; j < PER_THREAD; j++) sum[i][j] = dot4(a[i], b[j], sum[i][j]);
            }
        }
        __syncthreads();
    }
    HG_UNROLL
    for (uint32_t i = 0; i < PER_THREAD; i++) {
        T* destination = y + int64_t(first_m + down + i) * y_stride;
        HG_UNROLL
        for (uint32_t j = 0; j < PER_THREAD; j++) {
            const uint64_t row = first_row + across + j * GRID;
            if (first_m + down + i < m && row < rows) destination[row] = from_float<T>(sum[i][j]);
        }
    }
}

#define PRODUCT_PARAMETERS(T)                                                                                       \
    (const T* x, const T* weights, T* y, uint32_t m, uint32_t rows, uint32_t columns, int64_t x_stride,            \
     int64_t weight_stride, int64_t y_stride)
#define PRODUCT_BODY                                            \
    HG_SHARED(Floats4, stage, 2 * TILE * SLICE_STRIDE);         \
    matrix_product(x, weights, y, m, rows, columns, x_stride, weight_stride, y_stride, stage)

HG_KERNEL(matrix_product_f32, PRODUCT_THREADS, PRODUCT_PARAMETERS(float)) { PRODUCT_BODY; }

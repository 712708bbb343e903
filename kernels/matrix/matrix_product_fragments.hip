// Matrix product on matrix cores, of f16 and bf16, where no vendor library is there: Y = X W^T, X is [m, columns], W
// [rows, columns].
//
// Bytes: reads X for each 128 rows of W, and W for each 128 rows of X, mostly from L2; writes m * rows. 2 * m * rows * columns
// operations: arithmetic binds. A block of 256 threads makes a 128 x 128 tile of Y from slices of 32 columns of X and W in
// shared memory; the next slice is read into registers meanwhile. A wave makes 64 rows of the tile, of 32 columns (eight
// waves of 32) or 64 (four of 64): per slice 20 or 40 operands are loaded for 16 or 32 products of fragments, those of X again
// for each fragment along W, because there are no registers to keep them in.
//
// Compiled for two blocks a multiprocessor, which is 128 registers on NVIDIA GPUs: of itself the compiler takes 170.
#define HG_RESIDENT_BLOCKS 2

#include "matrix_fragment.h"

constexpr uint32_t PRODUCT_THREADS = 256;
constexpr uint32_t TILE = 128;
constexpr uint32_t SLICE = 32;
constexpr uint32_t STEPS = SLICE / FRAGMENT_EDGE;
constexpr uint32_t VECTOR = 8;
// Elements between rows in shared memory: five vectors put eight consecutive rows into different banks.
constexpr uint32_t STRIDE = SLICE + VECTOR;
constexpr uint32_t PER_ROW = SLICE / VECTOR;
// Vectors of X, and of W, that a thread reads of a slice.
constexpr uint32_t READS = TILE * PER_ROW / PRODUCT_THREADS;
// Fragments of a wave: down X's rows and along W's.
constexpr uint32_t DOWN = 4, MOST_ALONG = MOST_FRAGMENT_LANES / 16;

HG_DEVICE uint32_t along() { return fragment_lanes() / 16; }

// Rows of a matrix, from a tile's first one on.
template <typename T>
struct TileRows {
    const T* first;
    int64_t stride;
    uint32_t rows, columns;

    // Up to 8 elements of a row, zero outside of the matrix.
    HG_MEMBER Vector16<T> read(uint32_t row, uint64_t column) const {
        Vector16<T> vector = {{0, 0, 0, 0}};
        if (row >= rows || column >= columns) return vector;
        const T* address = first + int64_t(row) * stride + int64_t(column);
        if (column + VECTOR <= columns) return load_vector_or_elements(address, misalignment(address) == 0);
        HG_UNROLL
        for (uint32_t i = 0; i < VECTOR; i++) {
            if (column + i < columns) set_element_bits(vector, i, storage_bits(to_float(address[i]), T{}));
        }
        return vector;
    }
};

template <typename T>
struct Slice {
    Vector16<T> x[READS], weight[READS];

    HG_MEMBER void read(const TileRows<T>& x_rows, const TileRows<T>& weight_rows, uint64_t column) {
        HG_UNROLL
        for (uint32_t i = 0; i < READS; i++) {
            const uint32_t n = i * PRODUCT_THREADS + threadIdx.x;
            x[i] = x_rows.read(n / PER_ROW, column + n % PER_ROW * VECTOR);
            weight[i] = weight_rows.read(n / PER_ROW, column + n % PER_ROW * VECTOR);
        }
    }
    HG_MEMBER void store(T* x_stage, T* weight_stage) const {
        HG_UNROLL
        for (uint32_t i = 0; i < READS; i++) {
            const uint32_t n = i * PRODUCT_THREADS + threadIdx.x, place = n / PER_ROW * STRIDE + n % PER_ROW * VECTOR;
            store_vector(x_stage + place, x[i]);
            store_vector(weight_stage + place, weight[i]);
        }
    }
};

// Adds the products of a slice. Of a wave's fragments only the first `down` x `across` count, unless it is WHOLE. Matrix cores may
// cut sums off: they add up a slice, and slices are added by ordinary additions, which round (docs/methodology.md).
template <bool WHOLE, typename T>
HG_DEVICE void add_slice(const T* x, const T* weights, uint32_t down, uint32_t across,
                         Accumulator (&sums)[DOWN][MOST_ALONG]) {
    HG_UNROLL
    for (uint32_t j = 0; j < along(); j++) {
        if (!WHOLE && j >= across) continue;
        Operand rights[STEPS];
        HG_UNROLL
        for (uint32_t k = 0; k < STEPS; k++) {
            rights[k] = load_right(weights + j * FRAGMENT_EDGE * STRIDE + k * FRAGMENT_EDGE, STRIDE);
        }
        HG_UNROLL
        for (uint32_t i = 0; i < DOWN; i++) {
            if (!WHOLE && i >= down) continue;
            Accumulator of_slice = zero_accumulator();
            HG_UNROLL
            for (uint32_t k = 0; k < STEPS; k++) {
                multiply_add<T>(of_slice, load_left(x + i * FRAGMENT_EDGE * STRIDE + k * FRAGMENT_EDGE, STRIDE), rights[k]);
            }
            HG_UNROLL
            for (uint32_t n = 0; n < accumulator_elements(); n++) sums[i][j].value[n] += of_slice.value[n];
            if (FEW_REGISTERS || !WHOLE) limit_registers();
        }
    }
}

HG_DEVICE uint32_t fragments(uint32_t rows, uint32_t first, uint32_t most) {
    const uint32_t left = rows > first ? (rows - first + FRAGMENT_EDGE - 1) / FRAGMENT_EDGE : 0;
    return left < most ? left : most;
}

template <typename T>
HG_DEVICE void matrix_product(const T* x, const T* weights, T* y, uint32_t m, uint32_t rows, uint32_t columns,
                              int64_t x_stride, int64_t weight_stride, int64_t y_stride, T* stage) {
    begin_overlapped();
    // Tiles of X vary fastest: the blocks of one tile of W run together.
    const uint32_t tiles = (m + TILE - 1) / TILE;
    const uint64_t first_m = uint64_t(blockIdx.x % tiles) * TILE, first_row = uint64_t(blockIdx.x / tiles) * TILE;
    const uint32_t x_left = uint32_t(m - first_m), weights_left = uint32_t(rows - first_row);
    const TileRows<T> x_rows = {x + int64_t(first_m) * x_stride, x_stride, x_left, columns};
    const TileRows<T> weight_rows = {weights + int64_t(first_row) * weight_stride, weight_stride, weights_left, columns};
    T* const weight_stage = stage + TILE * STRIDE;

    const uint32_t wave = threadIdx.x / fragment_lanes();
    const uint32_t wave_m = wave % 2 * DOWN * FRAGMENT_EDGE, wave_row = wave / 2 * along() * FRAGMENT_EDGE;
    const uint32_t down = fragments(x_left, wave_m, DOWN), across = fragments(weights_left, wave_row, along());
    const T* const x_tile = stage + wave_m * STRIDE;
    const T* const weight_tile = weight_stage + wave_row * STRIDE;

    Accumulator sums[DOWN][MOST_ALONG];
    HG_UNROLL
    for (uint32_t i = 0; i < DOWN; i++) {
        HG_UNROLL
        for (uint32_t j = 0; j < along(); j++) sums[i][j] = zero_accumulator();
    }
    Slice<T> slice;
    slice.read(x_rows, weight_rows, 0);
    for (uint64_t column = 0; column < columns; column += SLICE) {
        __syncthreads();
        slice.store(stage, weight_stage);
        __syncthreads();
        if (column + SLICE < columns) slice.read(x_rows, weight_rows, column + SLICE);
        if (down == DOWN && across == along()) {
            add_slice<true>(x_tile, weight_tile, down, across, sums);
        } else if (down > 0 && across > 0) {
            add_slice<false>(x_tile, weight_tile, down, across, sums);
        }
    }
    HG_UNROLL
    for (uint32_t i = 0; i < DOWN; i++) {
        HG_UNROLL
        for (uint32_t j = 0; j < along(); j++) {
            HG_UNROLL
            for (uint32_t n = 0; n < accumulator_elements(); n++) {
                const uint32_t down_tile = wave_m + i * FRAGMENT_EDGE + slot_row(element_slot(n));
                const uint32_t along_tile = wave_row + j * FRAGMENT_EDGE + element_column(n);
                if (down_tile >= x_left || along_tile >= weights_left) continue;
                y[int64_t(first_m + down_tile) * y_stride + int64_t(first_row + along_tile)] = from_float<T>(sums[i][j].value[n]);
            }
        }
    }
}

#define PRODUCT_PARAMETERS(T)                                                                                       \
    (const T* x, const T* weights, T* y, uint32_t m, uint32_t rows, uint32_t columns, int64_t x_stride,            \
     int64_t weight_stride, int64_t y_stride)
#define PRODUCT_BODY(T)                                                                                             \
    HG_SHARED(Words16, stage, 2 * TILE * STRIDE / VECTOR);                                                          \
    matrix_product(x, weights, y, m, rows, columns, x_stride, weight_stride, y_stride, reinterpret_cast<T*>(stage))

HG_KERNEL(matrix_product_fragments_f16, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(f16); }
HG_KERNEL(matrix_product_fragments_bf16, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(bf16); }

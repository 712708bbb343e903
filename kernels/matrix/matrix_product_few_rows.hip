// Matrix product of up to 64 rows of f16 or bf16, on matrix cores: Y = X W^T, X is [m, columns], W [rows, columns]. The work of
// a short prompt, or of a token for each of several sequences, where no vendor library is there.
//
// Bytes: reads W once, and X for each 64 rows of W, from L2; writes m * rows. 2 * m * rows * columns operations: memory
// binds. All tiles of 64 rows of W are cut into slices of 128 columns, and every block takes as many slices as the others,
// wherever tiles begin and end (Osama et al., "Stream-K: Work-centric Parallel Decomposition for Dense Matrix-Matrix
// Multiplication on the GPU", PPoPP 2023). Slices come through a ring in shared memory, the first of W before the kernel
// waits for those ahead of it. Of a tile that several blocks share each leaves a part of the sums in f32, and the last one adds
// them, in the order of the blocks, so that results do not depend on which it is.
//
// NVIDIA's matrix cores cut off what an f32 sum cannot hold, always towards zero (Fasi et al., "Numerical behavior of NVIDIA
// tensor cores", PeerJ Computer Science 2021): over 520 columns of one sign the error passed what rounding explains. So they
// add up a slice, and slices are added by ordinary additions, which round.
#include "last_block.h"
#include "matrix_fragment.h"
#include "row_chunk.h"
#include "shared_copy.h"

constexpr uint32_t PRODUCT_THREADS = 128;
constexpr uint32_t TILE = 64;
constexpr uint32_t SLICE = 128;
constexpr uint32_t VECTOR = 8;
// Elements between rows in shared memory: 17 vectors put eight consecutive rows into different banks.
constexpr uint32_t STRIDE = SLICE + VECTOR;
constexpr uint32_t PER_ROW = SLICE / VECTOR;
// Rows that the block's threads read together, a vector each.
constexpr uint32_t ROWS_AT_ONCE = PRODUCT_THREADS / PER_ROW;
constexpr uint32_t WEIGHT_READS = TILE / ROWS_AT_ONCE;
constexpr uint32_t MOST_ALONG = TILE / FRAGMENT_EDGE * MOST_FRAGMENT_LANES / PRODUCT_THREADS;

// Fragments of a wave along W's rows.
HG_DEVICE uint32_t along() { return TILE / FRAGMENT_EDGE * fragment_lanes() / PRODUCT_THREADS; }

struct ProductShape {
    uint32_t m, rows, columns, stages;
    // Of all slices: what each block takes, and the blocks that take one more.
    uint32_t share, larger;
    int64_t x_stride, weight_stride, y_stride;

    HG_MEMBER uint32_t slices() const { return (columns + SLICE - 1) / SLICE; }
    // Of the list of all slices, tile after tile: the first that a block takes, and who takes one.
    HG_MEMBER uint32_t first_slice(uint32_t block) const { return block * share + (block < larger ? block : larger); }
    HG_MEMBER uint32_t block_of(uint32_t slice) const {
        const uint32_t in_larger = larger * (share + 1);
        return slice < in_larger ? slice / (share + 1) : larger + (slice - in_larger) / share;
    }
};

// A slice of a tile, and where the ring has it.
struct Cursor {
    uint32_t tile, slice, stage;

    HG_MEMBER void advance(const ProductShape& shape) {
        if (++stage >= shape.stages) stage = 0;
        if (++slice < shape.slices()) return;
        slice = 0;
        tile++;
    }
};

// A matrix's slices of some rows, of which this thread reads vectors: of its first row and those ROWS_AT_ONCE apart.
template <typename T>
struct SliceRows {
    const T* matrix;
    int64_t stride;
    uint32_t rows, columns;
    bool aligned;

    HG_MEMBER SliceRows(const T* matrix, int64_t stride, uint32_t rows, uint32_t columns)
        : matrix(matrix), stride(stride), rows(rows), columns(columns),
          aligned(misalignment(matrix) == 0 && stride % int64_t(VECTOR) == 0) {}

    // Vectors FIRST to FIRST + COUNT of the thread, of rows from `first` on. Zeros outside of the matrix.
    template <uint32_t FIRST, uint32_t COUNT, uint32_t ALL>
    HG_MEMBER void start(TileCopies<T, ALL>& copies, const SharedPlace<T>& place, uint32_t offset, uint32_t first,
                         uint32_t slice) const {
        const uint32_t row = first + threadIdx.x / PER_ROW, column = slice * SLICE + threadIdx.x % PER_ROW * VECTOR;
        const T* address = matrix + int64_t(row) * stride + column;
        const int64_t step = int64_t(ROWS_AT_ONCE) * stride;
        if (aligned && first + COUNT * ROWS_AT_ONCE <= rows && (slice + 1) * SLICE <= columns) {
            HG_UNROLL
            for (uint32_t n = 0; n < COUNT; n++, address += step) {
                copies.start(FIRST + n, place, offset + n * ROWS_AT_ONCE * STRIDE, address, true);
            }
            return;
        }
        HG_UNROLL
        for (uint32_t n = 0; n < COUNT; n++, address += step) {
            const bool inside = row + n * ROWS_AT_ONCE < rows;
            if (aligned && (!inside || column + VECTOR <= columns)) {
                copies.start(FIRST + n, place, offset + n * ROWS_AT_ONCE * STRIDE, inside ? address : matrix, inside);
                continue;
            }
            Vector16<T> vector = {{0, 0, 0, 0}};
            HG_UNROLL
            for (uint32_t i = 0; i < VECTOR; i++) {
                if (inside && column + i < columns) set_element_bits(vector, i, address[i].bits);
            }
            copies.put(FIRST + n, place, offset + n * ROWS_AT_ONCE * STRIDE, vector);
        }
    }
};

// The slices of a block on their way: those of X, DOWN fragments of rows, before those of W in each stage of the ring.
template <uint32_t DOWN, typename T>
struct SliceRing {
    static constexpr uint32_t X_READS = DOWN * FRAGMENT_EDGE / ROWS_AT_ONCE;
    static constexpr uint32_t X_ELEMENTS = DOWN * FRAGMENT_EDGE * STRIDE, STAGE = X_ELEMENTS + TILE * STRIDE;
    SliceRows<T> x, weights;
    SharedPlace<T> place;
    TileCopies<T, X_READS + WEIGHT_READS> copies;

    HG_MEMBER SliceRing(const SliceRows<T>& x, const SliceRows<T>& weights, T* stages)
        : x(x), weights(weights), place(stages + threadIdx.x / PER_ROW * STRIDE + threadIdx.x % PER_ROW * VECTOR) {}

    HG_MEMBER void start_x(const Cursor& at) {
        x.template start<0, X_READS>(copies, place, at.stage * STAGE, 0, at.slice);
    }
    HG_MEMBER void start_weights(const Cursor& at) {
        weights.template start<X_READS, WEIGHT_READS>(copies, place, at.stage * STAGE + X_ELEMENTS, at.tile * TILE, at.slice);
    }
    // Of the oldest slice that was started; a barrier then shows it to the block.
    HG_MEMBER void finish(const Cursor& at, uint32_t ahead) {
        copies.finish_tile(ahead);
        HG_UNROLL
        for (uint32_t n = 0; n < X_READS + WEIGHT_READS; n++) {
            copies.finish(n, place, at.stage * STAGE + n * ROWS_AT_ONCE * STRIDE);
        }
    }
};

// A wave's sums of a tile: all rows of X, and a share of the tile's.
template <uint32_t DOWN, typename T>
struct TileSums {
    static constexpr uint32_t MOST_FOURS = DOWN * MOST_ALONG * MOST_ELEMENTS / 4;
    Accumulator sums[DOWN][MOST_ALONG];

    HG_MEMBER void clear() {
        HG_UNROLL
        for (uint32_t i = 0; i < DOWN; i++) {
            HG_UNROLL
            for (uint32_t j = 0; j < along(); j++) sums[i][j] = zero_accumulator();
        }
    }
    HG_MEMBER void multiply_slice(const LeftPlace<T>& x, const RightPlace<T>& weights, uint32_t offset) {
        HG_UNROLL
        for (uint32_t k = 0; k < SLICE; k += FRAGMENT_EDGE) {
            Operand lefts[DOWN];
            HG_UNROLL
            for (uint32_t i = 0; i < DOWN; i++) lefts[i] = load_left(x, offset + i * FRAGMENT_EDGE * STRIDE + k);
            HG_UNROLL
            for (uint32_t j = 0; j < along(); j++) {
                const Operand right = load_right(weights, offset + j * FRAGMENT_EDGE * STRIDE + k);
                HG_UNROLL
                for (uint32_t i = 0; i < DOWN; i++) multiply_add<T>(sums[i][j], lefts[i], right);
            }
            if (FEW_REGISTERS) limit_registers();
        }
    }
    HG_MEMBER void add_slice(const LeftPlace<T>& x, const RightPlace<T>& weights, uint32_t offset) {
        if (!SUMS_ARE_CUT_OFF) return multiply_slice(x, weights, offset);
        TileSums of_slice;
        of_slice.clear();
        of_slice.multiply_slice(x, weights, offset);
        HG_UNROLL
        for (uint32_t i = 0; i < DOWN; i++) {
            HG_UNROLL
            for (uint32_t j = 0; j < along(); j++) {
                HG_UNROLL
                for (uint32_t n = 0; n < accumulator_elements(); n++) sums[i][j].value[n] += of_slice.sums[i][j].value[n];
            }
        }
    }
    // Calls `use(four floats, number)` for this thread's floats, numbers from 0 on.
    template <typename Use>
    HG_MEMBER void each_four(Use use) {
        HG_UNROLL
        for (uint32_t i = 0; i < DOWN; i++) {
            HG_UNROLL
            for (uint32_t j = 0; j < along(); j++) {
                HG_UNROLL
                for (uint32_t n = 0; n < accumulator_elements(); n += 4) {
                    use(sums[i][j].value + n, ((i * along() + j) * accumulator_elements() + n) / 4);
                }
            }
        }
    }
    HG_MEMBER void write(T* y, const ProductShape& shape, uint32_t first_row) {
        HG_UNROLL
        for (uint32_t i = 0; i < DOWN; i++) {
            HG_UNROLL
            for (uint32_t j = 0; j < along(); j++) {
                HG_UNROLL
                for (uint32_t n = 0; n < accumulator_elements(); n++) {
                    const uint32_t m = i * FRAGMENT_EDGE + slot_row(element_slot(n));
                    const uint32_t row = first_row + j * FRAGMENT_EDGE + element_column(n);
                    if (m < shape.m && row < shape.rows) y[int64_t(m) * shape.y_stride + row] = from_float<T>(sums[i][j].value[n]);
                }
            }
        }
    }
};

// Parts of tiles in the workspace: room for two of each block, of the tile that it begins with and of another.
template <uint32_t DOWN>
struct TileParts {
    static constexpr uint32_t FOURS = DOWN * FRAGMENT_EDGE * TILE / 4;
    Floats4* workspace;

    HG_MEMBER Floats4* of(uint32_t block, uint32_t tile, const ProductShape& shape) const {
        const bool other = shape.first_slice(block) < tile * shape.slices();
        return workspace + (uint64_t(block) * 2 + other) * FOURS + threadIdx.x;
    }
};

// Leaves this wave's part of a tile. The last of the waves with the same share of the tile gets all parts added.
template <uint32_t DOWN, typename T>
HG_DEVICE bool is_whole(TileSums<DOWN, T>& sums, const TileParts<DOWN>& parts, uint32_t* counters, uint32_t tile,
                        const ProductShape& shape) {
    const uint32_t begin = tile * shape.slices();
    const uint32_t first = shape.block_of(begin), last = shape.block_of(begin + shape.slices() - 1);
    if (first == last) return true;
    Floats4* const own = parts.of(blockIdx.x, tile, shape);
    sums.each_four([&](float* four, uint32_t number) {
        own[number * PRODUCT_THREADS] = {four[0], four[1], four[2], four[3]};
    });
    uint32_t* const counter = counters + tile * (PRODUCT_THREADS / fragment_lanes()) + threadIdx.x / fragment_lanes();
    if (!is_last_wave(counter, last - first + 1)) return false;
    // As many loads as registers hold: a round takes as long as one of them.
    constexpr uint32_t AT_ONCE = (FEW_REGISTERS ? 4 : 8) / DOWN;
    sums.clear();
    for (uint32_t block = first; block <= last; block += AT_ONCE) {
        Floats4 added[AT_ONCE][TileSums<DOWN, T>::MOST_FOURS];
        HG_UNROLL
        for (uint32_t i = 0; i < AT_ONCE; i++) {
            const bool there = block + i <= last;
            const Floats4* const part = parts.of(there ? block + i : last, tile, shape);
            sums.each_four([&](float*, uint32_t number) {
                added[i][number] = part[number * PRODUCT_THREADS];
                if (!there) added[i][number] = {0.0f, 0.0f, 0.0f, 0.0f};
            });
        }
        HG_UNROLL
        for (uint32_t i = 0; i < AT_ONCE; i++) {
            sums.each_four([&](float* four, uint32_t number) {
                four[0] += added[i][number].x;
                four[1] += added[i][number].y;
                four[2] += added[i][number].z;
                four[3] += added[i][number].w;
            });
        }
    }
    return true;
}

template <uint32_t DOWN, typename T>
HG_DEVICE void matrix_product(const T* x, const T* weights, T* y, float* workspace, uint32_t* counters,
                              const ProductShape& shape, T* stages) {
    let_next_kernel_begin();
    typedef SliceRing<DOWN, T> Ring;
    Ring ring({x, shape.x_stride, shape.m, shape.columns}, {weights, shape.weight_stride, shape.rows, shape.columns}, stages);
    const uint32_t begin = shape.first_slice(blockIdx.x), count = shape.first_slice(blockIdx.x + 1) - begin;
    // With one stage the next slice is on its way in registers.
    const uint32_t ahead = shape.stages > 1 ? shape.stages - 1 : 1;
    Cursor now = {begin / shape.slices(), begin % shape.slices(), 0}, next = now;
    for (uint32_t i = 0; i < ahead; i++) {
        if (i < count) ring.start_weights(next);
        next.advance(shape);
    }
    wait_for_previous_kernels();
    next = now;
    for (uint32_t i = 0; i < ahead; i++) {
        if (i < count) ring.start_x(next);
        ring.copies.end_tile();
        next.advance(shape);
    }
    const uint32_t wave_row = threadIdx.x / fragment_lanes() * along() * FRAGMENT_EDGE;
    const LeftPlace<T> x_place(stages, STRIDE);
    const RightPlace<T> weight_place(stages + Ring::X_ELEMENTS + wave_row * STRIDE, STRIDE);
    TileSums<DOWN, T> sums;
    sums.clear();
    for (uint32_t i = 0; i < count; i++) {
        if (shape.stages == 1) __syncthreads();
        ring.finish(now, ahead);
        __syncthreads();
        if (i + ahead < count) {
            ring.start_weights(next);
            ring.start_x(next);
            next.advance(shape);
        }
        ring.copies.end_tile();
        sums.add_slice(x_place, weight_place, now.stage * Ring::STAGE);
        const uint32_t tile = now.tile;
        now.advance(shape);
        if (now.tile == tile && i + 1 < count) continue;
        if (is_whole(sums, TileParts<DOWN>{reinterpret_cast<Floats4*>(workspace)}, counters, tile, shape)) {
            sums.write(y, shape, tile * TILE + wave_row);
        }
        sums.clear();
    }
}

#define PRODUCT_PARAMETERS(T)                                                                                       \
    (const T* x, const T* weights, T* y, float* workspace, uint32_t* counters, uint32_t m, uint32_t rows,          \
     uint32_t columns, uint32_t stages, uint32_t share, uint32_t larger, int64_t x_stride, int64_t weight_stride,  \
     int64_t y_stride)
#define PRODUCT_BODY(DOWN, T)                                                                                       \
    HG_DYNAMIC_SHARED(T, ring);                                                                                     \
    matrix_product<DOWN>(x, weights, y, workspace, counters,                                                        \
                         {m, rows, columns, stages, share, larger, x_stride, weight_stride, y_stride}, ring)

HG_KERNEL(matrix_product_few_rows_f16_16, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, f16); }
HG_KERNEL(matrix_product_few_rows_f16_32, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, f16); }
HG_KERNEL(matrix_product_few_rows_f16_64, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(4, f16); }
HG_KERNEL(matrix_product_few_rows_bf16_16, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, bf16); }
HG_KERNEL(matrix_product_few_rows_bf16_32, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, bf16); }
HG_KERNEL(matrix_product_few_rows_bf16_64, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(4, bf16); }

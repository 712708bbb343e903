// Quantised weights widened to numbers, for matrix products that take only these: a layer at a time, before a prompt's
// products.
//
// Bytes per weight: reads 34 / 32 (Q8_0), 18 / 32 (Q4_0), 144 / 256 (Q4_K), 176 / 256 (Q5_K) or 210 / 256 (Q6_K), writes
// sizeof(T). Each thread widens a run of 16 weights: neighbours read neighbouring bytes and write neighbouring vectors.
#include "quantised.h"

constexpr uint32_t WIDEN_THREADS = 256;

template <typename Block, typename T>
HG_DEVICE void dequantise(const uint16_t* weights, T* y, uint64_t rows, uint32_t columns, int64_t stride,
                          int64_t y_stride) {
    begin_overlapped();
    constexpr uint32_t RUNS = Block::WEIGHTS / RUN, COUNT = Vector16<T>::COUNT;
    const uint32_t runs = columns / RUN;
    const uint64_t step = uint64_t(gridDim.x) * WIDEN_THREADS;
    for (uint64_t n = uint64_t(blockIdx.x) * WIDEN_THREADS + threadIdx.x; n < rows * runs; n += step) {
        const int64_t row = int64_t(n / runs);
        const uint32_t run = uint32_t(n % runs);
        const uint8_t* blocks = reinterpret_cast<const uint8_t*>(weights + row * stride);
        const QuantRun values = Block::run(blocks + uint64_t(run / RUNS) * Block::BYTES, run % RUNS);
        T* destination = y + row * y_stride + run * RUN;
        const bool aligned = misalignment<T>(destination) == 0;
        HG_UNROLL
        for (uint32_t first = 0; first < RUN; first += COUNT) {
            Vector16<T> vector = {{0, 0, 0, 0}};
            HG_UNROLL
            for (uint32_t i = 0; i < COUNT; i++) {
                set_element(vector, i, fused_multiply_add(values.scale, values.quant[first + i], values.offset));
            }
            store_vector_or_elements(destination + first, vector, aligned);
        }
    }
}

#define WIDEN_PARAMETERS(T) \
    (const uint16_t* weights, T* y, uint64_t rows, uint32_t columns, int64_t stride, int64_t y_stride)
#define WIDEN_BODY(BLOCK, T) dequantise<BLOCK, T>(weights, y, rows, columns, stride, y_stride)

HG_KERNEL(dequantise_q8_0_f32, WIDEN_THREADS, WIDEN_PARAMETERS(float)) { WIDEN_BODY(Q8_0, float); }
HG_KERNEL(dequantise_q8_0_f16, WIDEN_THREADS, WIDEN_PARAMETERS(f16)) { WIDEN_BODY(Q8_0, f16); }
HG_KERNEL(dequantise_q8_0_bf16, WIDEN_THREADS, WIDEN_PARAMETERS(bf16)) { WIDEN_BODY(Q8_0, bf16); }

HG_KERNEL(dequantise_q4_0_f32, WIDEN_THREADS, WIDEN_PARAMETERS(float)) { WIDEN_BODY(Q4_0, float); }
HG_KERNEL(dequantise_q4_0_f16, WIDEN_THREADS, WIDEN_PARAMETERS(f16)) { WIDEN_BODY(Q4_0, f16); }
HG_KERNEL(dequantise_q4_0_bf16, WIDEN_THREADS, WIDEN_PARAMETERS(bf16)) { WIDEN_BODY(Q4_0, bf16); }

HG_KERNEL(dequantise_q4_k_f32, WIDEN_THREADS, WIDEN_PARAMETERS(float)) { WIDEN_BODY(Q4_K, float); }
HG_KERNEL(dequantise_q4_k_f16, WIDEN_THREADS, WIDEN_PARAMETERS(f16)) { WIDEN_BODY(Q4_K, f16); }
HG_KERNEL(dequantise_q4_k_bf16, WIDEN_THREADS, WIDEN_PARAMETERS(bf16)) { WIDEN_BODY(Q4_K, bf16); }

HG_KERNEL(dequantise_q5_k_f32, WIDEN_THREADS, WIDEN_PARAMETERS(float)) { WIDEN_BODY(Q5_K, float); }
HG_KERNEL(dequantise_q5_k_f16, WIDEN_THREADS, WIDEN_PARAMETERS(f16)) { WIDEN_BODY(Q5_K, f16); }
HG_KERNEL(dequantise_q5_k_bf16, WIDEN_THREADS, WIDEN_PARAMETERS(bf16)) { WIDEN_BODY(Q5_K, bf16); }

HG_KERNEL(dequantise_q6_k_f32, WIDEN_THREADS, WIDEN_PARAMETERS(float)) { WIDEN_BODY(Q6_K, float); }
HG_KERNEL(dequantise_q6_k_f16, WIDEN_THREADS, WIDEN_PARAMETERS(f16)) { WIDEN_BODY(Q6_K, f16); }
HG_KERNEL(dequantise_q6_k_bf16, WIDEN_THREADS, WIDEN_PARAMETERS(bf16)) { WIDEN_BODY(Q6_K, bf16); }

// The arithmetic roof: fused multiply-adds in registers, and nothing else.
#include "portability.h"

// Independent sums of one thread: more than the cycles from one result to its use, on every GPU in use.
constexpr int CHAINS = 16;

// Steps of all chains between two looks at the loop's counter, whose cost is lost among 128 multiply-adds.
constexpr int STEPS = 8;

// Each thread does `iterations` * STEPS * CHAINS multiply-adds. The sums take up products, as in a
// matrix product. With positive factors none is negative, which the compiler cannot know, so the work stays and
// the sink is never stored to.
HG_KERNEL(fma_loop_f32, 256, (uint32_t iterations, float left, float right, float* sink)) {
    float sums[CHAINS];
    HG_UNROLL
    for (int i = 0; i < CHAINS; i++) sums[i] = float(threadIdx.x + uint32_t(i));
    for (uint32_t iteration = 0; iteration < iterations; iteration++) {
        HG_UNROLL
        for (int step = 0; step < STEPS; step++) {
            HG_UNROLL
            for (int i = 0; i < CHAINS; i++) sums[i] = fused_multiply_add(left, right, sums[i]);
        }
    }
    float total = 0.0f;
    HG_UNROLL
    for (int i = 0; i < CHAINS; i++) total += sums[i];
    if (total < 0.0f) sink[blockIdx.x] = total;
}

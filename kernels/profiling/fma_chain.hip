// How fast the core clock really is: multiply-adds of which each waits for the one before, by one thread.
#include "portability.h"

// Steps between two looks at the loop's counter, whose cost hides behind their latency.
constexpr int STEPS = 128;

// Does `iterations` * STEPS multiply-adds. From one to the next a device takes a fixed number of its core clock's cycles (4 on
// NVIDIA since Volta), whatever else goes on, and touches no memory: steps per second follow the clock and nothing
// else. With positive factors the sum is never negative, which the compiler cannot know, so the work stays and the sink, which
// may be null, is never stored to.
HG_KERNEL(fma_chain_f32, 1, (uint32_t iterations, float factor, float addend, float* sink)) {
    float sum = addend;
    for (uint32_t iteration = 0; iteration < iterations; iteration++) {
        HG_UNROLL
        for (int step = 0; step < STEPS; step++) sum = fused_multiply_add(factor, sum, addend);
    }
    if (sum < 0.0f) *sink = sum;
}

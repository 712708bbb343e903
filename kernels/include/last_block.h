// How the last of several blocks, or waves, that work on one thing takes up what the others left: counters that are zero before
// a launch are zero again after it, so that the next one needs nobody to clear them.
#pragma once

#include "portability.h"

// Whether this thread is the last of `count` that come here, each once. Leaves the counter at zero.
HG_DEVICE bool is_last_thread(uint32_t* counter, uint32_t count) {
    // What this thread's block wrote is seen before it is counted, and what others wrote is not read from before.
    const bool last = atomic_add_in_order(counter, 1) == count - 1;
    if (last) *counter = 0;
    return last;
}

// The same for a block, called by all of it, which then sees everything that the others had written; `flag` is a word of shared
// memory.
HG_DEVICE bool is_last_block(uint32_t* counter, uint32_t count, uint32_t* flag) {
    __syncthreads();
    if (threadIdx.x == 0) *flag = is_last_thread(counter, count);
    __syncthreads();
    return *flag != 0;
}

// The same for a wave, called by all of its lanes.
HG_DEVICE bool is_last_wave(uint32_t* counter, uint32_t count) {
    wave_barrier();
    const uint32_t last = lane_index() == 0 && is_last_thread(counter, count);
    wave_barrier();
    return wave_shuffle(last, 0) != 0;
}

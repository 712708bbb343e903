// How the last of several blocks that work on one thing takes up what the others left: counters that are zero before a launch
// are zero again after it, so that the next one needs nobody to clear them.
#pragma once

#include "portability.h"

// Whether this block is the last of `count` that come here, each once; `flag` is a word of shared memory. Called by the whole
// block, which then sees everything that the others had written. Leaves the counter at zero.
HG_DEVICE bool is_last_block(uint32_t* counter, uint32_t count, uint32_t* flag) {
    __syncthreads();
    if (threadIdx.x == 0) {
        // What this block wrote is seen before it is counted, and what others wrote is not read from before.
        const bool last = atomic_add_in_order(counter, 1) == count - 1;
        if (last) *counter = 0;
        *flag = last;
    }
    __syncthreads();
    return *flag != 0;
}

// The same for a wave among those that work on one thing, called by all of its lanes.
HG_DEVICE bool is_last_wave(uint32_t* counter, uint32_t count) {
    wave_barrier();
    uint32_t last = 0;
    if (lane_index() == 0) {
        last = atomic_add_in_order(counter, 1) == count - 1;
        if (last) *counter = 0;
    }
    last = wave_shuffle(last, 0);
    wave_barrier();
    return last != 0;
}

// Work that does nothing but take time, for kernels that `hipgauge calibrate --detect` makes slower on purpose.
#pragma once

#include "portability.h"

#if defined(__CUDACC_RTC__) || defined(__CUDACC__) || defined(__CUDA__)

// Every thread waits until `amount` cycles of its multiprocessor's clock have passed.
HG_DEVICE void injected_work(uint32_t amount) {
    const uint64_t start = device_clock();
    while (device_clock() - start < amount) {
    }
}

#elif defined(__HIP__) || defined(__HIPCC_RTC__) || defined(__AMDGCN__)

// The same in cycles of the shader clock: device_clock() ticks at 100 MHz, too slowly for a hundredth of a short
// kernel. gfx11 and later count 20 bits; an amount must stay below their half.
HG_DEVICE void injected_work(uint32_t amount) {
    const uint32_t start = uint32_t(__builtin_readcyclecounter());
    while (((uint32_t(__builtin_readcyclecounter()) - start) & 0xFFFFFu) < amount) {
    }
}

#else

// The emulator counts steps, not time: the first thread of each block reads a word `amount` times.
HG_DEVICE void injected_work(uint32_t amount) {
    HG_SHARED(uint32_t, injected_word, 1);
    if (threadIdx.x + threadIdx.y + threadIdx.z != 0) return;
    volatile uint32_t* word = injected_word;
    *word = 0;
    for (uint32_t i = 0; i < amount; i++) (void)*word;
}

#endif

// Sorts of 64-bit words in shared memory, largest first, by a block whose threads are a power of two. Called by the whole block
// after a barrier; end with one. Few words are sorted by counting, many by a bitonic sort (Batcher, "Sorting Networks and Their
// Applications", 1968).
#pragma once

#include "portability.h"

HG_DEVICE uint32_t next_power_of_two(uint32_t value) { return value <= 2 ? 2 : 1u << (32 - count_leading_zeros32(value - 1)); }

// By how many are larger: a power of two of neighbouring lanes counts for each entry.
HG_DEVICE void sort_by_rank(uint64_t* entries, uint32_t count) {
    const uint32_t each = blockDim.x / next_power_of_two(count);
    const uint32_t share = each < wave_size() ? each : wave_size();
    const uint32_t own = threadIdx.x / share, first = threadIdx.x % share;
    const uint64_t entry = own < count ? entries[own] : 0;
    uint32_t larger = 0;
    for (uint32_t i = first; i < count; i += share) larger += entries[i] > entry;
    for (uint32_t distance = 1; distance < share; distance *= 2) larger += wave_shuffle_xor(larger, distance);
    __syncthreads();
    if (own < count && first == 0) entries[larger] = entry;
    __syncthreads();
}

// Sorts entries, no two of them equal. If there are more than threads, the array is filled up with zeros to a power of two.
HG_DEVICE void sort_descending(uint64_t* entries, uint32_t count) {
    if (count <= blockDim.x) return sort_by_rank(entries, count);
    const uint32_t padded = next_power_of_two(count);
    for (uint32_t i = count + threadIdx.x; i < padded; i += blockDim.x) entries[i] = 0;
    __syncthreads();
    for (uint32_t size = 2; size <= padded; size *= 2) {
        for (uint32_t stride = size / 2; stride > 0; stride /= 2) {
            for (uint32_t pair = threadIdx.x; pair < padded / 2; pair += blockDim.x) {
                const uint32_t low = 2 * pair - (pair & (stride - 1));
                const uint64_t a = entries[low], b = entries[low + stride];
                if ((a < b) == ((low & size) == 0)) {
                    entries[low] = b;
                    entries[low + stride] = a;
                }
            }
            __syncthreads();
        }
    }
}

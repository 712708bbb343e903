// The end of a decoding step: each sequence's position moves on by one, and so does the number of positions that its next
// token sees, itself included. In device memory, so that a graph of the step can be replayed without the host.
//
// Bytes per sequence: reads 4, writes 8.
#include "portability.h"

HG_DEVICE uint32_t add_up_to_largest(uint32_t value, uint32_t by) {
    return value > 0xFFFFFFFFu - by ? 0xFFFFFFFFu : value + by;
}

// `moved` may be `positions`.
HG_KERNEL(advance_positions, 256, (const uint32_t* positions, uint32_t* moved, uint32_t* lengths, uint64_t rows)) {
    begin_overlapped();
    const uint64_t step = uint64_t(gridDim.x) * blockDim.x;
    for (uint64_t row = uint64_t(blockIdx.x) * blockDim.x + threadIdx.x; row < rows; row += step) {
        const uint32_t position = positions[row];
        moved[row] = add_up_to_largest(position, 1);
        lengths[row] = add_up_to_largest(position, 2);
    }
}

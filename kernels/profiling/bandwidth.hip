// Probes of the device itself: its memory roofs, the cost of an empty launch, and a kernel that keeps the
// stream busy while the host enqueues.
#include "storage.h"

HG_DEVICE uint64_t global_thread() { return uint64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
HG_DEVICE uint64_t grid_threads() { return uint64_t(gridDim.x) * blockDim.x; }

// Reads `bytes` and writes `bytes`. Pointers are 16-byte aligned; the last bytes % 16 go one by one.
HG_KERNEL(copy_bytes, 1024, (const uint8_t* source, uint8_t* destination, uint64_t bytes)) {
    const Words16* from = reinterpret_cast<const Words16*>(source);
    Words16* to = reinterpret_cast<Words16*>(destination);
    const uint64_t thread = global_thread(), step = grid_threads();
    for (uint64_t i = thread; i < bytes / 16; i += step) to[i] = from[i];
    for (uint64_t i = bytes / 16 * 16 + thread; i < bytes; i += step) destination[i] = source[i];
}

// Reads `bytes` rounded down to 16 and writes nothing: the sink is stored to only if all words read by a thread
// combine to one value that a buffer of any one repeated byte cannot give.
HG_KERNEL(read_bytes, 1024, (const uint8_t* source, uint64_t bytes, uint32_t* sink)) {
    const Words16* from = reinterpret_cast<const Words16*>(source);
    uint32_t seen = 0;
    for (uint64_t i = global_thread(); i < bytes / 16; i += grid_threads()) {
        const Words16 words = from[i];
        seen |= words.x ^ words.y ^ words.z ^ words.w;
    }
    if (seen == 0x9E3779B9u) sink[blockIdx.x] = seen;
}

// Writes `bytes` bytes of `value`. The pointer is 16-byte aligned.
HG_KERNEL(fill_bytes, 1024, (uint8_t* destination, uint64_t bytes, uint32_t value)) {
    const uint32_t word = (value & 0xFFu) * 0x01010101u;
    Words16* to = reinterpret_cast<Words16*>(destination);
    const uint64_t thread = global_thread(), step = grid_threads();
    for (uint64_t i = thread; i < bytes / 16; i += step) to[i] = Words16{word, word, word, word};
    for (uint64_t i = bytes / 16 * 16 + thread; i < bytes; i += step) destination[i] = uint8_t(value);
}

// Reads and writes nothing: its time is what a launch costs.
HG_KERNEL(empty_kernel, 1024, ()) {}

// Spins until `ticks` of the device's clock have passed. `waited`, if not null, receives how many did.
HG_KERNEL(delay_kernel, 1, (uint32_t ticks, uint64_t* waited)) {
    const uint64_t start = device_clock();
    uint64_t passed = 0;
    while (passed < ticks) passed = device_clock() - start;
    if (waited != nullptr) *waited = passed;
}

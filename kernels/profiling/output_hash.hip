// Checks of timed launches: a hash of what a launch left in its outputs, the comparison of hashes with the ones
// that were verified, and poison between launches.
//
// The hash is a sum of mixed 64-bit words modulo 2^64. Each word is combined with its place before it is mixed by
// a bijection, so a change within one word always changes the hash, and any other change is missed once in 2^64.
// A sum does not depend on the order of its terms: every device, wave size and grid gives the same hash.
#include "storage.h"

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014; constants by Stafford): a bijection.
HG_DEVICE uint64_t mix_word(uint64_t word) {
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9ull;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBull;
    return word ^ (word >> 31);
}

// The term of the word at `place`: an odd multiple of the place, which the golden ratio spreads over all bits.
HG_DEVICE uint64_t hash_term(uint64_t word, uint64_t place, uint64_t salt) {
    return mix_word(word ^ (salt + place * 0x9E3779B97F4A7C15ull));
}

HG_DEVICE uint64_t joined(uint32_t low, uint32_t high) { return uint64_t(high) << 32 | low; }

// Up to 8 bytes as the low bytes of a word, the rest zero.
HG_DEVICE uint64_t loose_word(const uint8_t* address, uint64_t bytes) {
    uint64_t word = 0;
    for (uint32_t i = 0; i < 8 && i < bytes; i++) word |= uint64_t(address[i]) << (8 * i);
    return word;
}

// Whole words at any address, by the largest loads that it allows.
HG_DEVICE uint64_t whole_word(const uint8_t* address) {
    const uint32_t offset = uint32_t(reinterpret_cast<uint64_t>(address) % 8);
    if (offset % 4 == 0) {
        const uint32_t* words = reinterpret_cast<const uint32_t*>(address);
        return joined(words[0], words[1]);
    }
    if (offset % 2 == 0) {
        const uint16_t* halves = reinterpret_cast<const uint16_t*>(address);
        return joined(halves[0] | uint32_t(halves[1]) << 16, halves[2] | uint32_t(halves[3]) << 16);
    }
    return loose_word(address, 8);
}

// The sum over a block of whole waves, in thread 0.
HG_DEVICE uint64_t block_sum(uint64_t value, uint64_t* slots) {
    for (uint32_t distance = wave_size() / 2; distance > 0; distance /= 2) value += wave_shuffle_xor(value, distance);
    const uint32_t wave = threadIdx.x / wave_size(), waves = blockDim.x / wave_size();
    if (lane_index() == 0) slots[wave] = value;
    __syncthreads();
    if (threadIdx.x != 0) return 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < waves; i++) sum += slots[i];
    return sum;
}

// Adds the hash of `rows` rows of `row_bytes` bytes, `stride_bytes` apart, to `*sum`. Bytes between rows do not
// count; the last word of a row is filled up with zeros. `salt` tells the outputs of a launch apart. Rows are
// walked along y, the words of a row along x in pairs, so no thread divides. Reads each byte once: 16 at a time
// where the row allows it.
HG_KERNEL(hash_rows, 1024, (const uint8_t* data, uint64_t rows, uint64_t row_bytes, uint64_t stride_bytes, uint64_t salt, uint64_t* sum)) {
    HG_SHARED(uint64_t, slots, 32);
    const uint64_t words_per_row = (row_bytes + 7) / 8, pairs = row_bytes / 16;
    const uint64_t first = uint64_t(blockIdx.x) * blockDim.x + threadIdx.x, step = uint64_t(gridDim.x) * blockDim.x;
    uint64_t hash = 0;
    for (uint64_t row = blockIdx.y; row < rows; row += gridDim.y) {
        const uint8_t* start = data + row * stride_bytes;
        const uint64_t place = row * words_per_row;
        const bool aligned = misalignment(start) == 0;
        for (uint64_t i = first; i < pairs; i += step) {
            uint64_t low, high;
            if (aligned) {
                const Words16 words = reinterpret_cast<const Words16*>(start)[i];
                low = joined(words.x, words.y);
                high = joined(words.z, words.w);
            } else {
                low = whole_word(start + 16 * i);
                high = whole_word(start + 16 * i + 8);
            }
            hash += hash_term(low, place + 2 * i, salt) + hash_term(high, place + 2 * i + 1, salt);
        }
        // What is left is less than two words.
        for (uint64_t i = 2 * pairs + first; i < words_per_row; i += step) {
            hash += hash_term(loose_word(start + 8 * i, row_bytes - 8 * i), place + i, salt);
        }
    }
    const uint64_t total = block_sum(hash, slots);
    if (threadIdx.x == 0) atomic_add(sum, total);
}

// Compares the sums of `count` copies of the buffers with the verified hashes and sets them back to zero. Copy i,
// counted from `first`, holds the outputs of input set (i + phase) % sets. `findings` are the launches compared, those
// that differ, and the complement of the least ordinal << 16 | copy among those, so that a maximum finds it.
HG_KERNEL(compare_hashes, 1024, (uint64_t* sums, const uint64_t* verified, uint64_t* findings, uint32_t first, uint32_t count, uint32_t phase, uint32_t sets, uint64_t ordinal)) {
    for (uint32_t i = first + threadIdx.x; i < first + count; i += blockDim.x) {
        if (sums[i] != verified[(i + phase) % sets]) {
            atomic_add(&findings[1], uint64_t(1));
            atomic_max(&findings[2], ~(ordinal << 16 | i));
        }
        sums[i] = 0;
    }
    if (threadIdx.x == 0) atomic_add(&findings[0], uint64_t(count));
}

// Writes 0xFF over the first 32 bytes of every `period` (a multiple of 32) of each row: enough for a skipped
// write to be seen, and so little that caches are left almost as they were.
HG_KERNEL(poison_rows, 1024, (uint8_t* data, uint64_t rows, uint64_t row_bytes, uint64_t stride_bytes, uint64_t period)) {
    const uint64_t pieces = (row_bytes + period - 1) / period * 32;
    const uint64_t first = uint64_t(blockIdx.x) * blockDim.x + threadIdx.x, step = uint64_t(gridDim.x) * blockDim.x;
    for (uint64_t row = blockIdx.y; row < rows; row += gridDim.y) {
        for (uint64_t i = first; i < pieces; i += step) {
            const uint64_t byte = i / 32 * period + i % 32;
            if (byte < row_bytes) data[row * stride_bytes + byte] = 0xFF;
        }
    }
}

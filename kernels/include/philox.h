// Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC11): the same bits for the
// same key and counter as src/operation/philox.rs, on every device.
#pragma once

#include "portability.h"

struct PhiloxWords {
    uint32_t word[4];
};

HG_DEVICE PhiloxWords philox4x32(uint32_t key0, uint32_t key1, PhiloxWords counter) {
    PhiloxWords words = counter;
    HG_UNROLL
    for (uint32_t round = 0; round < 10; round++) {
        if (round > 0) {
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }
        const uint64_t product0 = uint64_t(0xD2511F53u) * words.word[0];
        const uint64_t product1 = uint64_t(0xCD9E8D57u) * words.word[2];
        words = {{uint32_t(product1 >> 32) ^ words.word[1] ^ key0, uint32_t(product1),
                  uint32_t(product0 >> 32) ^ words.word[3] ^ key1, uint32_t(product0)}};
    }
    return words;
}

// The 64 random bits of one draw; u = bits / 2^64. Key: the stream. Counter: row, then step.
HG_DEVICE uint64_t draw_bits(uint64_t stream, uint32_t row, uint64_t step) {
    const PhiloxWords words =
        philox4x32(uint32_t(stream), uint32_t(stream >> 32), {{row, uint32_t(step), uint32_t(step >> 32), 0}});
    return uint64_t(words.word[1]) << 32 | words.word[0];
}

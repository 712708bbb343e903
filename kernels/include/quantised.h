// Blocks of quantised weights as GGUF files hold them (ggml's block formats). Blocks are only aligned to 2 bytes. A block
// is read in runs of 16 weights: a weight is scale * quant + offset, with one scale and offset for a run and whole numbers
// for quants.
#pragma once

#include "storage.h"

constexpr uint32_t RUN = 16;

struct QuantRun {
    float scale, offset;
    float quant[RUN];
};

HG_DEVICE uint32_t block_half(const uint8_t* block, uint32_t byte) {
    return *reinterpret_cast<const uint16_t*>(block + byte);
}
HG_DEVICE float block_f16(const uint8_t* block, uint32_t byte) { return f16_bits_to_float(block_half(block, byte)); }
HG_DEVICE float signed_byte(uint32_t byte) { return float(int32_t(byte ^ 0x80u) - 128); }

// Sixteen bytes from `byte` on, an even place: `visit(i, byte)` for each.
template <typename Visitor>
HG_DEVICE void each_byte(const uint8_t* block, uint32_t byte, Visitor visit) {
    HG_UNROLL
    for (uint32_t i = 0; i < RUN; i += 2) {
        const uint32_t half = block_half(block, byte + i);
        visit(i, half & 0xFFu);
        visit(i + 1, half >> 8);
    }
}

// Scale, f16; 32 signed bytes.
struct Q8_0 {
    static constexpr uint32_t WEIGHTS = 32, BYTES = 34;
    static HG_MEMBER QuantRun run(const uint8_t* block, uint32_t part) {
        QuantRun run;
        run.scale = block_f16(block, 0);
        run.offset = 0.0f;
        each_byte(block, 2 + part * RUN, [&](uint32_t i, uint32_t byte) { run.quant[i] = signed_byte(byte); });
        return run;
    }
};

// Scale, f16; 16 bytes whose low halves are weights 0 to 15 and high halves 16 to 31, minus 8.
struct Q4_0 {
    static constexpr uint32_t WEIGHTS = 32, BYTES = 18;
    static HG_MEMBER QuantRun run(const uint8_t* block, uint32_t part) {
        QuantRun run;
        run.scale = block_f16(block, 0);
        run.offset = 0.0f;
        each_byte(block, 2, [&](uint32_t i, uint32_t byte) { run.quant[i] = float(int32_t(byte >> (4 * part) & 15u) - 8); });
        return run;
    }
};

// The 6-bit scale and minimum of eight groups of 32 weights, packed in 12 bytes.
struct GroupScale {
    float scale, minimum;
};
HG_DEVICE GroupScale group_scale(const uint8_t* packed, uint32_t group) {
    if (group < 4) return {float(packed[group] & 63u), float(packed[group + 4] & 63u)};
    const uint32_t both = packed[group + 4], scale_high = packed[group - 4] >> 6, minimum_high = packed[group] >> 6;
    return {float((both & 15u) | scale_high << 4), float((both >> 4) | minimum_high << 4)};
}

// Scale and minimum scale, f16; packed group scales; [Q5_K: a fifth bit for each weight;] four bits for each weight: 64
// weights share 32 bytes, the first 32 in the low halves.
template <bool FIFTH_BIT>
struct Q45_K {
    static constexpr uint32_t WEIGHTS = 256, BYTES = FIFTH_BIT ? 176 : 144;
    static HG_MEMBER QuantRun run(const uint8_t* block, uint32_t part) {
        const uint32_t group = part / 2, within = part % 2 * RUN, shift = group % 2 * 4;
        const GroupScale scale = group_scale(block + 4, group);
        QuantRun run;
        run.scale = block_f16(block, 0) * scale.scale;
        run.offset = -(block_f16(block, 2) * scale.minimum);
        const uint32_t low = (FIFTH_BIT ? 48 : 16) + group / 2 * 32 + within;
        each_byte(block, low, [&](uint32_t i, uint32_t byte) { run.quant[i] = float(byte >> shift & 15u); });
        if (FIFTH_BIT) {
            each_byte(block, 16 + within, [&](uint32_t i, uint32_t byte) { run.quant[i] += float((byte >> group & 1u) * 16u); });
        }
        return run;
    }
};
using Q4_K = Q45_K<false>;
using Q5_K = Q45_K<true>;

// Four low bits of 256 weights, two high bits, a signed scale for each 16, and a scale, f16. Halves of 128 weights have
// 64 and 32 bytes: weights 32 apart share a byte.
struct Q6_K {
    static constexpr uint32_t WEIGHTS = 256, BYTES = 210;
    static HG_MEMBER QuantRun run(const uint8_t* block, uint32_t part) {
        const uint32_t half = part / 8, quarter = part % 8 / 2, within = part % 2 * RUN;
        const uint32_t low = half * 64 + quarter % 2 * 32 + within, low_shift = quarter / 2 * 4;
        const uint32_t high = 128 + half * 32 + within, high_shift = quarter * 2;
        QuantRun run;
        run.scale = block_f16(block, 208) * signed_byte(block[192 + part]);
        run.offset = 0.0f;
        each_byte(block, low, [&](uint32_t i, uint32_t byte) { run.quant[i] = float(int32_t(byte >> low_shift & 15u) - 32); });
        each_byte(block, high, [&](uint32_t i, uint32_t byte) { run.quant[i] += float((byte >> high_shift & 3u) * 16u); });
        return run;
    }
};

// Products of 16 x 16 tiles by one wave, on matrix cores where there are any: D[m][n] += sum over k of L[m][k] * R[n][k],
// for k below 16, with f16 or bf16 operands and f32 sums. Both operands have k along their rows, as the rows of queries
// and keys, or of activations and weights, have.
//
// Which lane holds what differs between architectures, and no kernel knows it. A lane holds accumulator_elements() elements
// of D: element i is at row slot_row(element_slot(i)) and column element_column(i). A lane's elements are on one or two rows
// (row_slots()), so that a property of a row is one number for each slot; lanes that share a row are combined by reduce_row.
// The operation `matrix_fragment` multiplies tiles through each function here and fails where a layout is wrong.
//
// Each header provides:
//
//   OPERAND_WORDS, MOST_ELEMENTS, MOST_SLOTS      sizes of a lane's arrays
//   WAVE_FRAGMENTS                                fragments down that a wave has the registers for, with 8 along
//   MOST_KEPT_QUERIES                             elements of an attention head's queries that stay in registers beside those
//   FRAGMENT_SHARED_BYTES                         what a block's tiles may take so that several blocks share a multiprocessor
//   SUMS_ARE_CUT_OFF                              whether sums may be cut off, not rounded: long ones are then added up in parts
//   MOST_FRAGMENT_LANES                           lanes of the widest wave
//   uint32_t fragment_lanes()                     lanes of a wave, a constant on a GPU
//   uint32_t accumulator_elements(), row_slots(), element_slot(i), element_column(i), slot_row(slot)
//   float reduce_row<Operator>(float)             over the lanes that share a row
//   Operand load_left(tile, stride)               from shared memory, rows a multiple of 16 bytes apart and aligned to it
//   Operand load_right(tile, stride)
//   Operand load_right_transposed(tile, stride)   R[n][k] is at tile[k * stride + n]
//   LeftPlace<T>, RightPlace<T>, TransposedPlace<T>(tile, stride)    where these load from, worked out once for many tiles:
//                                                 load_left(place, offset) is load_left(tile + offset, stride)
//   Operand round_to_left<T>(Accumulator&)        rounds D's elements to T in place, and gives D as a left operand
//   void multiply_add<T>(Accumulator&, Operand left, Operand right)
//   void limit_registers()                        keeps a compiler from loading operands early that it then has to spill:
//                                                 where little time is spent, and elsewhere if FEW_REGISTERS
//
// All but the first are called by all lanes of a wave, in uniform control flow. Blocks have one dimension.
#pragma once

#include "reduce.h"
#include "storage.h"

constexpr uint32_t FRAGMENT_EDGE = 16;

HG_DEVICE uint32_t pack_halves(uint32_t low, uint32_t high) { return low | high << 16; }

// Halves of a word, widened.
template <typename T>
HG_DEVICE float low_half(uint32_t word) {
    return to_float(storage_from_bits(word & 0xFFFFu, T{}));
}
template <typename T>
HG_DEVICE float high_half(uint32_t word) {
    return to_float(storage_from_bits(word >> 16, T{}));
}

template <typename T>
HG_DEVICE uint32_t pack_rounded(float low, float high, T) {
    return pack_halves(storage_bits(low, T{}), storage_bits(high, T{}));
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#include "matrix_fragment_cuda.h"
#elif defined(__gfx908__) || defined(__gfx90a__) || defined(__gfx942__) || defined(__gfx950__)
#include "matrix_fragment_cdna.h"
#elif defined(__GFX11__) || defined(__GFX12__)
#include "matrix_fragment_rdna.h"
#else
#include "matrix_fragment_plain.h"
#endif

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ < 800
#include "matrix_fragment_places.h"
#endif

HG_DEVICE Accumulator zero_accumulator() {
    Accumulator zero;
    HG_UNROLL
    for (uint32_t i = 0; i < MOST_ELEMENTS; i++) zero.value[i] = 0.0f;
    return zero;
}

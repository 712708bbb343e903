// Products of tiles in shared memory by 128 threads together, a warpgroup: wgmma of NVIDIA, compute capability 9.0 ("Asynchronous
// Warpgroup Level Matrix Instructions", PTX ISA). Their sums lie where mma.m16n8k16 has them, so that Accumulators hold them: the
// four waves have 16 rows each, one below the other.
#pragma once

#include "matrix_fragment.h"

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HG_WARPGROUP_PRODUCTS 1

// How instructions find a tile of tensor_tiles.h: its address, 1024 bytes from eight rows to the next, 128 bytes to a row. It begins
// at a multiple of 1024 bytes; sixteen columns further on are 32 bytes.
HG_DEVICE uint64_t tile_descriptor(uint32_t shared) { return uint64_t(shared >> 4 & 0x3FFF) | 1ull << 16 | 64ull << 32 | 1ull << 62; }
constexpr uint64_t DESCRIPTOR_STEP = 32 >> 4;

// Registers go from groups that need few to two that need many: of 384 threads each begins with 168, a third of 64 Ki in groups of
// eight.
HG_DEVICE void keep_few_registers() { asm volatile("setmaxnreg.dec.sync.aligned.u32 40;"); }
HG_DEVICE void take_free_registers() { asm volatile("setmaxnreg.inc.sync.aligned.u32 232;"); }

// What ordinary instructions wrote before, products may use.
HG_DEVICE void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
HG_DEVICE void end_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits until no more than so many of what end_products() ended last are under way; the others' sums are in registers after `settle`.
template <uint32_t LEFT>
HG_DEVICE void wait_for_products() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LEFT) : "memory"); }
template <uint32_t COUNT>
HG_DEVICE void settle(Accumulator (&sums)[COUNT]) {
    HG_UNROLL
    for (uint32_t i = 0; i < COUNT; i++) {
        HG_UNROLL
        for (uint32_t n = 0; n < 8; n++) asm volatile("" : "+f"(sums[i].value[n])::"memory");
    }
}

// The registers of so many accumulators in an asm statement, and where it counts them.
#define EIGHT(sum)                                                                                                      \
    "+f"((sum).value[0]), "+f"((sum).value[1]), "+f"((sum).value[2]), "+f"((sum).value[3]), "+f"((sum).value[4]),      \
        "+f"((sum).value[5]), "+f"((sum).value[6]), "+f"((sum).value[7])
#define SUMS_2(s) EIGHT(s[0]), EIGHT(s[1])
#define SUMS_3(s) SUMS_2(s), EIGHT(s[2])
#define SUMS_4(s) SUMS_3(s), EIGHT(s[3])
#define SUMS_6(s) SUMS_4(s), EIGHT(s[4]), EIGHT(s[5])
#define SUMS_7(s) SUMS_6(s), EIGHT(s[6])
#define SUMS_8(s) SUMS_7(s), EIGHT(s[7])
#define PLACES_2 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define PLACES_3 PLACES_2 ", %16, %17, %18, %19, %20, %21, %22, %23"
#define PLACES_4 PLACES_3 ", %24, %25, %26, %27, %28, %29, %30, %31"
#define PLACES_6 PLACES_4 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define PLACES_7 PLACES_6 ", %48, %49, %50, %51, %52, %53, %54, %55"
#define PLACES_8 PLACES_7 ", %56, %57, %58, %59, %60, %61, %62, %63"

// Adds a product of 64 rows and 16 columns of `left` with COLUMNS rows of `right`, or begins with it: COUNT accumulators.
#define MULTIPLY(COLUMNS, TYPE, PLACES, LEFT, RIGHT, ADDS, SUMS)                                                        \
    asm volatile("{ .reg .pred adds; setp.ne.u32 adds, %" ADDS ", 0; wgmma.mma_async.sync.aligned.m64n" COLUMNS         \
                 "k16.f32." TYPE "." TYPE " {" PLACES "}, %" LEFT ", %" RIGHT ", adds, 1, 1, 0, 0; }"                   \
                 : SUMS                                                                                                 \
                 : "l"(left), "l"(right), "r"(uint32_t(adds)))
#define TILE_PRODUCTS(COUNT, COLUMNS, LEFT, RIGHT, ADDS)                                                                \
    HG_DEVICE void multiply_tiles(Accumulator (&s)[COUNT], uint64_t left, uint64_t right, bool adds, f16) {            \
        MULTIPLY(COLUMNS, "f16", PLACES_##COUNT, LEFT, RIGHT, ADDS, SUMS_##COUNT(s));                                   \
    }                                                                                                                   \
    HG_DEVICE void multiply_tiles(Accumulator (&s)[COUNT], uint64_t left, uint64_t right, bool adds, bf16) {           \
        MULTIPLY(COLUMNS, "bf16", PLACES_##COUNT, LEFT, RIGHT, ADDS, SUMS_##COUNT(s));                                  \
    }
TILE_PRODUCTS(2, "32", "16", "17", "18")
TILE_PRODUCTS(3, "48", "24", "25", "26")
TILE_PRODUCTS(4, "64", "32", "33", "34")
TILE_PRODUCTS(6, "96", "48", "49", "50")
TILE_PRODUCTS(7, "112", "56", "57", "58")
TILE_PRODUCTS(8, "128", "64", "65", "66")

#endif

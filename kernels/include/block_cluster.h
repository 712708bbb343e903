// Blocks that run at the same time and write to each other's shared memory: clusters of NVIDIA, compute capability 9.0 ("Thread
// Block Clusters", CUDA programming guide). A file defines HG_CLUSTER_BLOCKS first of all, and its blocks come in groups of so
// many; elsewhere every block is a cluster of its own.
#pragma once

#include "row_chunk.h"

#if defined(HG_CLUSTER_BLOCKS) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

#include "shared_copy.h"

constexpr uint32_t CLUSTER_BLOCKS = HG_CLUSTER_BLOCKS;

// By every thread of a cluster: what they wrote before is then seen by all.
HG_DEVICE void cluster_barrier() {
    asm volatile("barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// Writes to where another block of the cluster has what `address` is here.
HG_DEVICE void store_to_block(uint32_t block, Floats4* address, const Floats4& value) {
    uint32_t there;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(shared_address(address)), "r"(block));
    asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(there), "f"(value.x), "f"(value.y), "f"(value.z),
                 "f"(value.w)
                 : "memory");
}

#else

constexpr uint32_t CLUSTER_BLOCKS = 1;

HG_DEVICE void cluster_barrier() {}
HG_DEVICE void store_to_block(uint32_t, Floats4*, const Floats4&) {}

#endif

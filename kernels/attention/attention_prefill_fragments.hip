// Causal attention of a prompt's tokens like attention_prefill, on matrix cores: f16 and bf16, heads of up to 128 elements.
// y = softmax(Q K^T * scale) V, where the token in row r, at position past + r, sees positions 0 to past + r. Grouped query
// heads share a head of keys and values.
//
// After Dao, "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning", 2023: each of a block's four
// waves takes 16 or 32 rows of one head, and the block walks over the keys, 32 or 64 a step. A wave keeps its scores and its
// output in registers as matrix fragments; scores become weights, and weights an operand, where they are. Its queries are
// there too, or in shared memory where registers would not hold them: 32 rows take each fragment of keys and values for
// twice the products, without which shared memory would bind.
// Values are copied to shared memory while scores are computed, the next keys while weights are multiplied with values.
//
// Weights are rounded to the storage type for the second product. Their sum is that of the rounded ones, so that
// what all of them are off by together cancels; those of f16 are 2^15 times as large as softmax has them, so that small
// ones stay normal numbers.
//
// Infinities and NaN among the values: in a matrix product they would reach rows that do not see their keys, through weights
// of zero. A first pass multiplies as if there were none, which leaves NaN in such rows; a block that finds anything that is
// not finite in its rows starts again, takes them out of the values, and adds them one by one to the rows that see them.
//
// Bytes per head of n tokens of d elements: reads n * d queries and, for each of the n / 128 blocks (n / 64 on AMD), up to
// past + n keys and values, which stay in L2 for the heads of a group; writes n * d. 2 * d * n^2 operations without a past:
// arithmetic binds. Keys that no token of the prompt may see are never read; keys that only some rows of a tile see do not
// touch the others, even if they are NaN.
#include "prefill_block.h"

HG_KERNEL(attention_prefill_fragments_f16_64, 256, PREFILL_PARAMETERS(f16)) { PREFILL_BODY(64, f16); }
HG_KERNEL(attention_prefill_fragments_f16_128, 256, PREFILL_PARAMETERS(f16)) { PREFILL_BODY(128, f16); }
HG_KERNEL(attention_prefill_fragments_bf16_64, 256, PREFILL_PARAMETERS(bf16)) { PREFILL_BODY(64, bf16); }
HG_KERNEL(attention_prefill_fragments_bf16_128, 256, PREFILL_PARAMETERS(bf16)) { PREFILL_BODY(128, bf16); }

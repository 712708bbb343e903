// attention_prefill_fragments for short prompts: blocks of 64 rows, so that more multiprocessors take part, and less code; see
// prefill_block.h.
#define HG_SHORT_PROMPT
#include "prefill_block.h"

HG_KERNEL(attention_prefill_short_f16_64, 256, PREFILL_PARAMETERS(f16)) { PREFILL_BODY(64, f16); }
HG_KERNEL(attention_prefill_short_f16_128, 256, PREFILL_PARAMETERS(f16)) { PREFILL_BODY(128, f16); }
HG_KERNEL(attention_prefill_short_bf16_64, 256, PREFILL_PARAMETERS(bf16)) { PREFILL_BODY(64, bf16); }
HG_KERNEL(attention_prefill_short_bf16_128, 256, PREFILL_PARAMETERS(bf16)) { PREFILL_BODY(128, bf16); }

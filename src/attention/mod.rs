//! Rotary positions, the cache of keys and values, and attention over it; and one token's way into that cache in one kernel.
//!
//! The cache is two tensors, `[sequences, kv_heads, capacity, head_dim]`: what one head has seen lies in one run, so
//! that decoding reads each byte once and in order. A token's slot is its position.

mod advance;
mod decode;
mod fused_qkv;
mod prefill;
mod rope;
mod shape;
mod softmax;

pub use advance::AdvancePositions;
pub use decode::AttentionDecode;
pub use fused_qkv::FusedQkv;
pub use prefill::{AttentionPrefill, is_short_prompt};
pub use rope::Rope;

//! Rotary positions, the cache of keys and values, and attention over it.
//!
//! The cache is two tensors, `[sequences, kv_heads, capacity, head_dim]`: what one head has seen lies in one run, so
//! that decoding reads each byte once and in order. A token's slot is its position.

mod advance;
mod decode;
mod prefill;
mod rope;
mod shape;
mod softmax;

pub use advance::AdvancePositions;
pub use decode::AttentionDecode;
pub use prefill::AttentionPrefill;
pub use rope::Rope;

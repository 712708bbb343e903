//! Every operation hipgauge knows, in the order that reports show them. A new operation is one line here.

use crate::attention::{AttentionDecode, AttentionPrefill, Rope};
use crate::embedding::Embedding;
use crate::mlp::{RmsNorm, SwiGlu};
use crate::operation::Operation;
use crate::sampler::{FUSED_SAMPLER, TOP_K_SAMPLING, TOP_P_SAMPLING, TopK};

/// All operations.
pub const OPERATIONS: &[&dyn Operation] = &[
    &RmsNorm::PLAIN,
    &RmsNorm::WITH_RESIDUAL,
    &SwiGlu::SEPARATE,
    &SwiGlu::PACKED,
    &TopK,
    &TOP_K_SAMPLING,
    &TOP_P_SAMPLING,
    &FUSED_SAMPLER,
    &Embedding,
    &Rope::PLAIN,
    &Rope::INTO_CACHE,
    &AttentionDecode,
    &AttentionPrefill,
];

/// The operation of that name.
pub fn find(name: &str) -> Option<&'static dyn Operation> {
    OPERATIONS.iter().copied().find(|operation| operation.name() == name)
}

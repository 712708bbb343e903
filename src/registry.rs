//! Every operation hipgauge knows, in the order that reports show them. A new operation is one line here.

use crate::attention::{AdvancePositions, AttentionDecode, AttentionPrefill, FusedQkv, Rope};
use crate::embedding::Embedding;
use crate::matrix::{AddBias, Dequantise, MatrixFragment, MatrixProduct, MatrixVector, VendorMatrixProduct};
use crate::mlp::{FusedGateUp, GateUpSwiGlu, RmsNorm, SwiGlu};
use crate::operation::Operation;
use crate::sampler::{FUSED_SAMPLER, TOP_K_SAMPLING, TOP_P_SAMPLING, TopK};

/// All operations.
pub const OPERATIONS: &[&dyn Operation] = &[
    &RmsNorm::PLAIN,
    &RmsNorm::WITH_RESIDUAL,
    &SwiGlu::SEPARATE,
    &SwiGlu::PACKED,
    &FusedGateUp,
    &GateUpSwiGlu,
    &TopK,
    &TOP_K_SAMPLING,
    &TOP_P_SAMPLING,
    &FUSED_SAMPLER,
    &Embedding,
    &Rope::PLAIN,
    &Rope::INTO_CACHE,
    &FusedQkv,
    &AttentionDecode,
    &AttentionPrefill,
    &AdvancePositions,
    &MatrixVector::NUMBERS,
    &MatrixVector::Q8_0,
    &MatrixVector::Q4_0,
    &MatrixVector::Q4_K,
    &MatrixVector::Q5_K,
    &MatrixVector::Q6_K,
    &MatrixProduct,
    &VendorMatrixProduct,
    &AddBias,
    &MatrixFragment,
    &Dequantise::Q8_0,
    &Dequantise::Q4_0,
    &Dequantise::Q4_K,
    &Dequantise::Q5_K,
    &Dequantise::Q6_K,
];

/// The operation of that name.
pub fn find(name: &str) -> Option<&'static dyn Operation> {
    OPERATIONS.iter().copied().find(|operation| operation.name() == name)
}

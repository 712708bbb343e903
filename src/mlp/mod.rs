//! Operations of the transformer's MLP block: RMSNorm, with and without residual, SwiGLU, and one token's gate and up in one.

mod fused_gate_up;
mod launch_shape;
mod rms_norm;
mod swiglu;

pub use fused_gate_up::FusedGateUp;
pub use rms_norm::RmsNorm;
pub use swiglu::SwiGlu;

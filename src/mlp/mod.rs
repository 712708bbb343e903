//! Operations of the transformer's MLP block: RMSNorm, with and without residual, SwiGLU, and one token's gate and up in one.

mod activated;
mod fused_gate_up;
mod gate_up_swiglu;
mod launch_shape;
mod rms_norm;
mod swiglu;

pub use fused_gate_up::FusedGateUp;
pub use gate_up_swiglu::GateUpSwiGlu;
pub use rms_norm::RmsNorm;
pub use swiglu::SwiGlu;

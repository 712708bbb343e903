//! Operations of the transformer's MLP block: RMSNorm, with and without residual, and SwiGLU.

mod launch_shape;
mod rms_norm;
mod swiglu;

pub use rms_norm::RmsNorm;
pub use swiglu::SwiGlu;

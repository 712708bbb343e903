//! Selection and sampling from logits: `top_k`, `top_k_sampling`, `top_p_sampling`, `fused_sampler`.
//!
//! The kernels work with integers (see `kernels/include/logits.h` and `probability_mass.h`); the references
//! here work in f64, by sorting, and share nothing with them but the definition of the total order and Philox.

mod distribution;
mod draws;
mod filters;
mod host_draw;
mod plan;
mod sampler_plan;
mod sampler_reference;
mod samplers;
mod statistics;
mod top_k;
mod top_k_plan;
mod top_k_reference;
mod total_order;

pub use distribution::{Band, RowDistribution};
pub use draws::uniform_bits;
pub use filters::Filters;
pub use host_draw::{HostDraw, draw_token};
pub use samplers::{FUSED_SAMPLER, Sampler, TOP_K_SAMPLING, TOP_P_SAMPLING};
pub use top_k::TopK;

//! Kernels: golden vectors, mutants, AMD code, cost in steps.

mod amd_kernels;
mod engine_kernels;
mod golden_engine;
mod golden_samplers;
mod golden_vectors;
mod mlp_kernels;
mod mutants;
mod output_hash;
mod overlapped_launch;
mod sampler_on_host;
mod step_count;

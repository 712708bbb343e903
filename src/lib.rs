//! hipgauge gauges GPU kernels: correctness against f64 references, timing, reports and regressions.
//!
//! Layers point one way: `cli` uses `verify`, `sweep` and `report`; those use the operations (`mlp`, `sampler`,
//! `embedding`, `attention`, `matrix`); those use `operation` (the contract), `profiling` and `backend`. Nothing below `cli`
//! prints or exits. ARCHITECTURE.md is the map.

pub mod attention;
pub mod backend;
pub mod embedding;
pub mod engine;
pub mod matrix;
pub mod mlp;
pub mod operation;
pub mod profiling;
pub mod progress;
pub mod registry;
pub mod regression;
pub mod report;
pub mod sampler;
pub mod suite;
pub mod sweep;
pub mod tensor;
pub mod ttft;
pub mod verify;

//! Times kernels: samples, stop rules, roofs, statistics. docs/methodology.md explains every number.

pub mod statistics;

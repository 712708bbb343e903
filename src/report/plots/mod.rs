//! One figure per operation: latency and bandwidth against size, as SVG and PNG.

mod axis;
mod figure;
mod font;
mod palette;
mod series;

pub use figure::{Figure, draw_figures};

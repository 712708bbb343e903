//! Figures of a run, as SVG and PNG.

mod axis;
mod by_size;
mod figure;
mod font;
mod palette;
mod series;

pub use by_size::draw_figures;
pub use figure::{Figure, FigureGroup};

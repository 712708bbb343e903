//! Figures of a run, as SVG and PNG.

mod axis;
mod by_size;
mod by_tokens;
mod canvas;
mod cold_hot;
mod distribution;
mod figure;
mod file_name;
mod font;
mod frame;
mod heat_map;
mod histogram;
mod legend;
mod notable;
mod operation;
mod overlay_figures;
mod palette;
mod pen;
mod roofline;
mod run_figures;
mod series;
mod stacked_bars;
mod variants;

#[cfg(test)]
mod figure_tests;

pub use figure::{Figure, FigureGroup};
pub use overlay_figures::draw_overlay_figures;
pub use run_figures::draw_figures;

// For pictures of what is no single run.
pub(crate) use axis::{Axis, Unit};
pub(crate) use by_tokens::{ByTokens, Curve, CurvePoint, Floor};
pub(crate) use canvas::{AnyPicture, Picture, WIDTH};
pub(crate) use file_name::file_name;
pub(crate) use frame::{Frame, Names, Region};
pub(crate) use palette::{FAINT, INK, look};
pub(crate) use pen::{Drawn, Hang, Pen, Stroke};
pub(crate) use stacked_bars::{Bar, Part, StackedBars};

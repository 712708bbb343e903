//! Runs laid over each other: the same cases side by side, without a verdict.

mod overlay_draw;
mod overlay_run;
mod ratio;

#[cfg(test)]
mod overlay_tests;

pub use overlay_draw::{Overlay, draw_overlay};
pub use overlay_run::OverlayRun;
pub use ratio::RatioRow;

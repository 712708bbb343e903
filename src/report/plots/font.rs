//! The typeface of all text in plots. plotters needs one to measure and to rasterise; systems differ in what
//! they have, so one travels with the program.

use std::sync::OnceLock;

use plotters::style::{FontStyle, register_font};

/// The family that plots ask for. Browsers take their own sans-serif for it.
pub const FAMILY: &str = "sans-serif";

/// Registers the typeface once per process; `Err` when plotters cannot read it.
pub fn register() -> Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| {
        let face = epaint_default_fonts::UBUNTU_LIGHT;
        [FontStyle::Normal, FontStyle::Bold].into_iter().all(|style| register_font(FAMILY, style, face).is_ok())
    });
    if *registered { Ok(()) } else { Err("the built-in typeface is damaged".to_string()) }
}

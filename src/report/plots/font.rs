//! The typeface of all text in plots. plotters needs one to measure and to rasterise; systems differ in what
//! they have, so one travels with the program.

use std::sync::OnceLock;

use plotters::style::{FontStyle, IntoFont, register_font};

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

/// Width of a line of text in pixels, with room for the wider faces that browsers may take instead.
pub fn width(text: &str, size: u32) -> u32 {
    let measured = register().ok().and_then(|()| (FAMILY, size).into_font().box_size(text).ok());
    // Six tenths of the size is the width of a digit in most faces.
    let width = measured.map_or(text.chars().count() as u32 * size * 6 / 10, |(width, _)| width);
    width + width / 8
}

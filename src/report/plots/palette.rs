//! Colours. The neutral ones are named in the page's style sheet too, which swaps them in the dark.

use plotters::style::RGBColor;

pub const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
pub const INK: RGBColor = RGBColor(0x1B, 0x1F, 0x24);
pub const FAINT: RGBColor = RGBColor(0x5B, 0x64, 0x6E);
pub const GRID: RGBColor = RGBColor(0xDD, 0xE2, 0xE8);

/// The palette of Okabe and Ito, "Color Universal Design" (2008), which colour-blind readers can tell apart,
/// without the black, which would vanish in the dark, and the yellow, which would on white.
pub const SERIES: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
];

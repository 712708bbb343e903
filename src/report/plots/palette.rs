//! Colours and shapes. The neutral colours are named in the page's style sheet too, which swaps them in the dark.

use plotters::style::RGBColor;

pub const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
pub const INK: RGBColor = RGBColor(0x1B, 0x1F, 0x24);
pub const FAINT: RGBColor = RGBColor(0x5B, 0x64, 0x6E);
pub const GRID: RGBColor = RGBColor(0xDD, 0xE2, 0xE8);

/// Text on a coloured cell; unlike ink and paper, these two stay as they are in the dark.
pub const ON_DARK: RGBColor = RGBColor(0xFE, 0xFE, 0xFE);
pub const ON_LIGHT: RGBColor = RGBColor(0x11, 0x11, 0x11);

/// A line's colour and the shape of its markers, so that no two differ by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub color: RGBColor,
    pub shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Bar,
}

/// The palette of Okabe and Ito, "Color Universal Design" (2008), which colour-blind readers can tell apart,
/// without the black, which would vanish in the dark, and the yellow, which would on white.
pub const LOOKS: [Look; 6] = [
    Look { color: RGBColor(0x00, 0x72, 0xB2), shape: Shape::Circle },
    Look { color: RGBColor(0xD5, 0x5E, 0x00), shape: Shape::Square },
    Look { color: RGBColor(0x00, 0x9E, 0x73), shape: Shape::Triangle },
    Look { color: RGBColor(0xCC, 0x79, 0xA7), shape: Shape::Diamond },
    Look { color: RGBColor(0xE6, 0x9F, 0x00), shape: Shape::TriangleDown },
    Look { color: RGBColor(0x56, 0xB4, 0xE9), shape: Shape::Bar },
];

/// The look of the `place`-th of several; they repeat after the sixth.
pub const fn look(place: usize) -> Look {
    LOOKS[place % LOOKS.len()]
}

/// Nine evenly spaced colours of viridis (Smith and van der Walt, 2015): perceptually uniform, and in order of
/// lightness for readers who see no hue.
const VIRIDIS: [RGBColor; 9] = [
    RGBColor(0x44, 0x01, 0x54),
    RGBColor(0x47, 0x2D, 0x7B),
    RGBColor(0x3B, 0x52, 0x8B),
    RGBColor(0x2C, 0x72, 0x8E),
    RGBColor(0x21, 0x91, 0x8C),
    RGBColor(0x28, 0xAE, 0x80),
    RGBColor(0x5E, 0xC9, 0x62),
    RGBColor(0xAD, 0xDC, 0x30),
    RGBColor(0xFD, 0xE7, 0x25),
];

/// The colour of a share; what lies beyond 0 and 1 has the colour of that end.
pub fn viridis(share: f64) -> RGBColor {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let below = (place as usize).min(VIRIDIS.len() - 2);
    let (low, high) = (VIRIDIS[below], VIRIDIS[below + 1]);
    let mix = |low: u8, high: u8| {
        (f64::from(low) + (f64::from(high) - f64::from(low)) * (place - below as f64)).round() as u8
    };
    RGBColor(mix(low.0, high.0), mix(low.1, high.1), mix(low.2, high.2))
}

/// What can be read on a cell of this colour.
pub fn text_on(color: RGBColor) -> RGBColor {
    // Luma of Rec. 601; above the middle dark text has more contrast.
    let luma = 0.299 * f64::from(color.0) + 0.587 * f64::from(color.1) + 0.114 * f64::from(color.2);
    if luma > 128.0 { ON_LIGHT } else { ON_DARK }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_viridis_colours_and_legible_text() {
        assert_eq!([viridis(0.0), viridis(1.0)], [VIRIDIS[0], VIRIDIS[8]]);
        assert_eq!([viridis(-3.0), viridis(7.5)], [VIRIDIS[0], VIRIDIS[8]]);
        assert_eq!(viridis(0.5), VIRIDIS[4]);
        assert_eq!(viridis(0.0625), RGBColor(0x46, 0x17, 0x68), "halfway between two");
        assert_eq!([text_on(viridis(0.1)), text_on(viridis(0.95))], [ON_DARK, ON_LIGHT]);
    }
}

//! Strokes, markers and text on a picture, in its pixels.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::font::FAMILY;
use super::palette::{Look, PAPER, Shape};

/// What drawing on a backend ends in.
pub type Drawn<B, T = ()> = Result<T, DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// A place in pixels of the picture, from its upper left corner.
pub type Place = (i32, i32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    Solid,
    Dashed,
    Dotted,
}

/// How text hangs on its place: which of its sides lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hang {
    Left,
    Middle,
    Right,
}

impl Hang {
    fn position(self) -> Pos {
        let side = match self {
            Hang::Left => HPos::Left,
            Hang::Middle => HPos::Center,
            Hang::Right => HPos::Right,
        };
        Pos::new(side, VPos::Center)
    }
}

/// Draws on a whole picture. Lengths are in CSS pixels and grow with `scale`, places are in the picture's own.
pub struct Pen<'a, B: DrawingBackend> {
    pub area: &'a DrawingArea<B, Shift>,
    pub scale: u32,
}

impl<B: DrawingBackend> Pen<'_, B> {
    /// CSS pixels in pixels of the picture.
    pub fn px(&self, length: f64) -> i32 {
        (length * f64::from(self.scale)).round() as i32
    }

    pub fn line(&self, places: &[Place], color: RGBColor, width: u32, stroke: Stroke) -> Drawn<B> {
        let style = color.stroke_width(width * self.scale);
        let dashed = |dash: u32, gap: u32| {
            let places = places.iter().copied();
            self.area.draw(&DashedPathElement::new(places, dash * self.scale, gap * self.scale, style))
        };
        match stroke {
            _ if places.len() < 2 => Ok(()),
            Stroke::Solid => self.area.draw(&PathElement::new(places.to_vec(), style)),
            Stroke::Dashed => dashed(6, 4),
            Stroke::Dotted => dashed(2, 3),
        }
    }

    /// A filled rectangle between two corners.
    pub fn block(&self, upper_left: Place, lower_right: Place, color: RGBColor) -> Drawn<B> {
        self.area.draw(&Rectangle::new([upper_left, lower_right], color.filled()))
    }

    /// A faint rectangle that lets what is below it through.
    pub fn veil(&self, upper_left: Place, lower_right: Place, color: RGBColor) -> Drawn<B> {
        self.area.draw(&Rectangle::new([upper_left, lower_right], color.mix(0.18).filled()))
    }

    pub fn frame(&self, upper_left: Place, lower_right: Place, color: RGBColor) -> Drawn<B> {
        self.area.draw(&Rectangle::new([upper_left, lower_right], color.stroke_width(self.scale)))
    }

    /// A marker of the given radius; a hollow one has paper inside.
    pub fn marker(&self, at: Place, look: Look, radius: f64, full: bool) -> Drawn<B> {
        self.shape(at, look.shape, radius, look.color)?;
        if full { Ok(()) } else { self.shape(at, look.shape, radius - 1.5, PAPER) }
    }

    fn shape(&self, (x, y): Place, shape: Shape, radius: f64, color: RGBColor) -> Drawn<B> {
        // Shapes of about one area: a square of the circle's width would look larger than it.
        let corner = |(right, down): (f64, f64)| (x + self.px(right * radius), y + self.px(down * radius));
        let polygon = |corners: &[(f64, f64)]| {
            self.area.draw(&Polygon::new(corners.iter().copied().map(corner).collect::<Vec<_>>(), color.filled()))
        };
        match shape {
            Shape::Circle => self.area.draw(&Circle::new((x, y), self.px(radius), color.filled())),
            Shape::Square => self.block(corner((-0.9, -0.9)), corner((0.9, 0.9)), color),
            Shape::Triangle => polygon(&[(0.0, -1.25), (1.15, 0.8), (-1.15, 0.8)]),
            Shape::TriangleDown => polygon(&[(0.0, 1.25), (1.15, -0.8), (-1.15, -0.8)]),
            Shape::Diamond => polygon(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
            Shape::Bar => self.block(corner((-1.3, -0.6)), corner((1.3, 0.6)), color),
        }
    }

    /// A line of text whose middle height is at the place.
    pub fn text(&self, text: &str, at: Place, size: u32, color: RGBColor, hang: Hang) -> Drawn<B> {
        let style = (FAMILY, size * self.scale).into_text_style(self.area).color(&color).pos(hang.position());
        self.area.draw_text(text, &style, at)
    }

    /// A line of text that reads upwards.
    pub fn text_upwards(&self, text: &str, at: Place, size: u32, color: RGBColor, hang: Hang) -> Drawn<B> {
        let font = (FAMILY, size * self.scale).into_font().transform(FontTransform::Rotate270);
        let style = font.into_text_style(self.area).color(&color).pos(hang.position());
        self.area.draw_text(text, &style, at)
    }
}

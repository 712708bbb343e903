//! Times against the number of tokens in a prompt, both logarithmic.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::axis::{Axis, Unit};
use super::canvas::{Picture, WIDTH};
use super::figure::Figure;
use super::frame::{Frame, Names, Region};
use super::legend::{Entry, Key, Legend};
use super::palette::Look;
use super::pen::{Drawn, Pen, Stroke};

const HEIGHT: u32 = 420;
const RADIUS: f64 = 4.0;
const RAW_RADIUS: f64 = 1.6;

/// One length of a curve.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    pub tokens: f64,
    pub ms: f64,
    /// An upright line from one to the other.
    pub ends_ms: Option<[f64; 2]>,
    /// Single values, as small markers.
    pub raw_ms: Vec<f64>,
}

/// What belongs together.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    pub name: String,
    pub look: Look,
    /// By number of tokens.
    pub points: Vec<CurvePoint>,
}

/// A time that nothing on the device can beat.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    pub name: String,
    pub color: RGBColor,
    /// Tokens and milliseconds.
    pub points: Vec<(f64, f64)>,
}

/// Curves and their floors.
#[derive(Clone, Debug)]
pub struct ByTokens {
    pub words: Figure,
    /// With the unit.
    pub y_name: &'static str,
    pub curves: Vec<Curve>,
    pub floors: Vec<Floor>,
}

impl ByTokens {
    fn legend(&self) -> Legend {
        let curves = self.curves.iter().map(|curve| Entry::new(Key::Series(curve.look), curve.name.clone()));
        let floors = self.floors.iter();
        let floors = floors.map(|floor| Entry::new(Key::Line(floor.color, Stroke::Dotted), floor.name.clone()));
        Legend { entries: curves.chain(floors).collect() }
    }

    /// `None` where nothing has a place on logarithmic axes.
    fn axes(&self) -> Option<(Axis, Axis)> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let floors = || self.floors.iter().flat_map(|floor| &floor.points);
        let tokens = points().map(|point| point.tokens).chain(floors().map(|(tokens, _)| *tokens));
        let of_point = |point: &CurvePoint| {
            let ends = point.ends_ms.into_iter().flatten();
            ends.chain(point.raw_ms.iter().copied()).chain([point.ms]).collect::<Vec<_>>()
        };
        let times = points().flat_map(of_point).chain(floors().map(|(_, ms)| *ms));
        Some((Axis::log2(tokens, Unit::Number, 14)?, Axis::log2(times, Unit::Number, 9)?))
    }

    fn draw_curve<B: DrawingBackend>(pen: &Pen<'_, B>, frame: &Frame, curve: &Curve) -> Drawn<B> {
        let points: Vec<&CurvePoint> = curve.points.iter().filter(|point| point.ms > 0.0).collect();
        for point in &points {
            for raw in point.raw_ms.iter().filter(|raw| **raw > 0.0) {
                pen.marker(frame.place(point.tokens, *raw), curve.look, RAW_RADIUS, true)?;
            }
            if let Some([low, high]) = point.ends_ms.filter(|ends| ends[0] > 0.0) {
                let ends = [frame.place(point.tokens, low), frame.place(point.tokens, high)];
                pen.line(&ends, curve.look.color, 2, Stroke::Solid)?;
            }
        }
        let places: Vec<_> = points.iter().map(|point| frame.place(point.tokens, point.ms)).collect();
        pen.line(&places, curve.look.color, 2, Stroke::Solid)?;
        places.into_iter().try_for_each(|at| pen.marker(at, curve.look, RADIUS, true))
    }
}

impl Picture for ByTokens {
    fn figure(&self, svg: String) -> Figure {
        Figure { svg, ..self.words.clone() }
    }

    fn height(&self) -> u32 {
        HEIGHT + self.legend().height()
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        let Some((x, y)) = self.axes() else { return Ok(()) };
        let region = Region { left: 0, top: 0, width: WIDTH, height: HEIGHT };
        let frame = Frame::draw(pen, region, (&x, &y), Names { x: "tokens of the prompt", y: self.y_name })?;
        for floor in &self.floors {
            let places: Vec<_> = floor.points.iter().map(|(tokens, ms)| frame.place(*tokens, *ms)).collect();
            pen.line(&places, floor.color, 2, Stroke::Dotted)?;
        }
        for curve in &self.curves {
            Self::draw_curve(pen, &frame, curve)?;
        }
        self.legend().draw(pen, HEIGHT)
    }
}

//! Hot against cold: how much faster launches are whose predecessor left something in the caches.

use std::collections::{HashMap, HashSet};

use plotters::prelude::DrawingBackend;

use crate::profiling::Mode;
use crate::sweep::{Flag, Measurement};

use super::axis::{Axis, Unit};
use super::canvas::{Picture, WIDTH};
use super::figure::{Figure, FigureGroup};
use super::frame::{Frame, Names, Region};
use super::legend::{Entry, Key, Legend};
use super::palette::{FAINT, LOOKS, Look, Shape, look};
use super::pen::{Drawn, Pen, Stroke};
use super::series::{Point, distinct, has_flag};
use super::variants::Variants;

const HEIGHT: u32 = 330;
const RADIUS: f64 = 4.0;

/// One case.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ratio {
    bytes: f64,
    /// Hot median over cold median.
    ratio: f64,
    /// From the ends of the two 95 % intervals, so wider than a 95 % interval of the ratio.
    ends: Option<[f64; 2]>,
    in_cache: bool,
    look: Look,
}

/// The ratios of one operation.
pub struct ColdHot {
    words: Figure,
    entries: Vec<Entry>,
    ratios: Vec<Ratio>,
}

/// A case's two measurements.
pub fn pairs<'a>(measurements: &[&'a Measurement]) -> Vec<(&'a Measurement, &'a Measurement)> {
    let hot: HashMap<&str, &Measurement> =
        measurements.iter().filter(|one| one.mode == Mode::Hot).map(|one| (one.case.as_str(), *one)).collect();
    let cold = measurements.iter().filter(|one| one.mode == Mode::Cold);
    cold.filter_map(|cold| Some((*cold, *hot.get(cold.case.as_str())?))).collect()
}

impl ColdHot {
    /// `None` without a case that was measured in both modes.
    pub fn new(operation: &str, measurements: &[&Measurement]) -> Option<Self> {
        let variants = Variants::of(measurements, LOOKS.len());
        let fine =
            |one: &Measurement| format!("{} {}", one.dtype, variants.label(variants.place(one))).trim_end().to_string();
        let mut labels: Vec<String> = measurements.iter().map(|one| fine(one)).collect();
        let by_dtype = distinct(labels.iter().map(String::as_str)).len() > LOOKS.len();
        if by_dtype {
            labels = measurements.iter().map(|one| one.dtype.clone()).collect();
        }
        let labels = distinct(labels.iter().map(String::as_str));
        let label_of = |one: &Measurement| if by_dtype { one.dtype.clone() } else { fine(one) };
        let ratios: Vec<Ratio> = pairs(measurements)
            .into_iter()
            .filter_map(|(cold_row, hot_row)| {
                let (cold, hot) = (Point::new(cold_row)?, Point::new(hot_row)?);
                let place = labels.iter().position(|label| *label == label_of(cold_row))?;
                let ends = cold.interval_us.zip(hot.interval_us);
                Some(Ratio {
                    bytes: cold.bytes,
                    ratio: hot.us / cold.us,
                    ends: ends.map(|(cold, hot)| [hot.low / cold.high, hot.high / cold.low]),
                    in_cache: has_flag(hot_row, Flag::InCache),
                    look: look(place),
                })
            })
            .collect();
        if ratios.is_empty() {
            return None;
        }
        let mut entries: Vec<Entry> = labels
            .iter()
            .enumerate()
            .map(|(place, label)| Entry::new(Key::Marker { look: look(place), full: true }, *label))
            .collect();
        if ratios.iter().any(|one| one.in_cache) {
            let look = Look { color: FAINT, shape: Shape::Circle };
            entries.push(Entry::new(Key::Marker { look, full: false }, "hot buffers fit in caches"));
        }
        entries.push(Entry::new(Key::Line(FAINT, Stroke::Dotted), "hot as long as cold"));
        let description = format!("{operation}: hot over cold time against bytes moved, {} cases", ratios.len());
        let words = Figure {
            id: format!("{operation}-cold-hot"),
            group: FigureGroup::ColdHot,
            title: operation.to_string(),
            caption: "Hot median over cold median of each case: under 1 the caches, and launches that follow one another, save \
                      time. Bars reach from one end of both 95 % intervals to the other, so they are wider than 95 %."
                .to_string(),
            svg: String::new(),
            description,
        };
        Some(Self { words, entries, ratios })
    }

    fn legend(&self) -> Legend {
        Legend { entries: self.entries.clone() }
    }
}

impl Picture for ColdHot {
    fn figure(&self, svg: String) -> Figure {
        Figure { svg, ..self.words.clone() }
    }

    fn height(&self) -> u32 {
        HEIGHT + self.legend().height()
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        let ends = self.ratios.iter().map(|one| one.ends.map_or(one.ratio, |ends| ends[1].max(one.ratio)));
        let most = ends.fold(1.0, f64::max);
        let y = Axis::between(0.0, most * 1.06, Unit::Number, 6);
        let Some(x) = Axis::log2(self.ratios.iter().map(|one| one.bytes), Unit::Bytes, 14) else { return Ok(()) };
        let region = Region { left: 0, top: 0, width: WIDTH, height: HEIGHT };
        let frame = Frame::draw(pen, region, (&x, &y), Names { x: "bytes moved", y: "hot time / cold time" })?;
        pen.line(&frame.level(1.0), FAINT, 2, Stroke::Dotted)?;
        let mut taken = HashSet::new();
        for one in &self.ratios {
            let place = frame.place(one.bytes, one.ratio);
            if let Some([low, high]) = one.ends {
                let ends = [frame.place(one.bytes, low), frame.place(one.bytes, high)];
                if (ends[0].1 - ends[1].1).abs() > 2 * pen.px(RADIUS) {
                    pen.line(&ends, one.look.color, 2, Stroke::Solid)?;
                }
            }
            if taken.insert((place.0 / pen.px(2.0), place.1 / pen.px(2.0), one.look.shape as u8, one.in_cache)) {
                pen.marker(place, one.look, RADIUS, !one.in_cache)?;
            }
        }
        self.legend().draw(pen, HEIGHT)
    }
}

//! Time, bandwidth and share of the roof against size: a row of panels, or one for each dtype.

use std::collections::HashSet;

use plotters::prelude::DrawingBackend;

use crate::profiling::Mode;

use super::axis::{Axis, Unit};
use super::canvas::{Picture, WIDTH};
use super::figure::Figure;
use super::frame::{Frame, Names, Region};
use super::legend::{Entry, Key, Legend};
use super::palette::{FAINT, INK};
use super::pen::{Drawn, Hang, Pen, Stroke};
use super::series::{Point, Series};

const ONLY_ROW: u32 = 360;
const ONE_OF_ROWS: u32 = 270;
const TITLE: u32 = 26;
/// CSS pixels; the smaller one where there are many markers.
const RADII: [f64; 2] = [3.5, 2.5];
/// Points of a panel that have room for the larger one.
const MANY: usize = 60;

/// What a panel shows of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    Latency,
    Bandwidth,
    Share,
}

impl Quantity {
    fn of(self, point: &Point) -> Option<f64> {
        match self {
            Quantity::Latency => Some(point.us),
            Quantity::Bandwidth => point.gbps,
            Quantity::Share => point.share,
        }
    }

    /// The 95 % interval: a rate is as uncertain as the time that it was computed from.
    fn interval(self, point: &Point) -> Option<[f64; 2]> {
        let time = point.interval_us?;
        let value = self.of(point)?;
        Some(match self {
            Quantity::Latency => [time.low, time.high],
            Quantity::Bandwidth | Quantity::Share => [value * point.us / time.high, value * point.us / time.low],
        })
    }

    const fn label(self, emulated: bool) -> &'static str {
        match (self, emulated) {
            (Quantity::Latency, false) => "median time per launch (µs)",
            (Quantity::Latency, true) => "emulated time per launch (µs)",
            (Quantity::Bandwidth, _) => "bandwidth (GB/s)",
            (Quantity::Share, _) => "share of roof",
        }
    }

    fn axis(self, values: impl Iterator<Item = f64>) -> Option<Axis> {
        match self {
            Quantity::Latency | Quantity::Bandwidth => Axis::log2(values, Unit::Number, 9),
            Quantity::Share => {
                let most = values.filter(|value| value.is_finite()).fold(1.0, f64::max);
                Some(Axis::between(0.0, most * 1.04, Unit::Percent, 6))
            }
        }
    }
}

/// A row of panels.
#[derive(Clone, Debug)]
pub struct Row {
    /// Empty where there is nothing to tell apart.
    pub title: String,
    pub series: Vec<Series>,
}

/// A bandwidth that no kernel can beat.
#[derive(Clone, Debug)]
pub struct Ceiling {
    pub gbps: f64,
    pub label: String,
    pub color: plotters::style::RGBColor,
}

/// Everything that is drawn; all panels of a column have the same axes.
pub struct BySize {
    /// The words around the drawing.
    pub words: Figure,
    pub rows: Vec<Row>,
    /// What the colours mean.
    pub entries: Vec<Entry>,
    pub ceilings: Vec<Ceiling>,
    pub emulated: bool,
}

impl BySize {
    fn points(&self) -> impl Iterator<Item = &Point> {
        self.rows.iter().flat_map(|row| &row.series).flat_map(Series::points)
    }

    /// Points drawn, over all series.
    pub fn count(&self) -> usize {
        self.points().count()
    }

    /// Panels of a row; rates only where there are any.
    pub fn quantities(&self) -> Vec<Quantity> {
        let all = [Quantity::Latency, Quantity::Bandwidth, Quantity::Share];
        all.into_iter().filter(|quantity| self.points().any(|point| quantity.of(point).is_some())).collect()
    }

    fn legend(&self) -> Legend {
        let mut entries = self.entries.clone();
        let modes: HashSet<Mode> = self.rows.iter().flat_map(|row| &row.series).map(|series| series.mode).collect();
        let modes = Mode::BOTH.into_iter().filter(|mode| modes.contains(mode));
        entries.extend(modes.map(|mode| Entry::new(Key::Mode { full: mode == Mode::Cold }, mode.name())));
        let ceilings = self.ceilings.iter();
        entries.extend(ceilings.map(|roof| Entry::new(Key::Line(roof.color, Stroke::Dotted), roof.label.clone())));
        Legend { entries }
    }

    /// Room for the titles of the rows.
    fn head(&self) -> u32 {
        if self.rows.iter().all(|row| row.title.is_empty()) { 0 } else { TITLE }
    }

    fn row_height(&self) -> u32 {
        self.head() + if self.rows.len() == 1 { ONLY_ROW } else { ONE_OF_ROWS }
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        pen: &Pen<'_, B>,
        region: Region,
        quantity: Quantity,
        series: &[Series],
    ) -> Drawn<B> {
        let with_interval = |point: &Point| {
            let ends = quantity.interval(point).into_iter().flatten();
            quantity.of(point).into_iter().chain(ends).collect::<Vec<_>>()
        };
        let roofs: Vec<(f64, plotters::style::RGBColor)> = match quantity {
            Quantity::Latency => Vec::new(),
            Quantity::Bandwidth => self.ceilings.iter().map(|roof| (roof.gbps, roof.color)).collect(),
            Quantity::Share => vec![(1.0, FAINT)],
        };
        let most_ticks = if self.quantities().len() == 1 { 14 } else { 5 };
        let x = Axis::log2(self.points().map(|point| point.bytes), Unit::Bytes, most_ticks);
        let y = quantity.axis(self.points().flat_map(with_interval).chain(roofs.iter().map(|roof| roof.0)));
        let (Some(x), Some(y)) = (x, y) else { return Ok(()) };
        let names = Names { x: "bytes moved", y: quantity.label(self.emulated) };
        let frame = Frame::draw(pen, region, (&x, &y), names)?;
        for (height, color) in roofs {
            pen.line(&frame.level(height), color, 2, Stroke::Dotted)?;
        }
        for one in series {
            self.draw_series(pen, &frame, quantity, one)?;
        }
        Ok(())
    }

    fn draw_series<B: DrawingBackend>(
        &self,
        pen: &Pen<'_, B>,
        frame: &Frame,
        quantity: Quantity,
        series: &Series,
    ) -> Drawn<B> {
        let stroke = if series.mode == Mode::Cold { Stroke::Solid } else { Stroke::Dashed };
        for line in &series.lines {
            let places = line.iter().filter_map(|point| Some(frame.place(point.bytes, quantity.of(point)?)));
            pen.line(&places.collect::<Vec<_>>(), series.look.color, 2, stroke)?;
        }
        let radius = RADII[usize::from(self.count() > MANY * self.rows.len())];
        let mut taken = HashSet::new();
        for point in series.points() {
            let Some(value) = quantity.of(point) else { continue };
            let place = frame.place(point.bytes, value);
            if let Some([low, high]) = quantity.interval(point) {
                let ends = [frame.place(point.bytes, low), frame.place(point.bytes, high)];
                // An interval inside its marker would not be seen.
                if (ends[0].1 - ends[1].1).abs() > 2 * pen.px(radius) {
                    pen.line(&ends, series.look.color, 2, Stroke::Solid)?;
                }
            }
            // Of markers that lie on one another only the first is drawn.
            if taken.insert((place.0 / pen.px(2.0), place.1 / pen.px(2.0))) {
                pen.marker(place, series.look, radius, series.mode == Mode::Cold)?;
            }
        }
        Ok(())
    }
}

impl Picture for BySize {
    fn figure(&self, svg: String) -> Figure {
        Figure { svg, ..self.words.clone() }
    }

    fn height(&self) -> u32 {
        self.row_height() * self.rows.len() as u32 + self.legend().height()
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        let quantities = self.quantities();
        let width = WIDTH / quantities.len().max(1) as u32;
        let head = self.head();
        for (place, row) in self.rows.iter().enumerate() {
            let top = place as u32 * self.row_height();
            if head > 0 {
                let at = (pen.px(12.0), pen.px(f64::from(top + head / 2 + 3)));
                pen.text(&row.title, at, 16, INK, Hang::Left)?;
            }
            for (column, quantity) in quantities.iter().enumerate() {
                let region =
                    Region { left: column as u32 * width, top: top + head, width, height: self.row_height() - head };
                self.draw_panel(pen, region, *quantity, &row.series)?;
            }
        }
        self.legend().draw(pen, self.row_height() * self.rows.len() as u32)
    }
}

//! Level bars, each cut into the parts that it is made of.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::axis::{Axis, Unit};
use super::canvas::{Picture, WIDTH};
use super::figure::Figure;
use super::font::width;
use super::frame::{Frame, Names, Region};
use super::legend::{Entry, Key, Legend};
use super::palette::{FAINT, INK, Look, Shape, text_on};
use super::pen::{Drawn, Hang, Pen};

const BAR: u32 = 22;
const STEP: u32 = 32;
/// Axis labels and margins around the bars.
const AROUND: u32 = 60;
/// Room for the bars' names at least, and at most.
const NAMES: [u32; 2] = [80, 320];
const TEXT: u32 = 13;

/// What parts of one kind look like in every bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub name: String,
    pub color: RGBColor,
}

/// One bar: a value for each part; what is not positive is not drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub name: String,
    pub values: Vec<f64>,
    /// Stands behind the bar's end, the total with its unit for instance.
    pub note: String,
}

/// Bars of one scale. As shares of each bar's total they are equally long.
#[derive(Clone, Debug)]
pub struct StackedBars {
    pub words: Figure,
    pub parts: Vec<Part>,
    pub bars: Vec<Bar>,
}

impl StackedBars {
    /// Parts that some bar has.
    fn legend(&self) -> Legend {
        let used = |place: usize| self.bars.iter().any(|bar| bar.values[place] > 0.0);
        let parts = self.parts.iter().enumerate().filter(|(place, _)| used(*place));
        let entries = parts.map(|(_, part)| {
            let look = Look { color: part.color, shape: Shape::Square };
            Entry::new(Key::Marker { look, full: true }, part.name.clone())
        });
        Legend { entries: entries.collect() }
    }

    fn chart_height(&self) -> u32 {
        STEP * self.bars.len() as u32 + AROUND
    }

    fn names_width(&self) -> u32 {
        let longest = self.bars.iter().map(|bar| width(&bar.name, TEXT)).max().unwrap_or(0);
        (longest + 12).clamp(NAMES[0], NAMES[1])
    }

    fn notes_width(&self) -> u32 {
        self.bars.iter().map(|bar| width(&bar.note, TEXT) + 12).max().unwrap_or(0)
    }

    fn draw_bar<B: DrawingBackend>(&self, pen: &Pen<'_, B>, frame: &Frame, place: usize) -> Drawn<B> {
        let bar = &self.bars[place];
        let positive = |value: f64| if value.is_finite() { value.max(0.0) } else { 0.0 };
        let total: f64 = bar.values.iter().map(|value| positive(*value)).sum();
        // The first bar is at the top.
        let middle = frame.place(0.0, (self.bars.len() - 1 - place) as f64).1;
        let half = pen.px(f64::from(BAR) / 2.0);
        let mut done = 0.0;
        for (part, value) in self.parts.iter().zip(&bar.values) {
            let share = if total > 0.0 { positive(*value) / total } else { 0.0 };
            let (left, right) = (frame.place(done, 0.0).0, frame.place(done + share, 0.0).0);
            done += share;
            if right <= left {
                continue;
            }
            pen.block((left, middle - half), (right, middle + half), part.color)?;
            let label = format!("{:.0} %", share * 100.0);
            if right - left > pen.px(f64::from(width(&label, 12) + 8)) {
                pen.text(&label, ((left + right) / 2, middle), 12, text_on(part.color), Hang::Middle)?;
            }
        }
        let beside = frame.place(0.0, 0.0).0 - pen.px(8.0);
        pen.text(&bar.name, (beside, middle), TEXT, INK, Hang::Right)?;
        let behind = frame.place(1.0, 0.0).0 + pen.px(8.0);
        pen.text(&bar.note, (behind, middle), TEXT, FAINT, Hang::Left)
    }
}

impl Picture for StackedBars {
    fn figure(&self, svg: String) -> Figure {
        Figure { svg, ..self.words.clone() }
    }

    fn height(&self) -> u32 {
        self.chart_height() + self.legend().height()
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        let (names, notes) = (self.names_width(), self.notes_width());
        // The frame leaves 44 pixels for labels of an axis that has none here.
        let left = names.saturating_sub(44);
        let region = Region { left, top: 0, width: WIDTH - left - notes, height: self.chart_height() };
        let x = Axis::between(0.0, 1.0, Unit::Percent, 10);
        let y = Axis::between(-0.5, self.bars.len() as f64 - 0.5, Unit::Number, 1).without_ticks();
        let frame = Frame::draw(pen, region, (&x, &y), Names { x: "share of the total", y: "" })?;
        for place in 0..self.bars.len() {
            self.draw_bar(pen, &frame, place)?;
        }
        self.legend().draw(pen, self.chart_height())
    }
}

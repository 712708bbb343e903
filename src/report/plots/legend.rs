//! Legends under the charts, where they cover no data.

use plotters::prelude::DrawingBackend;

use super::canvas::WIDTH;
use super::font::width;
use super::palette::{FAINT, INK, Look, Shape};
use super::pen::{Drawn, Hang, Pen, Stroke};

const ROW: u32 = 24;
const TEXT: u32 = 14;
/// Length of a sample stroke and the gap after it.
const KEY: u32 = 34;
const GAP: u32 = 10;
const LEFT: u32 = 72;

/// A sample of what an entry explains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Key {
    /// A line with its marker.
    Series(Look),
    /// How one mode is drawn, whatever the colour.
    Mode { full: bool },
    /// Only a stroke.
    Line(plotters::style::RGBColor, Stroke),
    /// Only a marker.
    Marker { look: Look, full: bool },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: Key,
    pub label: String,
}

impl Entry {
    pub fn new(key: Key, label: impl Into<String>) -> Self {
        Self { key, label: label.into() }
    }
}

/// Entries in columns as wide as the longest.
#[derive(Clone, Debug, Default)]
pub struct Legend {
    pub entries: Vec<Entry>,
}

impl Legend {
    fn columns(&self) -> (u32, u32) {
        let longest = self.entries.iter().map(|entry| width(&entry.label, TEXT)).max().unwrap_or(0);
        let column = longest + KEY + GAP + 26;
        ((WIDTH - LEFT).checked_div(column).unwrap_or(1).max(1), column)
    }

    /// In CSS pixels.
    pub fn height(&self) -> u32 {
        let (columns, _) = self.columns();
        (self.entries.len() as u32).div_ceil(columns) * ROW + 12
    }

    /// Draws it with its upper edge at `top`, in CSS pixels.
    pub fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>, top: u32) -> Drawn<B> {
        let (columns, column) = self.columns();
        for (place, entry) in self.entries.iter().enumerate() {
            let (x, y) = (LEFT + place as u32 % columns * column, top + place as u32 / columns * ROW + ROW / 2);
            let at = |right: u32| (pen.px(f64::from(x + right)), pen.px(f64::from(y)));
            let stroke = [at(0), at(KEY)];
            match entry.key {
                Key::Series(look) => {
                    pen.line(&stroke, look.color, 2, Stroke::Solid)?;
                    pen.marker(at(KEY / 2), look, 4.0, true)?;
                }
                Key::Mode { full } => {
                    let look = Look { color: FAINT, shape: Shape::Circle };
                    pen.line(&stroke, FAINT, 2, if full { Stroke::Solid } else { Stroke::Dashed })?;
                    pen.marker(at(KEY / 2), look, 4.0, full)?;
                }
                Key::Line(color, kind) => pen.line(&stroke, color, 2, kind)?,
                Key::Marker { look, full } => pen.marker(at(KEY / 2), look, 4.0, full)?,
            }
            pen.text(&entry.label, at(KEY + GAP), TEXT, INK, Hang::Left)?;
        }
        Ok(())
    }
}

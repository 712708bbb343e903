//! Heat maps: every shape of an operation as a coloured cell, rows against columns.

use std::collections::BTreeMap;

use plotters::prelude::DrawingBackend;

use crate::profiling::Mode;
use crate::sweep::Measurement;

use super::canvas::{Picture, WIDTH};
use super::figure::{Figure, FigureGroup};
use super::font::width;
use super::palette::{FAINT, GRID, INK, text_on, viridis};
use super::pen::{Drawn, Hang, Pen, Stroke};
use super::series::distinct;
use super::variants::Variants;

/// Parameter sets with a figure of their own at most.
const MOST_VARIANTS: usize = 4;

const SIDE: u32 = 66;
const TITLE: u32 = 34;
const GAP: u32 = 18;
const BAR: u32 = 64;
const SMALL: u32 = 12;

/// What the colour of a cell means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Share of the roof that binds: 0 to 1.
    Share,
    /// Time on the emulator, microseconds, from the shortest to the longest; logarithmic.
    Time { low: f64, high: f64 },
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Scale::Share => value,
            Scale::Time { low, high } if high > low => (value / low).ln() / (high / low).ln(),
            Scale::Time { .. } => 0.5,
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Scale::Share if value > 0.0 && value < 0.005 => "<1".to_string(),
            Scale::Share => format!("{:.0}", value * 100.0),
            Scale::Time { .. } => short(value),
        }
    }

    /// Labels of the colour bar with their places from 0 to 1.
    fn bar_labels(self) -> Vec<(f64, String)> {
        match self {
            Scale::Share => {
                [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, format!("{:.0} %", share * 100.0))).to_vec()
            }
            Scale::Time { low, high } if high > low => {
                [(0.0, low), (0.5, (low * high).sqrt()), (1.0, high)].map(|(place, us)| (place, short(us))).to_vec()
            }
            Scale::Time { low, .. } => vec![(0.5, short(low))],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Scale::Share => "share of roof, cells in %",
            Scale::Time { .. } => "emulated time per launch, µs",
        }
    }
}

/// Four digits at most: `0.12`, `7.3`, `85`, `1200`, `34k`, `1.2M`.
fn short(value: f64) -> String {
    match value {
        value if value >= 999_500.0 => format!("{:.1}M", value / 1e6),
        value if value >= 9_999.5 => format!("{:.0}k", value / 1e3),
        value if value >= 10.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// One dtype in one mode. Cells by their place among the rows and the columns; without a value where a case was
/// measured and has none.
#[derive(Clone, Debug)]
struct Panel {
    title: String,
    cells: BTreeMap<(usize, usize), Option<f64>>,
}

/// The heat map of an operation, or of one of its parameter sets.
pub struct HeatMap {
    words: Figure,
    scale: Scale,
    /// Numbers of rows, and of columns, that any case has; ascending.
    rows: Vec<u64>,
    columns: Vec<u64>,
    /// Two beside each other: cold and hot.
    panels: Vec<Panel>,
    modes: usize,
}

/// The heat maps of one operation: one for each parameter set with several shapes, and one for the rest.
pub fn heat_maps(operation: &str, measurements: &[&Measurement], emulated: bool) -> Vec<HeatMap> {
    let variants = Variants::of(measurements, MOST_VARIANTS);
    let maps = (0..variants.count()).filter_map(|variant| {
        let mine: Vec<&Measurement> =
            measurements.iter().copied().filter(|one| variants.place(one) == variant).collect();
        let label = variants.label(variant);
        let id = if variant == 0 { format!("{operation}-heat") } else { format!("{operation}-heat-{}", variant + 1) };
        let title = if label.is_empty() { operation.to_string() } else { format!("{operation}, {label}") };
        HeatMap::new(id, title, &mine, emulated)
    });
    maps.collect()
}

impl HeatMap {
    /// `None` for a single shape, which has nothing beside it to be seen against, and where no cell has a value.
    fn new(id: String, title: String, measurements: &[&Measurement], emulated: bool) -> Option<Self> {
        let sizes = |size: &dyn Fn(&Measurement) -> u64| {
            let mut sizes: Vec<u64> = measurements.iter().map(|one| size(one)).collect();
            sizes.sort_unstable();
            sizes.dedup();
            sizes
        };
        let (rows, columns) = (sizes(&|one| one.rows), sizes(&|one| one.columns));
        if rows.len() * columns.len() < 2 {
            return None;
        }
        let value = |one: &Measurement| {
            let value = if emulated { Some(one.median_us) } else { one.roofline_share };
            value.filter(|value| *value > 0.0 && value.is_finite())
        };
        let modes: Vec<Mode> =
            Mode::BOTH.into_iter().filter(|mode| measurements.iter().any(|one| one.mode == *mode)).collect();
        let mut panels = Vec::new();
        for dtype in distinct(measurements.iter().map(|one| one.dtype.as_str())) {
            for mode in &modes {
                let mut cells: BTreeMap<(usize, usize), Option<f64>> = BTreeMap::new();
                for one in measurements.iter().filter(|one| one.dtype == dtype && one.mode == *mode) {
                    let place = |sizes: &[u64], size: u64| sizes.binary_search(&size).expect("collected above");
                    let cell = cells.entry((place(&rows, one.rows), place(&columns, one.columns))).or_default();
                    // Of several cases of one shape the slowest: the least share, the longest time.
                    *cell = match (*cell, value(one)) {
                        (Some(a), Some(b)) if emulated => Some(a.max(b)),
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
                panels.push(Panel { title: format!("{dtype}, {mode}"), cells });
            }
        }
        let values: Vec<f64> = panels.iter().flat_map(|panel| panel.cells.values().flatten().copied()).collect();
        let scale = match (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?) {
            (low, high) if emulated => Scale::Time { low, high },
            _ => Scale::Share,
        };
        let what = if emulated { "emulated time" } else { "share of roof" };
        let description = format!("{title}: {what} by rows and columns, {} cells", values.len());
        let caption = if emulated {
            "Emulated time of every shape. Sizes are those of the suite, in order and evenly spaced; of several cases of one \
             shape the slowest is shown. The emulator's times say nothing about a GPU."
        } else {
            "Share of the roof that binds, for every shape. Sizes are those of the suite, in order and evenly spaced; of \
             several cases of one shape the slowest is shown. A struck cell was measured but has no share, because its hot \
             buffers fit in the caches; an outlined one was not measured."
        };
        let words = Figure {
            id,
            group: FigureGroup::HeatMap,
            title,
            caption: caption.to_string(),
            svg: String::new(),
            description,
        };
        Some(Self { words, scale, rows, columns, panels, modes: modes.len() })
    }

    /// In CSS pixels.
    fn cell(&self) -> (f64, f64) {
        let room = WIDTH / self.modes as u32 - SIDE - GAP;
        let across = (f64::from(room) / self.columns.len() as f64).min(72.0);
        (across, (across * 0.8).clamp(14.0, 26.0))
    }

    fn upright_labels(&self) -> bool {
        let longest = self.columns.iter().map(|columns| width(&columns.to_string(), SMALL)).max().unwrap_or(0);
        f64::from(longest + 4) > self.cell().0
    }

    fn foot(&self) -> u32 {
        if self.upright_labels() { 76 } else { 48 }
    }

    fn panel_height(&self) -> u32 {
        TITLE + (self.cell().1 * self.rows.len() as f64).ceil() as u32 + self.foot()
    }

    fn draw_panel<B: DrawingBackend>(&self, pen: &Pen<'_, B>, panel: &Panel, (left, top): (u32, u32)) -> Drawn<B> {
        let (across, down) = self.cell();
        let (left, top) = (f64::from(left + SIDE), f64::from(top + TITLE));
        let at = |x: f64, y: f64| (pen.px(x), pen.px(y));
        let bottom = top + down * self.rows.len() as f64;
        let middle = left + across * self.columns.len() as f64 / 2.0;
        pen.text(&panel.title, at(left, top - 16.0), 15, INK, Hang::Left)?;
        for row in 0..self.rows.len() {
            // Small ones at the bottom, as on any axis.
            let upper = bottom - down * (row + 1) as f64;
            for column in 0..self.columns.len() {
                let corner = left + across * column as f64;
                let (from, to) = (at(corner, upper), at(corner + across, upper + down));
                let (inner_from, inner_to) = ((from.0 + 1, from.1 + 1), (to.0 - 1, to.1 - 1));
                match panel.cells.get(&(row, column)) {
                    None => pen.frame(inner_from, inner_to, GRID)?,
                    Some(None) => {
                        pen.frame(inner_from, inner_to, GRID)?;
                        pen.line(&[(inner_from.0, inner_to.1), (inner_to.0, inner_from.1)], GRID, 1, Stroke::Solid)?;
                    }
                    Some(Some(value)) => {
                        let color = viridis(self.scale.place(*value));
                        pen.block(from, to, color)?;
                        let text = self.scale.text(*value);
                        if f64::from(width(&text, SMALL) + 3) <= across && down >= 14.0 {
                            let center = ((from.0 + to.0) / 2, (from.1 + to.1) / 2);
                            pen.text(&text, center, SMALL, text_on(color), Hang::Middle)?;
                        }
                    }
                }
            }
        }
        let every = |room: f64| (f64::from(SMALL + 2) / room).ceil().max(1.0) as usize;
        for (row, size) in self.rows.iter().enumerate().step_by(every(down)) {
            let height = bottom - down * (row as f64 + 0.5);
            pen.text(&size.to_string(), at(left - 6.0, height), SMALL, FAINT, Hang::Right)?;
        }
        for (column, size) in self.columns.iter().enumerate().step_by(every(across)) {
            let center = left + across * (column as f64 + 0.5);
            if self.upright_labels() {
                pen.text_upwards(&size.to_string(), at(center, bottom + 6.0), SMALL, FAINT, Hang::Right)?;
            } else {
                pen.text(&size.to_string(), at(center, bottom + 12.0), SMALL, FAINT, Hang::Middle)?;
            }
        }
        let foot = bottom + f64::from(self.foot()) - 16.0;
        pen.text("columns", at(middle, foot), 13, INK, Hang::Middle)?;
        let center = (top + bottom) / 2.0;
        pen.text_upwards("rows", at(left - f64::from(SIDE) + 10.0, center), 13, INK, Hang::Middle)
    }

    fn draw_bar<B: DrawingBackend>(&self, pen: &Pen<'_, B>, top: u32) -> Drawn<B> {
        let (left, width, steps) = (f64::from(SIDE), 320.0, 64);
        let at = |x: f64, y: f64| (pen.px(x), pen.px(y));
        let top = f64::from(top) + 8.0;
        for step in 0..steps {
            let share = f64::from(step) / f64::from(steps);
            let color = viridis((f64::from(step) + 0.5) / f64::from(steps));
            let from = left + width * share;
            pen.block(at(from, top), at(from + width / f64::from(steps), top + 14.0), color)?;
        }
        for (place, label) in self.scale.bar_labels() {
            let across = left + width * place;
            pen.line(&[at(across, top + 14.0), at(across, top + 18.0)], FAINT, 1, Stroke::Solid)?;
            pen.text(&label, at(across, top + 27.0), SMALL, FAINT, Hang::Middle)?;
        }
        pen.text(self.scale.name(), at(left + width + 24.0, top + 7.0), 14, INK, Hang::Left)
    }
}

impl Picture for HeatMap {
    fn figure(&self, svg: String) -> Figure {
        Figure { svg, ..self.words.clone() }
    }

    fn height(&self) -> u32 {
        self.panel_height() * self.panels.len().div_ceil(self.modes) as u32 + BAR
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        for (place, panel) in self.panels.iter().enumerate() {
            let (row, column) = (place / self.modes, place % self.modes);
            let left = column as u32 * (WIDTH / self.modes as u32);
            self.draw_panel(pen, panel, (left, row as u32 * self.panel_height()))?;
        }
        self.draw_bar(pen, self.height() - BAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_cells_are_short() {
        let written = [0.1234, 7.25, 85.2, 1234.0, 34_567.0, 1_234_567.0].map(short);
        assert_eq!(written, ["0.12", "7.2", "85", "1234", "35k", "1.2M"]);
        assert_eq!([0.001, 0.004, 0.5, 1.07].map(|share| Scale::Share.text(share)), ["<1", "<1", "50", "107"]);
    }

    #[test]
    fn a_bar_of_times_ends_at_the_times() {
        let scale = Scale::Time { low: 30.0, high: 3000.0 };
        let labels: Vec<String> = scale.bar_labels().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["30", "300", "3000"]);
        assert_eq!([scale.place(30.0), scale.place(3000.0)], [0.0, 1.0]);
        assert_eq!(Scale::Time { low: 5.0, high: 5.0 }.place(5.0), 0.5, "one time only");
    }
}

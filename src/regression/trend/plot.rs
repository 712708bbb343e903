//! A series as a picture: its medians in order, and a marker at each change.

use std::fs;
use std::path::Path;

use plotters::prelude::DrawingBackend;

use crate::report::ReportError;
use crate::report::plots::{
    AnyPicture, Axis, Drawn, FAINT, Figure, FigureGroup, Frame, Hang, INK, Names, Pen, Picture, Region, Stroke, Unit,
    WIDTH, file_name, look,
};

use super::analysis::{TrendChange, TrendSeries};

const TITLE: u32 = 30;
const HEIGHT: u32 = 360;
const RADIUS: f64 = 3.0;

/// Colours of the palette: the medians, a slow-down, a speed-up.
const MEDIANS: usize = 0;
const SLOWER: usize = 1;
const FASTER: usize = 2;

/// Writes an SVG and a PNG of each series into `folder`, named after its place, case and mode.
pub fn draw_series(series: &[&TrendSeries], folder: &Path) -> Result<Vec<Figure>, ReportError> {
    fs::create_dir_all(folder).map_err(|source| ReportError::NotCreated { path: folder.to_path_buf(), source })?;
    let pictures = series.iter().enumerate().filter_map(|(place, series)| SeriesPicture::new(place, series));
    pictures.map(|picture| picture.write(folder)).collect()
}

struct SeriesPicture<'a> {
    place: usize,
    series: &'a TrendSeries,
    x: Axis,
    y: Axis,
}

impl<'a> SeriesPicture<'a> {
    /// `None` for a series without points.
    fn new(place: usize, series: &'a TrendSeries) -> Option<Self> {
        let ends = series.points.iter().flat_map(|point| [Some(point.median_us), point.ci_low_us, point.ci_high_us]);
        let y = Axis::linear(ends.flatten(), Unit::Number, 8)?;
        let x = Axis::between(-0.5, series.points.len() as f64 - 0.5, Unit::Number, 12);
        Some(Self { place, series, x, y })
    }

    fn title(&self) -> String {
        format!("{}, {}, on {}", self.series.case, self.series.mode, self.series.group)
    }

    /// The means between changes, as level lines over their points.
    fn means(&self) -> Vec<(f64, f64, f64)> {
        let changes = &self.series.changes;
        let starts = std::iter::once(0).chain(changes.iter().map(|change| change.index));
        let ends = changes.iter().map(|change| change.index).chain(std::iter::once(self.series.points.len()));
        let means = changes.first().map(|change| change.before_us).into_iter();
        let means = means.chain(changes.iter().map(|change| change.after_us));
        starts.zip(ends).zip(means).map(|((start, end), mean)| (start as f64 - 0.5, end as f64 - 0.5, mean)).collect()
    }

    fn mark<B: DrawingBackend>(&self, pen: &Pen<'_, B>, frame: &Frame, change: &TrendChange) -> Drawn<B> {
        let color = match change {
            change if change.expected.is_some() => FAINT,
            change if change.is_slower() => look(SLOWER).color,
            _ => look(FASTER).color,
        };
        let at = change.index as f64 - 0.5;
        let upright = frame.upright(at);
        pen.line(&upright, color, 2, Stroke::Dashed)?;
        // Beside the marker, on the side with more room.
        let (hang, aside) = match self.x.share(at) {
            share if share < 0.7 => (Hang::Left, 6.0),
            _ => (Hang::Right, -6.0),
        };
        let (column, top) = upright[1];
        let place = |line: f64| (column + pen.px(aside), top + pen.px(12.0 + 16.0 * line));
        pen.text(&format!("{:+.1} %", 100.0 * change.change), place(0.0), 14, color, hang)?;
        pen.text(&change.commits(), place(1.0), 12, FAINT, hang)?;
        match &change.expected {
            Some(_) => pen.text("expected", place(2.0), 12, FAINT, hang),
            None => Ok(()),
        }
    }
}

impl Picture for SeriesPicture<'_> {
    fn figure(&self, svg: String) -> Figure {
        let TrendSeries { case, mode, points, changes, .. } = self.series;
        let told: Vec<String> =
            changes.iter().map(|change| format!("{:+.1} % at {}", 100.0 * change.change, change.commits())).collect();
        let told = if told.is_empty() { "no change".to_string() } else { told.join(", ") };
        Figure {
            id: format!("trend-{}-{}-{mode}", self.place, file_name(case)),
            group: FigureGroup::Overlay,
            title: self.title(),
            caption: "Medians in the order of the commits, with their 95 % intervals; dashed lines are changes."
                .to_string(),
            svg,
            description: format!("{case}, {mode}: {} runs, {told}", points.len()),
        }
    }

    fn height(&self) -> u32 {
        TITLE + HEIGHT
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        pen.text(&self.title(), (pen.px(16.0), pen.px(f64::from(TITLE) / 2.0)), 15, INK, Hang::Left)?;
        let region = Region { left: 0, top: TITLE, width: WIDTH, height: HEIGHT };
        let names = Names { x: "run, in order", y: "median time per launch (us)" };
        let frame = Frame::draw(pen, region, (&self.x, &self.y), names)?;
        for (start, end, mean) in self.means() {
            pen.line(&[frame.place(start, mean), frame.place(end, mean)], FAINT, 1, Stroke::Dotted)?;
        }
        for change in &self.series.changes {
            self.mark(pen, &frame, change)?;
        }
        let style = look(MEDIANS);
        let points = || self.series.points.iter().enumerate().map(|(place, point)| (place as f64, point));
        let medians: Vec<_> = points().map(|(place, point)| frame.place(place, point.median_us)).collect();
        pen.line(&medians, style.color, 1, Stroke::Solid)?;
        for (place, point) in points() {
            if let Some((low, high)) = point.ci_low_us.zip(point.ci_high_us) {
                pen.line(&[frame.place(place, low), frame.place(place, high)], style.color, 1, Stroke::Solid)?;
            }
        }
        medians.into_iter().try_for_each(|at| pen.marker(at, style, RADIUS, true))
    }
}

//! A chart's frame: axes with their labels and grid, and where values lie in it.

use plotters::prelude::*;

use super::axis::Axis;
use super::font::FAMILY;
use super::palette::{FAINT, GRID, INK};
use super::pen::{Drawn, Pen, Place};

/// A part of a picture in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// Names beside the axes, with units; an empty one takes no room.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    pub x: &'a str,
    pub y: &'a str,
}

/// The inside of a chart that was drawn.
pub struct Frame {
    x: Axis,
    y: Axis,
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl Frame {
    /// Draws the axes into `region`.
    pub fn draw<B: DrawingBackend>(
        pen: &Pen<'_, B>,
        region: Region,
        (x, y): (&Axis, &Axis),
        names: Names<'_>,
    ) -> Drawn<B, Self> {
        let scale = pen.scale;
        let area = pen
            .area
            .clone()
            .shrink((region.left * scale, region.top * scale), (region.width * scale, region.height * scale));
        let mut chart = ChartBuilder::on(&area)
            .margin(8 * scale)
            .margin_right(24 * scale)
            .x_label_area_size(if names.x.is_empty() { 28 } else { 44 } * scale)
            .y_label_area_size(if names.y.is_empty() { 44 } else { 64 } * scale)
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .x_desc(names.x)
            .y_desc(names.y)
            .bold_line_style(GRID.stroke_width(scale))
            .light_line_style(TRANSPARENT)
            .axis_style(FAINT.stroke_width(scale))
            .label_style((FAMILY, 13 * scale).into_text_style(&area).color(&FAINT))
            .axis_desc_style((FAMILY, 14 * scale).into_text_style(&area).color(&INK))
            .draw()?;
        let (columns, rows) = chart.plotting_area().get_pixel_range();
        Ok(Self {
            x: x.clone(),
            y: y.clone(),
            left: columns.start,
            right: columns.end,
            top: rows.start,
            bottom: rows.end,
        })
    }

    /// Where a value lies; one that is no number lies at the lower left corner.
    pub fn place(&self, x: f64, y: f64) -> Place {
        let (right, up) = (self.x.share(x), self.y.share(y));
        let along = |from: i32, to: i32, share: f64| from + (f64::from(to - from) * share).round() as i32;
        (along(self.left, self.right, right), along(self.bottom, self.top, up))
    }

    /// A level line over the whole width.
    pub fn level(&self, y: f64) -> [Place; 2] {
        let height = self.place(self.x.ends()[0], y).1;
        [(self.left, height), (self.right, height)]
    }

    /// An upright line over the whole height.
    pub fn upright(&self, x: f64) -> [Place; 2] {
        let column = self.place(x, self.y.ends()[0]).0;
        [(column, self.bottom), (column, self.top)]
    }
}

//! Time and bandwidth against size: panels side by side, a legend under them where it covers no data.

use std::fs;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::profiling::Mode;
use crate::sweep::Measurement;

use super::super::{ReportError, RunData};
use super::axis::{Axis, Unit};
use super::figure::{Figure, FigureGroup};
use super::font::{FAMILY, register};
use super::palette::{FAINT, GRID, INK, PAPER, SERIES};
use super::series::{Point, Series, group};

/// Size of a figure in CSS pixels. PNGs have twice as many, for dense screens and for print.
const WIDTH: u32 = 1080;
const PANEL_HEIGHT: u32 = 400;
const LEGEND_ROW: u32 = 26;
const LEGEND_COLUMN: u32 = 260;
const PNG_SCALE: u32 = 2;

/// Draws `plots/<operation>.svg` and `.png` for every operation with measurements.
pub fn draw_figures(run: &RunData) -> Result<Vec<Figure>, ReportError> {
    let folder = run.path.join("plots");
    fs::create_dir_all(&folder).map_err(|source| ReportError::NotCreated { path: folder.clone(), source })?;
    let mut figures = Vec::new();
    for operation in run.operations() {
        let measurements: Vec<&Measurement> =
            run.measurements.iter().filter(|measurement| measurement.operation == operation).collect();
        let Some(plan) = Plan::new(&operation, &measurements, run) else { continue };
        let svg = plan.write(&folder)?;
        figures.push(Figure {
            id: operation.clone(),
            group: FigureGroup::Operation,
            title: operation,
            caption: String::new(),
            description: plan.description(),
            svg,
        });
    }
    Ok(figures)
}

/// What a panel shows of a point.
#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Latency,
    Bandwidth,
}

impl Quantity {
    fn of(self, point: &Point) -> Option<f64> {
        match self {
            Quantity::Latency => Some(point.us),
            Quantity::Bandwidth => point.gbps,
        }
    }

    /// The values that the axis has to span: the point's, and the ends of its interval.
    fn ends(self, point: &Point) -> Vec<f64> {
        match self {
            Quantity::Latency => {
                let interval = point.interval_us.map(|interval| [interval.low, interval.high]);
                std::iter::once(point.us).chain(interval.into_iter().flatten()).collect()
            }
            Quantity::Bandwidth => point.gbps.into_iter().collect(),
        }
    }

    const fn label(self, emulated: bool) -> &'static str {
        match (self, emulated) {
            (Quantity::Latency, false) => "median time per launch (µs)",
            (Quantity::Latency, true) => "emulated time per launch (µs)",
            (Quantity::Bandwidth, _) => "bandwidth (GB/s)",
        }
    }
}

/// Everything a figure needs, whatever it is drawn on.
struct Plan {
    operation: String,
    series: Vec<Series>,
    panels: Vec<Quantity>,
    roof_gbps: Option<f64>,
    emulated: bool,
}

impl Plan {
    fn new(operation: &str, measurements: &[&Measurement], run: &RunData) -> Option<Self> {
        let series = group(measurements);
        let has_bandwidth = series.iter().flat_map(|one| &one.points).any(|point| point.gbps.is_some());
        let panels = if has_bandwidth { vec![Quantity::Latency, Quantity::Bandwidth] } else { vec![Quantity::Latency] };
        (!series.is_empty()).then(|| Self {
            operation: operation.to_string(),
            series,
            panels,
            roof_gbps: run.record.roofs.filter(|_| has_bandwidth).map(|roofs| roofs.bandwidth_gbps()),
            emulated: run.record.device.emulated,
        })
    }

    fn description(&self) -> String {
        let what = if self.panels.len() == 2 { "latency and bandwidth" } else { "emulated latency" };
        let points: usize = self.series.iter().map(|series| series.points.len()).sum();
        format!("{}: {what} against bytes moved, {points} points, cold and hot", self.operation)
    }

    fn size(&self) -> (u32, u32) {
        let entries = self.series.len() as u32 + u32::from(self.roof_gbps.is_some());
        let rows = entries.div_ceil(WIDTH / LEGEND_COLUMN);
        (WIDTH, PANEL_HEIGHT + rows * LEGEND_ROW + 14)
    }

    /// Writes both files and gives the SVG's text.
    fn write(&self, folder: &Path) -> Result<String, ReportError> {
        let svg_file = folder.join(format!("{}.svg", self.operation));
        let png_file = folder.join(format!("{}.png", self.operation));
        let not_drawn = |file: &Path, problem: String| ReportError::NotDrawn { file: file.to_path_buf(), problem };
        register().map_err(|problem| not_drawn(&svg_file, problem))?;
        let (width, height) = self.size();
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        self.draw(&area, 1).map_err(|error| not_drawn(&svg_file, error.to_string()))?;
        drop(area);
        fs::write(&svg_file, &svg).map_err(|source| ReportError::NotWritten { file: svg_file, source })?;
        let area = BitMapBackend::new(&png_file, (width * PNG_SCALE, height * PNG_SCALE)).into_drawing_area();
        self.draw(&area, PNG_SCALE).map_err(|error| not_drawn(&png_file, error.to_string()))?;
        Ok(svg)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, scale: u32) -> DrawResult<B> {
        area.fill(&PAPER)?;
        let (panels, legend) = area.split_vertically(PANEL_HEIGHT * scale);
        for (panel, quantity) in panels.split_evenly((1, self.panels.len())).iter().zip(&self.panels) {
            self.draw_panel(panel, *quantity, scale)?;
        }
        self.draw_legend(&legend, scale)?;
        area.present()
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        quantity: Quantity,
        scale: u32,
    ) -> DrawResult<B> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let ticks = if self.panels.len() == 1 { 16 } else { 8 };
        let roof = self.roof_gbps.filter(|_| quantity == Quantity::Bandwidth);
        let x = Axis::over(points().map(|point| point.bytes), Unit::Bytes, ticks);
        let y = Axis::over(points().flat_map(|point| quantity.ends(point)).chain(roof), Unit::Number, 10);
        let (Some(x), Some(y)) = (x, y) else { return Ok(()) };
        let mut chart = ChartBuilder::on(area)
            .margin(10 * scale)
            .margin_right(26 * scale)
            .x_label_area_size(48 * scale)
            .y_label_area_size(70 * scale)
            .build_cartesian_2d(x.clone(), y)?;
        chart
            .configure_mesh()
            .x_desc("bytes moved")
            .y_desc(quantity.label(self.emulated))
            .bold_line_style(GRID.stroke_width(scale))
            .light_line_style(TRANSPARENT)
            .axis_style(FAINT.stroke_width(scale))
            .label_style((FAMILY, 13 * scale).into_text_style(area).color(&FAINT))
            .axis_desc_style((FAMILY, 14 * scale).into_text_style(area).color(&INK))
            .draw()?;
        if let Some(roof) = roof {
            let ends = [(x.range().start, roof), (x.range().end, roof)];
            chart.draw_series(DashedLineSeries::new(ends, 3 * scale, 4 * scale, FAINT.stroke_width(2 * scale)))?;
        }
        for series in &self.series {
            let color = SERIES[series.color];
            let place = |point: &Point| Some((point.bytes, quantity.of(point)?));
            let places: Vec<(f64, f64)> = series.points.iter().filter_map(place).collect();
            let style = color.stroke_width(2 * scale);
            match series.mode {
                _ if !series.is_a_line() => {}
                Mode::Cold => {
                    chart.draw_series(LineSeries::new(places.iter().copied(), style))?;
                }
                Mode::Hot => {
                    let line = places.iter().copied();
                    chart.draw_series(DashedLineSeries::new(line, 6 * scale, 4 * scale, style))?;
                }
            }
            if quantity == Quantity::Latency {
                let bars = series.points.iter().filter_map(|point| {
                    let interval = point.interval_us.filter(|interval| interval.low > 0.0)?;
                    Some(PathElement::new([(point.bytes, interval.low), (point.bytes, interval.high)], style))
                });
                chart.draw_series(bars)?;
            }
            for place in places {
                chart.draw_series(marker(place, series.mode, color, scale))?;
            }
        }
        Ok(())
    }

    fn draw_legend<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, scale: u32) -> DrawResult<B> {
        let columns = WIDTH / LEGEND_COLUMN;
        let text = (FAMILY, 14 * scale).into_text_style(area).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let corner = |entry: u32| {
            let x = 82 + (entry % columns) * LEGEND_COLUMN;
            let y = LEGEND_ROW / 2 + (entry / columns) * LEGEND_ROW;
            ((x * scale) as i32, (y * scale) as i32)
        };
        let (length, gap) = ((34 * scale) as i32, (10 * scale) as i32);
        for (entry, series) in self.series.iter().enumerate() {
            let (x, y) = corner(entry as u32);
            let color = SERIES[series.color];
            let style = color.stroke_width(2 * scale);
            match series.mode {
                Mode::Cold => area.draw(&PathElement::new([(x, y), (x + length, y)], style))?,
                Mode::Hot => dashes(area, (x, y), length, (6 * scale, 4 * scale), style)?,
            }
            for shape in marker((x + length / 2, y), series.mode, color, scale) {
                area.draw(&shape)?;
            }
            area.draw_text(&series.label, &text, (x + length + gap, y))?;
        }
        if let Some(roof) = self.roof_gbps {
            let (x, y) = corner(self.series.len() as u32);
            dashes(area, (x, y), length, (3 * scale, 4 * scale), FAINT.stroke_width(2 * scale))?;
            area.draw_text(&format!("copy roof, {roof:.0} GB/s"), &text, (x + length + gap, y))?;
        }
        Ok(())
    }
}

type DrawResult<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Cold points are full, hot ones hollow: told apart without colour.
fn marker<C: Clone + 'static>(place: C, mode: Mode, color: RGBColor, scale: u32) -> Vec<Circle<C, u32>> {
    let full = Circle::new(place.clone(), 4 * scale, color.filled());
    match mode {
        Mode::Cold => vec![full],
        Mode::Hot => vec![full, Circle::new(place, 4 * scale - 3 * scale / 2, PAPER.filled())],
    }
}

fn dashes<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    (x, y): (i32, i32),
    length: i32,
    (dash, gap): (u32, u32),
    style: ShapeStyle,
) -> DrawResult<B> {
    let (dash, gap) = (dash as i32, gap as i32);
    let mut from = 0;
    while from < length {
        area.draw(&PathElement::new([(x + from, y), (x + (from + dash).min(length), y)], style))?;
        from += dash + gap;
    }
    Ok(())
}

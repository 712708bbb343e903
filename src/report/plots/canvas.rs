//! Pictures to files: SVG for screens, PNG for everything else.

use std::fs;
use std::path::Path;

use plotters::prelude::*;

use super::super::ReportError;
use super::figure::Figure;
use super::font::register;
use super::palette::PAPER;
use super::pen::{Drawn, Pen};

/// Width of every figure in CSS pixels.
pub const WIDTH: u32 = 1080;

/// PNGs have twice as many pixels, for dense screens and for print.
const PNG_SCALE: u32 = 2;

/// The page's own style sheet names these colours too; a file that stands alone brings its own.
const ALONE: &str = "<style>text { font-family: sans-serif } @media (prefers-color-scheme: dark) { \
    [fill=\"#FFFFFF\"] { fill: #181d23 } [fill=\"#1B1F24\"] { fill: #e6eaee } [fill=\"#5B646E\"] { fill: #9aa5b1 } \
    [stroke=\"#1B1F24\"] { stroke: #e6eaee } [stroke=\"#5B646E\"] { stroke: #9aa5b1 } \
    [stroke=\"#DDE2E8\"] { stroke: #2c343d } [fill=\"#DDE2E8\"] { fill: #2c343d } }</style>\n";

/// Everything that a figure needs, whatever it is drawn on.
pub trait Picture {
    /// The figure's words; `svg` is its drawing.
    fn figure(&self, svg: String) -> Figure;

    /// Height in CSS pixels.
    fn height(&self) -> u32;

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B>;
}

/// A picture of any kind.
pub trait AnyPicture: Send + Sync {
    /// Writes `ID.svg` and `ID.png` into `folder`.
    fn write(&self, folder: &Path) -> Result<Figure, ReportError>;
}

impl<P: Picture + Send + Sync> AnyPicture for P {
    fn write(&self, folder: &Path) -> Result<Figure, ReportError> {
        let mut figure = self.figure(String::new());
        let svg_file = folder.join(format!("{}.svg", figure.id));
        let png_file = svg_file.with_file_name(format!("{}.png", figure.id));
        let not_drawn = |file: &Path, problem: String| ReportError::NotDrawn { file: file.to_path_buf(), problem };
        register().map_err(|problem| not_drawn(&svg_file, problem))?;
        let height = self.height();
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        complete(self, &area, 1).map_err(|error| not_drawn(&svg_file, error.to_string()))?;
        drop(area);
        figure.svg = without_defaults(&svg);
        let alone = figure.svg.replacen(">\n", &format!(">\n{ALONE}"), 1);
        fs::write(&svg_file, alone).map_err(|source| ReportError::NotWritten { file: svg_file, source })?;
        let area = BitMapBackend::new(&png_file, (WIDTH * PNG_SCALE, height * PNG_SCALE)).into_drawing_area();
        complete(self, &area, PNG_SCALE).map_err(|error| not_drawn(&png_file, error.to_string()))?;
        Ok(figure)
    }
}

fn complete<P: Picture, B: DrawingBackend>(
    picture: &P,
    area: &DrawingArea<B, plotters::coord::Shift>,
    scale: u32,
) -> Drawn<B> {
    area.fill(&PAPER)?;
    picture.draw(&Pen { area, scale })?;
    area.present()
}

/// Leaves out attributes that say what holds without them, a typeface that the surroundings give included: a third of the text of a figure with many points.
fn without_defaults(svg: &str) -> String {
    [(" opacity=\"1\"", ""), (" stroke=\"none\"", ""), (" font-family=\"sans-serif\"", ""), (" \"/>", "\"/>")]
        .iter()
        .fold(svg.to_string(), |text, (long, short)| text.replace(long, short))
}

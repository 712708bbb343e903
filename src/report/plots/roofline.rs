//! The roofline (Williams, Waterman and Patterson, 2009): arithmetic intensity against rate, under what the device
//! can do at best.

use std::collections::HashSet;

use plotters::prelude::DrawingBackend;

use crate::profiling::Mode;
use crate::sweep::Flag;

use super::super::RunData;
use super::axis::{Axis, Unit};
use super::canvas::{Picture, WIDTH};
use super::figure::{Figure, FigureGroup};
use super::frame::{Frame, Names, Region};
use super::legend::{Entry, Key, Legend};
use super::palette::{FAINT, INK, LOOKS, Look, Shape, look};
use super::pen::{Drawn, Hang, Pen, Stroke};
use super::series::{distinct, has_flag};

const HEIGHT: u32 = 440;
const RADIUS: f64 = 3.5;

/// One case in one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    /// FLOP per byte, both algorithmic.
    intensity: f64,
    tflops: f64,
    look: Look,
    mode: Mode,
}

/// All cases of a run that count operations.
pub struct RooflinePlot {
    words: Figure,
    rates: Vec<Rate>,
    entries: Vec<Entry>,
    copy_gbps: f64,
    fma_tflops: f64,
}

impl RooflinePlot {
    /// `None` without roofs, as on the emulator, and without a case that counts operations.
    pub fn new(run: &RunData) -> Option<Self> {
        let roofs = run.record.roofs?;
        let (copy_gbps, fma_tflops) = (roofs.bandwidth_gbps(), roofs.fma_tflops);
        let positive = |value: &f64| *value > 0.0 && value.is_finite();
        if ![copy_gbps, fma_tflops].iter().all(positive) {
            return None;
        }
        // What launching dominates says nothing about either roof, and would stretch the axis over decades.
        let (bounded, on_cores): (Vec<_>, Vec<_>) =
            run.measurements.iter().partition(|one| one.roofline_us.is_some() || one.tflops.is_none());
        let on_cores = distinct(on_cores.iter().map(|one| one.operation.as_str()));
        let (short, long): (Vec<_>, Vec<_>) = bounded.into_iter().partition(|one| has_flag(one, Flag::NearFloor));
        let counted: Vec<_> = long
            .iter()
            .filter_map(|one| Some((*one, one.tflops.filter(positive)?, one.gbps.filter(positive)?)))
            .collect();
        let operations = distinct(counted.iter().map(|(one, ..)| one.operation.as_str()));
        let dtypes = distinct(counted.iter().map(|(one, ..)| one.dtype.as_str()));
        let place = |names: &[&str], name: &str| names.iter().position(|known| *known == name).unwrap_or(0);
        let color = |operation: &str| look(place(&operations, operation)).color;
        let shape = |dtype: &str| look(place(&dtypes, dtype)).shape;
        let rates: Vec<Rate> = counted
            .iter()
            .map(|(one, tflops, gbps)| Rate {
                intensity: tflops * 1e3 / gbps,
                tflops: *tflops,
                look: Look { color: color(&one.operation), shape: shape(&one.dtype) },
                mode: one.mode,
            })
            .collect();
        if rates.is_empty() {
            return None;
        }
        let named = |name: &&str| {
            let sharing = operations.len() > LOOKS.len() && place(&operations, name) >= LOOKS.len();
            Entry::new(
                Key::Line(color(name), Stroke::Solid),
                if sharing { format!("{name} (colour used twice)") } else { name.to_string() },
            )
        };
        let mut entries: Vec<Entry> = operations.iter().map(named).collect();
        entries.extend(dtypes.iter().map(|dtype| {
            let look = Look { color: FAINT, shape: shape(dtype) };
            Entry::new(Key::Marker { look, full: true }, *dtype)
        }));
        let sample = |full| Key::Marker { look: Look { color: FAINT, shape: Shape::Circle }, full };
        entries.push(Entry::new(sample(true), "cold: full"));
        entries.push(Entry::new(sample(false), "hot: hollow"));
        let counts = |name: &String| [&operations, &on_cores].iter().any(|known| known.contains(&name.as_str()));
        let uncounted: Vec<String> = run.operations().into_iter().filter(|name| !counts(name)).collect();
        let mut caption = String::from(
            "Algorithmic operations per algorithmic byte against the rate reached. Under the slope the copy bandwidth limits, \
             under the level the rate of f32 multiply-adds; both were measured in this run. Hot points above the slope \
             are served by caches.",
        );
        if !uncounted.is_empty() {
            caption.push_str(&format!(" Not here, because their work is no arithmetic: {}.", uncounted.join(", ")));
        }
        if !on_cores.is_empty() {
            caption.push_str(&format!(
                " Nor work on matrix cores, which are under neither roof: {}.",
                on_cores.join(", ")
            ));
        }
        let short = short.iter().filter(|one| one.tflops.is_some()).count();
        if short > 0 {
            caption.push_str(&format!(
                " Not here either: {short} points shorter than three empty launches, whose rate is that of launching."
            ));
        }
        let words = Figure {
            id: "roofline".to_string(),
            group: FigureGroup::Roofline,
            title: "Roofline".to_string(),
            caption,
            svg: String::new(),
            description: format!("Roofline: rate against arithmetic intensity, {} points", rates.len()),
        };
        Some(Self { words, rates, entries, copy_gbps, fma_tflops })
    }

    fn legend(&self) -> Legend {
        Legend { entries: self.entries.clone() }
    }

    /// 10^12 operations per second that the copy bandwidth allows at an intensity.
    fn slope(&self, intensity: f64) -> f64 {
        intensity * self.copy_gbps / 1e3
    }
}

impl Picture for RooflinePlot {
    fn figure(&self, svg: String) -> Figure {
        Figure { svg, ..self.words.clone() }
    }

    fn height(&self) -> u32 {
        HEIGHT + self.legend().height()
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        let ridge = self.fma_tflops * 1e3 / self.copy_gbps;
        let intensities = self.rates.iter().map(|rate| rate.intensity).chain([ridge, ridge * 2.0]);
        let rates = self.rates.iter().map(|rate| rate.tflops).chain([self.fma_tflops]);
        let axes = (Axis::log2(intensities, Unit::Number, 14), Axis::log2(rates, Unit::Number, 10));
        let (Some(x), Some(y)) = axes else { return Ok(()) };
        let region = Region { left: 0, top: 0, width: WIDTH, height: HEIGHT };
        let names = Names { x: "arithmetic intensity (FLOP/byte)", y: "rate (TFLOP/s)" };
        let frame = Frame::draw(pen, region, (&x, &y), names)?;
        // The slope enters at the left or at the bottom, whichever it meets first.
        let from = x.ends()[0].max(y.ends()[0] * 1e3 / self.copy_gbps);
        let corner = frame.place(ridge, self.fma_tflops);
        let right = frame.place(x.ends()[1], self.fma_tflops);
        pen.line(&[frame.place(from, self.slope(from)), corner, right], FAINT, 2, Stroke::Solid)?;
        let middle = (from * ridge).sqrt();
        let (across, down) = frame.place(middle, self.slope(middle));
        let label = format!("copy {:.0} GB/s", self.copy_gbps);
        pen.text(&label, (across - pen.px(12.0), down - pen.px(8.0)), 14, INK, Hang::Right)?;
        let label = format!("f32 multiply-add {:.1} TFLOP/s", self.fma_tflops);
        let above = (right.0 - pen.px(4.0), right.1 - pen.px(12.0));
        pen.text(&label, above, 14, INK, Hang::Right)?;
        let mut taken = HashSet::new();
        for rate in &self.rates {
            let place = frame.place(rate.intensity, rate.tflops);
            let color = rate.look.color;
            let key = (place.0 / pen.px(3.0), place.1 / pen.px(3.0), [color.0, color.1, color.2], rate.mode);
            if taken.insert((key, rate.look.shape as u8)) {
                pen.marker(place, rate.look, RADIUS, rate.mode == Mode::Cold)?;
            }
        }
        self.legend().draw(pen, HEIGHT)
    }
}

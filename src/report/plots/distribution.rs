//! Raw samples of one case: in the order they were taken, as a histogram and as a cumulative distribution.

use plotters::prelude::DrawingBackend;

use crate::profiling::Mode;
use crate::profiling::statistics::{Interval, median, sorted};

use super::super::{RunData, SampleRow};
use super::axis::{Axis, Unit};
use super::canvas::{Picture, WIDTH};
use super::figure::{Figure, FigureGroup};
use super::file_name::file_name;
use super::frame::{Frame, Names, Region};
use super::histogram::Histogram;
use super::legend::{Entry, Key, Legend};
use super::palette::{FAINT, INK, LOOKS, Look, Shape};
use super::pen::{Drawn, Hang, Pen, Stroke};

const TITLE: u32 = 28;
const ROW: u32 = 250;
const STRIP: u32 = 460;
/// More samples than this are drawn as ranges: there are not as many pixels.
const MOST_MARKERS: usize = 400;
const RANGES: usize = 200;

const ACCEPTED: Look = LOOKS[0];
const REJECTED: Look = Look { color: LOOKS[1].color, shape: Shape::Diamond };
const DISCARDED: Look = Look { color: FAINT, shape: Shape::Circle };

/// A sample in the order it was taken, microseconds per launch.
type Timed = (f64, f64);

/// The samples of one mode.
#[derive(Clone, Debug)]
struct Samples {
    mode: Mode,
    accepted: Vec<Timed>,
    /// Of the block that counts.
    rejected: Vec<Timed>,
    /// Of the blocks before it, which were throttled.
    discarded: Vec<Timed>,
    median_us: Option<f64>,
    interval_us: Option<Interval>,
}

/// Everything that `samples.csv` has on a case.
pub struct Distribution {
    words: Figure,
    modes: Vec<Samples>,
    emulated: bool,
}

impl Distribution {
    /// `None` without samples of `case`. `reason` says why this case is shown.
    pub fn new(run: &RunData, case: &str, samples: &[SampleRow], reason: &str) -> Option<Self> {
        let modes: Vec<Samples> =
            Mode::BOTH.into_iter().filter_map(|mode| Samples::of(run, case, samples, mode)).collect();
        if modes.is_empty() {
            return None;
        }
        let counts: Vec<String> =
            modes.iter().map(|one| format!("{} {} samples", one.accepted.len(), one.mode)).collect();
        let caption = "Left: samples in the order they were taken, with the median and its 95 % interval. Middle: their \
                       histogram. Right: the share of samples that took no longer. Nothing is left out: rejected \
                       samples and discarded blocks are drawn as such, and values outside the axis at its edge.";
        let words = Figure {
            id: format!("samples-{}", file_name(case)),
            group: FigureGroup::Distribution,
            title: if reason.is_empty() { case.to_string() } else { format!("{case}: {reason}") },
            caption: caption.to_string(),
            svg: String::new(),
            description: format!("Raw samples of {case}: {}", counts.join(", ")),
        };
        Some(Self { words, modes, emulated: run.record.device.emulated })
    }

    fn legend(&self) -> Legend {
        let any = |of: &dyn Fn(&Samples) -> &Vec<Timed>| self.modes.iter().any(|one| !of(one).is_empty());
        let marker = |look, full, label: &str| Entry::new(Key::Marker { look, full }, label);
        let mut entries = vec![marker(ACCEPTED, true, "accepted")];
        if any(&|one| &one.rejected) {
            entries.push(marker(REJECTED, true, "rejected"));
        }
        if any(&|one| &one.discarded) {
            entries.push(marker(DISCARDED, false, "throttled block, discarded"));
        }
        entries.push(Entry::new(Key::Line(FAINT, Stroke::Solid), "median, 95 % interval shaded"));
        Legend { entries }
    }
}

impl Samples {
    fn of(run: &RunData, case: &str, samples: &[SampleRow], mode: Mode) -> Option<Self> {
        let mut rows: Vec<&SampleRow> = samples.iter().filter(|row| row.mode == mode && row.case == case).collect();
        rows.sort_by_key(|row| row.ordinal);
        let last = rows.iter().map(|row| row.block).max()?;
        let chosen = |choose: &dyn Fn(&SampleRow) -> bool| -> Vec<Timed> {
            rows.iter().filter(|row| choose(row)).map(|row| (f64::from(row.ordinal), row.us)).collect()
        };
        let fine = |row: &SampleRow| row.rejection.is_none() && row.us.is_finite();
        let accepted = chosen(&|row| row.block == last && fine(row));
        let measurement = run.measurements.iter().find(|one| one.mode == mode && one.case == case);
        let times: Vec<f64> = accepted.iter().map(|sample| sample.1).collect();
        Some(Self {
            mode,
            rejected: chosen(&|row| row.block == last && !fine(row)),
            discarded: chosen(&|row| row.block != last),
            median_us: measurement.map(|one| one.median_us).or_else(|| median(&sorted(&times))),
            interval_us: measurement.and_then(|one| one.interval_us()),
            accepted,
        })
    }

    fn title(&self) -> String {
        let mut text = format!("{}: {} samples", self.mode, self.accepted.len());
        if let Some(median) = self.median_us {
            text.push_str(&format!(", median {median:.4} µs"));
        }
        if let Some(ends) = self.interval_us {
            text.push_str(&format!(", 95 % interval {:.4} to {:.4} µs", ends.low, ends.high));
        }
        for (count, what) in [(self.rejected.len(), "rejected"), (self.discarded.len(), "in discarded blocks")] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text
    }

    fn times(&self) -> Vec<f64> {
        self.accepted.iter().map(|sample| sample.1).collect()
    }

    fn draw_strip<B: DrawingBackend>(&self, pen: &Pen<'_, B>, region: Region, y_name: &str) -> Drawn<B> {
        let all = || self.accepted.iter().chain(&self.rejected).chain(&self.discarded);
        let x = Axis::linear(all().map(|sample| sample.0), Unit::Number, 6);
        let shown = if self.accepted.is_empty() { &self.rejected } else { &self.accepted };
        let interval = self.interval_us.map(|ends| [ends.low, ends.high]);
        let values = shown.iter().chain(&self.discarded).map(|sample| sample.1).chain(interval.into_iter().flatten());
        let (Some(x), Some(y)) = (x, Axis::linear(values, Unit::Number, 5)) else { return Ok(()) };
        let frame = Frame::draw(pen, region, (&x, &y), Names { x: "sample", y: y_name })?;
        if let Some([low, high]) = interval {
            pen.veil(frame.level(high)[0], frame.level(low)[1], ACCEPTED.color)?;
        }
        if let Some(median) = self.median_us.filter(|value| value.is_finite()) {
            pen.line(&frame.level(median), FAINT, 2, Stroke::Solid)?;
        }
        let [low, high] = y.ends();
        let place = |sample: &Timed| frame.place(sample.0, if sample.1 >= low { sample.1.min(high) } else { low });
        for sample in &self.discarded {
            pen.marker(place(sample), DISCARDED, 3.0, false)?;
        }
        if self.accepted.len() <= MOST_MARKERS {
            for sample in &self.accepted {
                pen.marker(place(sample), ACCEPTED, 2.5, true)?;
            }
        } else {
            for range in self.accepted.chunks(self.accepted.len().div_ceil(RANGES)) {
                let least = range.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(&range[0]);
                let most = range.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(&range[0]);
                let middle = range[range.len() / 2].0;
                pen.line(&[place(&(middle, least.1)), place(&(middle, most.1))], ACCEPTED.color, 2, Stroke::Solid)?;
            }
        }
        for sample in &self.rejected {
            pen.marker(place(sample), REJECTED, 4.0, true)?;
        }
        Ok(())
    }

    fn draw_histogram<B: DrawingBackend>(&self, pen: &Pen<'_, B>, region: Region, x_name: &str) -> Drawn<B> {
        let Some(histogram) = Histogram::of(&self.times()) else { return Ok(()) };
        let Some(x) = Axis::linear(histogram.ends().into_iter(), Unit::Number, 4) else { return Ok(()) };
        let y = Axis::between(0.0, histogram.most() * 1.06, Unit::Percent, 5);
        let frame = Frame::draw(pen, region, (&x, &y), Names { x: x_name, y: "share of samples" })?;
        for (low, high, share) in histogram.bins().filter(|bin| bin.2 > 0.0) {
            let (from, to) = (frame.place(low, share), frame.place(high, 0.0));
            pen.block(from, ((to.0 - pen.px(1.0)).max(from.0 + 1), to.1), ACCEPTED.color)?;
        }
        self.draw_median(pen, &frame)
    }

    fn draw_cumulative<B: DrawingBackend>(&self, pen: &Pen<'_, B>, region: Region, x_name: &str) -> Drawn<B> {
        let times = sorted(&self.times());
        let Some(x) = Axis::linear(times.iter().copied(), Unit::Number, 4) else { return Ok(()) };
        let y = Axis::between(0.0, 1.0, Unit::Percent, 5);
        let frame = Frame::draw(pen, region, (&x, &y), Names { x: x_name, y: "share up to this time" })?;
        if let Some(ends) = self.interval_us {
            pen.veil(frame.upright(ends.low)[1], frame.upright(ends.high)[0], ACCEPTED.color)?;
        }
        let mut steps = vec![frame.place(times[0], 0.0)];
        let every = times.len().div_ceil(MOST_MARKERS);
        let chosen = (0..times.len()).filter(|place| place % every == 0 || place + 1 == times.len());
        for place in chosen {
            let share = (place + 1) as f64 / times.len() as f64;
            let (column, row) = frame.place(times[place], share);
            let before = steps[steps.len() - 1].1;
            steps.extend([(column, before), (column, row)]);
        }
        pen.line(&steps, ACCEPTED.color, 2, Stroke::Solid)?;
        self.draw_median(pen, &frame)
    }

    fn draw_median<B: DrawingBackend>(&self, pen: &Pen<'_, B>, frame: &Frame) -> Drawn<B> {
        match self.median_us.filter(|value| value.is_finite()) {
            Some(median) => pen.line(&frame.upright(median), FAINT, 2, Stroke::Solid),
            None => Ok(()),
        }
    }
}

impl Picture for Distribution {
    fn figure(&self, svg: String) -> Figure {
        Figure { svg, ..self.words.clone() }
    }

    fn height(&self) -> u32 {
        (TITLE + ROW) * self.modes.len() as u32 + self.legend().height()
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        let name = if self.emulated { "emulated µs" } else { "µs per launch" };
        for (place, samples) in self.modes.iter().enumerate() {
            let top = place as u32 * (TITLE + ROW);
            let at = (pen.px(12.0), pen.px(f64::from(top + TITLE / 2 + 2)));
            pen.text(&samples.title(), at, 15, INK, Hang::Left)?;
            let width = (WIDTH - STRIP) / 2;
            let region = |left, width| Region { left, top: top + TITLE, width, height: ROW };
            samples.draw_strip(pen, region(0, STRIP), name)?;
            samples.draw_histogram(pen, region(STRIP, width), name)?;
            samples.draw_cumulative(pen, region(STRIP + width, width), name)?;
        }
        self.legend().draw(pen, (TITLE + ROW) * self.modes.len() as u32)
    }
}

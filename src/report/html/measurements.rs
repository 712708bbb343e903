//! Times: one row per case, cold and hot side by side and never mixed.

use maud::{Markup, html};

use crate::profiling::{Mode, Roof};
use crate::sweep::Measurement;

use super::super::run_data::RunData;
use super::numbers::{bytes, grouped, percent, significant};
use super::table::{Cell, Column, Kind, large_table, number, numbers, shares, word, words};

/// One case's measurements.
pub struct Pair<'a> {
    pub any: &'a Measurement,
    pub cold: Option<&'a Measurement>,
    pub hot: Option<&'a Measurement>,
}

impl Pair<'_> {
    pub fn of(&self, mode: Mode) -> Option<&Measurement> {
        match mode {
            Mode::Cold => self.cold,
            Mode::Hot => self.hot,
        }
    }

    /// How many times as long a cold launch takes.
    fn cold_over_hot(&self) -> Option<f64> {
        Some(self.cold?.median_us / self.hot?.median_us)
    }
}

/// `None` when nothing was measured. Columns that a device cannot fill are left out.
pub fn measurements(run: &RunData) -> Option<Markup> {
    let pairs = pairs(&run.measurements);
    if pairs.is_empty() {
        return None;
    }
    let emulated = run.record.device.emulated;
    let rows: Vec<Vec<Cell>> = pairs.iter().map(|pair| cells(pair, emulated)).collect();
    Some(html! {
        @if emulated {
            p.hint { "These times are the emulator's. They order nothing and are never compared with a GPU's." }
        }
        (large_table("times", "Times", &columns(emulated), &rows, false))
    })
}

fn columns(emulated: bool) -> Vec<Column> {
    let mut columns = vec![Column::new("Case", Kind::Case), numbers("Moved", "")];
    if !emulated {
        columns.extend([numbers("Floor", "µs").alone("Floor by the roofs"), words("Bound by")]);
    }
    columns.extend([
        numbers("Cold", "µs").alone("Cold, median"),
        numbers("95 % interval", "µs").alone("Cold, 95 % interval"),
    ]);
    if !emulated {
        columns.extend([
            numbers("GB/s", "cold").alone("Cold, bandwidth in GB/s"),
            shares("of roof", "cold").alone("Cold, share of the roof"),
        ]);
    }
    columns.extend([
        numbers("Hot", "µs").alone("Hot, median"),
        numbers("95 % interval", "µs").alone("Hot, 95 % interval"),
    ]);
    if !emulated {
        columns.extend([
            numbers("GB/s", "hot").alone("Hot, bandwidth in GB/s"),
            shares("of roof", "hot").alone("Hot, share of the roof"),
        ]);
    }
    columns.extend([
        numbers("Cold ÷ hot", ""),
        numbers("Samples", "cold / hot").alone("Samples, cold / hot"),
        Column::new("Flags", Kind::Flags),
    ]);
    columns
}

/// Measurements of one case together, in the order of the run.
pub fn pairs(measurements: &[Measurement]) -> Vec<Pair<'_>> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for measurement in measurements {
        // Rows of a case follow each other, so the last pair is the only one to look at.
        if pairs.last().is_none_or(|pair| pair.any.case != measurement.case) {
            pairs.push(Pair { any: measurement, cold: None, hot: None });
        }
        let pair = pairs.last_mut().expect("one was pushed");
        match measurement.mode {
            Mode::Cold => pair.cold = Some(measurement),
            Mode::Hot => pair.hot = Some(measurement),
        }
    }
    pairs
}

fn cells(pair: &Pair<'_>, emulated: bool) -> Vec<Cell> {
    let time = |one: Option<&Measurement>| {
        let interval = one.and_then(Measurement::interval_us);
        let width = interval.zip(one).map(|(interval, one)| interval.width() / one.median_us);
        let ends =
            interval.map_or(String::new(), |one| format!("{} – {}", significant(one.low), significant(one.high)));
        [number(one.map(|one| one.median_us), significant), number(width, |_| ends)]
    };
    let rate = |one: Option<&Measurement>| {
        let share = one.and_then(|one| one.roofline_share);
        [number(one.and_then(|one| one.gbps), significant), number(share, percent)]
    };
    let mut cells = vec![word(&pair.any.case), number(Some(pair.any.bytes as f64), |_| bytes(pair.any.bytes))];
    if !emulated {
        let bound = pair.any.binding_roof.map_or("", |roof| match roof {
            Roof::Memory => "memory",
            Roof::Arithmetic => "arithmetic",
        });
        cells.extend([number(pair.any.roofline_us, significant), word(bound)]);
    }
    for one in [pair.cold, pair.hot] {
        cells.extend(time(one));
        if !emulated {
            cells.extend(rate(one));
        }
    }
    let accepted = pair.cold.or(pair.hot).map(|one| one.n as f64);
    cells.extend([
        number(pair.cold_over_hot(), |ratio| format!("{ratio:.2}")),
        number(accepted, |_| format!("{} / {}", samples(pair.cold), samples(pair.hot))),
        word(&flags(pair)),
    ]);
    cells
}

/// Accepted samples, and in brackets those that were rejected.
fn samples(one: Option<&Measurement>) -> String {
    one.map_or("–".to_string(), |one| match one.rejected {
        0 => grouped(one.n),
        rejected => format!("{} (−{rejected})", grouped(one.n)),
    })
}

/// Flags of both modes; one that only one mode has says which.
fn flags(pair: &Pair<'_>) -> String {
    let of = |one: Option<&Measurement>| -> Vec<String> {
        one.map_or(Vec::new(), |one| one.flags.split_whitespace().map(str::to_string).collect())
    };
    let (cold, hot) = (of(pair.cold), of(pair.hot));
    let all = cold.iter().chain(hot.iter().filter(|flag| !cold.contains(flag))).map(|flag| {
        match (cold.contains(flag), hot.contains(flag)) {
            (true, true) => flag.clone(),
            (true, false) => format!("{flag} (cold)"),
            _ => format!("{flag} (hot)"),
        }
    });
    all.collect::<Vec<_>>().join(", ")
}

/// Why sampling stopped, and what held the device back meanwhile.
pub fn why(measurement: &Measurement) -> String {
    match measurement.throttle.as_str() {
        "" => measurement.stop_reason.clone(),
        throttle => format!("{}, throttled by {throttle}", measurement.stop_reason),
    }
}

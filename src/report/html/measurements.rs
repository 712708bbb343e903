//! Times: one row per case, cold and hot side by side and never mixed.

use maud::{Markup, html};

use crate::profiling::Mode;
use crate::sweep::Measurement;

use super::super::run_data::RunData;
use super::numbers::{bytes, grouped, percent, significant};
use super::table::{Column, number_cell, numbers, table, words};

/// One case's measurements.
struct Pair<'a> {
    any: &'a Measurement,
    cold: Option<&'a Measurement>,
    hot: Option<&'a Measurement>,
}

/// `None` when nothing was measured. Columns that a device cannot fill are left out.
pub fn measurements(run: &RunData) -> Option<Markup> {
    let pairs = pairs(&run.measurements);
    if pairs.is_empty() {
        return None;
    }
    let emulated = run.record.device.emulated;
    let mut columns = vec![words("Case"), numbers("Moved", ""), numbers("Cold", "µs"), numbers("95 % interval", "µs")];
    let rates: &[Column] = &[numbers("Cold", "GB/s"), numbers("of roof", "cold")];
    let hot_rates: &[Column] = &[numbers("Hot", "GB/s"), numbers("of roof", "hot")];
    if !emulated {
        columns.extend(rates.iter().copied());
    }
    columns.extend([numbers("Hot", "µs"), numbers("95 % interval", "µs")]);
    if !emulated {
        columns.extend(hot_rates.iter().copied());
    }
    columns.extend([numbers("Samples", "cold / hot"), words("Flags")]);
    let rows: Vec<Markup> = pairs.iter().map(|pair| row(pair, emulated)).collect();
    Some(html! {
        @if emulated {
            p.hint { "These times are the emulator's. They order nothing and are never compared with a GPU's." }
        }
        (table("Measurements", &columns, true, &rows))
    })
}

fn pairs(measurements: &[Measurement]) -> Vec<Pair<'_>> {
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

fn row(pair: &Pair<'_>, emulated: bool) -> Markup {
    let time = |one: Option<&Measurement>| {
        let interval = one.and_then(Measurement::interval_us);
        let share = interval.zip(one).map(|(interval, one)| interval.width() / one.median_us);
        html! {
            (number_cell(one.map(|one| one.median_us), &one.map_or(String::new(), |one| significant(one.median_us))))
            (number_cell(share, &interval.map_or(String::new(), |interval| {
                format!("{} – {}", significant(interval.low), significant(interval.high))
            })))
        }
    };
    let rate = |one: Option<&Measurement>| {
        let gbps = one.and_then(|one| one.gbps);
        let share = one.and_then(|one| one.roof_share);
        html! {
            (number_cell(gbps, &gbps.map_or(String::new(), significant)))
            @match share {
                Some(share) => {
                    td.num.share data-value=(share) style={ "--share:" (format!("{:.3}", share.min(1.0))) } {
                        (percent(share))
                    }
                }
                None => { td.num {} }
            }
        }
    };
    let count = |one: Option<&Measurement>| {
        one.map_or("–".to_string(), |one| match one.rejected {
            0 => grouped(one.n),
            rejected => format!("{} (−{rejected})", grouped(one.n)),
        })
    };
    html! {
        tr {
            th.case scope="row" { a href={ "#" (pair.any.case) } { (pair.any.case) } }
            (number_cell(Some(pair.any.bytes as f64), &bytes(pair.any.bytes)))
            (time(pair.cold))
            @if !emulated { (rate(pair.cold)) }
            (time(pair.hot))
            @if !emulated { (rate(pair.hot)) }
            (number_cell(
                pair.cold.or(pair.hot).map(|one| one.n as f64),
                &format!("{} / {}", count(pair.cold), count(pair.hot)),
            ))
            td.flags { (flags(pair)) }
        }
    }
}

/// Flags of both modes; one that only one mode has says which.
fn flags(pair: &Pair<'_>) -> Markup {
    let of = |one: Option<&Measurement>| -> Vec<String> {
        one.map_or(Vec::new(), |one| one.flags.split_whitespace().map(str::to_string).collect())
    };
    let (cold, hot) = (of(pair.cold), of(pair.hot));
    let mut all: Vec<(String, String)> = Vec::new();
    for flag in cold.iter().chain(hot.iter().filter(|flag| !cold.contains(flag))) {
        let text = match (cold.contains(flag), hot.contains(flag)) {
            (true, true) => flag.clone(),
            (true, false) => format!("{flag} (cold)"),
            _ => format!("{flag} (hot)"),
        };
        let modes = [pair.cold, pair.hot].into_iter().flatten();
        let reasons: Vec<String> =
            modes.map(|measurement| format!("{}: {}", measurement.mode, why(measurement))).collect();
        all.push((text, reasons.join("; ")));
    }
    html! { @for (text, title) in all { span.flag title=(title) { (text) } " " } }
}

/// Why sampling stopped, and what held the device back meanwhile.
fn why(measurement: &Measurement) -> String {
    match measurement.throttle.as_str() {
        "" => measurement.stop_reason.clone(),
        throttle => format!("{}, throttled by {throttle}", measurement.stop_reason),
    }
}

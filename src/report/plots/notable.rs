//! Cases whose raw samples are worth a look.

use std::collections::BTreeMap;

use crate::sweep::{Flag, Measurement};

use super::super::RunData;
use super::cold_hot::pairs;
use super::series::has_flag;

/// Cases shown for one reason at most; a run that throttled all along would fill the page otherwise.
const MOST: usize = 2;

/// A case with the reason for which it is shown.
pub type Notable = (String, String);

/// By rule: the widest interval, the largest difference between cold and hot, the most rejected samples, and what
/// was throttled. Each case once, for its first reason.
pub fn notable_cases(run: &RunData) -> Vec<Notable> {
    let mut chosen: Vec<Notable> = Vec::new();
    let mut add = |case: &str, reason: String| {
        if !chosen.iter().any(|(known, _)| known == case) {
            chosen.push((case.to_string(), reason));
        }
    };
    let finite = |value: f64| value.is_finite() && value > 0.0;
    let wide = |one: &&Measurement| {
        let share = one.interval_us()?.width() / one.median_us;
        finite(share).then_some(share)
    };
    if let Some((one, share)) = most(run.measurements.iter(), wide) {
        add(&one.case, format!("widest 95 % interval, {:.1} % of the {} median", share * 100.0, one.mode));
    }
    if !run.record.device.emulated {
        let all: Vec<&Measurement> = run.measurements.iter().collect();
        let ratio = |(cold, hot): &(&Measurement, &Measurement)| {
            let ratio = cold.median_us / hot.median_us;
            finite(ratio).then_some(ratio)
        };
        if let Some((pair, ratio)) = most(pairs(&all).into_iter(), ratio) {
            add(&pair.0.case, format!("largest cold over hot, {ratio:.1}"));
        }
    }
    let rejected = worst(run, |one| one.rejected as f64);
    for (case, count) in rejected.iter().take(MOST) {
        add(case, format!("{count:.0} rejected samples{}", others(rejected.len())));
    }
    let blocks = |one: &Measurement| one.throttled_blocks as f64 + f64::from(has_flag(one, Flag::Throttled));
    let throttled = worst(run, blocks);
    for (case, count) in throttled.iter().take(MOST) {
        add(case, format!("{count:.0} throttled blocks{}", others(throttled.len())));
    }
    chosen
}

fn others(all: usize) -> String {
    if all > MOST { format!(" (so have {} other cases)", all - 1) } else { String::new() }
}

/// The first of those with the largest number.
fn most<T>(all: impl Iterator<Item = T>, number: impl Fn(&T) -> Option<f64>) -> Option<(T, f64)> {
    all.filter_map(|one| number(&one).map(|number| (one, number))).reduce(
        |best, next| {
            if next.1 > best.1 { next } else { best }
        },
    )
}

/// Cases whose modes together have any of what `number` counts, most first, then by name.
fn worst(run: &RunData, number: impl Fn(&Measurement) -> f64) -> Vec<(&str, f64)> {
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    for one in run.measurements.iter().filter(|one| number(one) > 0.0) {
        *counts.entry(&one.case).or_default() += number(one);
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.total_cmp(&a.1));
    counts
}

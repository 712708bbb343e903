//! How well two runs agree, as the table that two sweeps of one binary are held against.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::profiling::Mode;
use crate::profiling::statistics::{median, sorted};

use super::case::{ComparedCase, Unit};

/// Shorter cases are left out, microseconds: launching dominates them.
pub const LEAST_US: f64 = 10.0;

/// Medians this close agree.
pub const CLOSE: f64 = 0.01;

/// Agreement of one operation in one mode.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgreementRow {
    /// `all` for all operations together.
    pub operation: String,
    pub mode: Mode,
    /// Cases of which a side takes over 10 µs.
    pub cases: usize,
    /// Cases whose medians differ by at most 1 % of the base's.
    pub close: usize,
    /// 95 % intervals of such cases' medians, of either side.
    pub intervals: usize,
    /// Intervals that hold the other side's median.
    pub covering: usize,
    /// The largest difference of two medians, as a share of the base's.
    pub largest: f64,
}

impl AgreementRow {
    fn new(operation: &str, mode: Mode) -> Self {
        Self { operation: operation.to_string(), mode, cases: 0, close: 0, intervals: 0, covering: 0, largest: 0.0 }
    }

    /// `scale` is what the candidate's times are multiplied by.
    fn add(&mut self, case: &ComparedCase, (base, candidate): (f64, f64), scale: f64) {
        let difference = (candidate * scale / base - 1.0).abs();
        self.cases += 1;
        self.close += usize::from(difference <= CLOSE);
        self.largest = self.largest.max(difference);
        for (side, other) in [(&case.base, candidate * scale), (&case.candidate, base / scale)] {
            if let Some(interval) = side.interval {
                self.intervals += 1;
                self.covering += usize::from(interval.contains(other));
            }
        }
    }

    /// Share of the cases whose medians agree within 1 %.
    pub fn close_share(&self) -> Option<f64> {
        share(self.close, self.cases)
    }

    /// Share of the 95 % intervals that hold the other side's median. Two runs that differ by nothing but chance come to
    /// 83 %: the other median has an error of its own.
    pub fn covering_share(&self) -> Option<f64> {
        share(self.covering, self.intervals)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What is left of a disagreement when the measured core clocks are divided out case by case: a device that steps down for
/// some seconds does so for the cases of those seconds. A kernel that memory binds does not follow the core clock, so that
/// this can also make cases differ that agreed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClockAgreement {
    /// The candidate's measured core clock over the base's: the median of the cases'.
    pub ratio: f64,
    /// Cases and modes in which both sides measured it.
    pub cases: usize,
    /// The least and the greatest of the cases' ratios.
    pub extremes: (f64, f64),
    /// All operations together, one row per mode, the candidate's times multiplied by the case's own ratio.
    pub rows: Vec<AgreementRow>,
}

impl ClockAgreement {
    /// `None` where no case has the clocks of both sides.
    fn of(cases: &[ComparedCase]) -> Option<Self> {
        let ratios = sorted(&cases.iter().filter_map(clock_ratio).collect::<Vec<_>>());
        let (ratio, extremes) = (median(&ratios)?, (*ratios.first()?, *ratios.last()?));
        let mut rows = rows(cases, clock_ratio);
        rows.retain(|row| row.operation == ALL);
        Some(Self { ratio, cases: ratios.len(), extremes, rows })
    }
}

/// The candidate's measured core clock over the base's.
fn clock_ratio(case: &ComparedCase) -> Option<f64> {
    let (base, candidate) = case.base.chain_steps_per_us.zip(case.candidate.chain_steps_per_us)?;
    Some(candidate / base).filter(|ratio| ratio.is_finite() && *ratio > 0.0)
}

/// What the rows of all operations are called.
const ALL: &str = "all";

/// Agreement per operation and mode; the last rows, one per mode, are of all operations.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    pub rows: Vec<AgreementRow>,
    /// The same in cycles; `None` where clocks were not measured.
    pub in_clock: Option<ClockAgreement>,
}

impl Agreement {
    pub fn of(cases: &[ComparedCase]) -> Self {
        Self { rows: rows(cases, |_| Some(1.0)), in_clock: ClockAgreement::of(cases) }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// `scale` is what a case's candidate times are multiplied by; cases without one are left out.
fn rows(cases: &[ComparedCase], scale: impl Fn(&ComparedCase) -> Option<f64>) -> Vec<AgreementRow> {
    let mut rows: BTreeMap<(Mode, String), AgreementRow> = BTreeMap::new();
    let mut totals: BTreeMap<Mode, AgreementRow> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.unit == Unit::Microseconds) {
        let Some((medians, scale)) = case.base.median.zip(case.candidate.median).zip(scale(case)) else { continue };
        if medians.0.max(medians.1) <= LEAST_US {
            continue;
        }
        let mode = case.mode;
        rows.entry((mode, case.operation.clone()))
            .or_insert_with(|| AgreementRow::new(&case.operation, mode))
            .add(case, medians, scale);
        totals.entry(mode).or_insert_with(|| AgreementRow::new(ALL, mode)).add(case, medians, scale);
    }
    rows.into_values().chain(totals.into_values()).collect()
}

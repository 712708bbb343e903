//! Times of one run over those of another, case by case.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::profiling::Mode;
use crate::sweep::Measurement;

use super::OverlayRun;

/// The columns of `ratios.csv`, in field order.
pub(super) const COLUMNS: &str = "case,operation,dtype,rows,columns,mode,base_run,base_median_us,base_ci_low_us,base_ci_high_us,\
    run,median_us,ci_low_us,ci_high_us,ratio";

/// One case in one mode, in the first run and in another. Times are per launch, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatioRow {
    pub case: String,
    pub operation: String,
    pub dtype: String,
    pub rows: u64,
    pub columns: u64,
    pub mode: Mode,
    /// Letter of the first run.
    pub base_run: String,
    pub base_median_us: f64,
    pub base_ci_low_us: Option<f64>,
    pub base_ci_high_us: Option<f64>,
    /// Letter of the other run.
    pub run: String,
    pub median_us: f64,
    pub ci_low_us: Option<f64>,
    pub ci_high_us: Option<f64>,
    /// `median_us` over `base_median_us`. Whether it differs from 1 by more than chance is not said here.
    pub ratio: f64,
}

/// What each run after the first has in common with the first, in the first's order.
pub(super) fn ratios(runs: &[OverlayRun]) -> Vec<RatioRow> {
    let Some((base, others)) = runs.split_first() else { return Vec::new() };
    let mut rows = Vec::new();
    for other in others {
        let theirs: HashMap<(&str, Mode), &Measurement> =
            other.run.measurements.iter().map(|one| ((one.case.as_str(), one.mode), one)).collect();
        for one in &base.run.measurements {
            let Some(their) = theirs.get(&(one.case.as_str(), one.mode)) else { continue };
            let ratio = their.median_us / one.median_us;
            if !(ratio.is_finite() && ratio > 0.0) {
                continue;
            }
            rows.push(RatioRow {
                case: one.case.clone(),
                operation: one.operation.clone(),
                dtype: one.dtype.clone(),
                rows: one.rows,
                columns: one.columns,
                mode: one.mode,
                base_run: base.letter.clone(),
                base_median_us: one.median_us,
                base_ci_low_us: one.ci_low_us,
                base_ci_high_us: one.ci_high_us,
                run: other.letter.clone(),
                median_us: their.median_us,
                ci_low_us: their.ci_low_us,
                ci_high_us: their.ci_high_us,
                ratio,
            });
        }
    }
    rows
}

//! Rows of the run's CSV files. Column order is field order.

use serde::{Deserialize, Serialize};

use crate::operation::OutputJudgement;
use crate::profiling::{Mode, Rejection, Sample};
use crate::verify::{Status, Verdict};

/// A row of `verdicts.csv`. The numbers a reader sorts by have columns; the rest is in `judgements`, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRow {
    pub case: String,
    pub operation: String,
    pub dtype: String,
    pub rows: u64,
    pub columns: u64,
    pub class: String,
    pub seed: u64,
    pub device: String,
    pub architecture: String,
    pub wave_size: u32,
    pub status: Status,
    pub reason: String,
    pub seconds: f64,
    /// Largest error of any output, ULP of its storage type.
    pub max_ulp: Option<u64>,
    /// Largest normalised mean squared error of any output.
    pub nmse: Option<f64>,
    /// Smallest share of bit-equal elements of any output.
    pub bit_equal: Option<f64>,
    pub reproduce: String,
    pub judgements: String,
}

impl VerdictRow {
    pub fn new(verdict: &Verdict) -> Self {
        let judgements = &verdict.judgements;
        Self {
            case: verdict.case.clone(),
            operation: verdict.operation.clone(),
            dtype: verdict.dtype.clone(),
            rows: verdict.rows,
            columns: verdict.columns,
            class: verdict.class.clone(),
            seed: verdict.seed,
            device: verdict.device.clone(),
            architecture: verdict.architecture.clone(),
            wave_size: verdict.wave_size,
            status: verdict.status,
            reason: verdict.reason.clone(),
            seconds: verdict.seconds,
            max_ulp: verdict.max_ulp(),
            nmse: judgements.iter().filter_map(|judgement| judgement.nmse).max_by(f64::total_cmp),
            bit_equal: judgements.iter().map(|judgement| judgement.bit_equal).min_by(f64::total_cmp),
            reproduce: verdict.reproduce.clone(),
            judgements: serde_json::to_string(judgements).expect("judgements have string keys only"),
        }
    }

    /// The verdict again, or what is wrong with the `judgements` column.
    pub fn into_verdict(self) -> Result<Verdict, String> {
        let judgements: Vec<OutputJudgement> =
            serde_json::from_str(&self.judgements).map_err(|error| format!("column judgements: {error}"))?;
        Ok(Verdict {
            case: self.case,
            operation: self.operation,
            dtype: self.dtype,
            rows: self.rows,
            columns: self.columns,
            class: self.class,
            seed: self.seed,
            device: self.device,
            architecture: self.architecture,
            wave_size: self.wave_size,
            status: self.status,
            reason: self.reason,
            seconds: self.seconds,
            reproduce: self.reproduce,
            judgements,
        })
    }
}

/// A row of `samples.csv`: one timed interval, accepted or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleRow {
    pub case: String,
    pub mode: Mode,
    pub ordinal: u32,
    /// Attempt at the measurement, from 0: only samples of the last one count.
    pub block: u32,
    /// Round of that attempt, from 0: each has its own buffers.
    #[serde(default)]
    pub round: u32,
    /// Microseconds per launch, as measured.
    pub us: f64,
    /// Launches in the interval; cold, one on each input set, with an interval each.
    pub launches: u32,
    pub rejection: Option<Rejection>,
}

impl SampleRow {
    pub fn new(case: &str, sample: &Sample) -> Self {
        Self {
            case: case.to_string(),
            mode: sample.mode,
            ordinal: sample.ordinal,
            block: sample.block,
            round: sample.round,
            us: sample.seconds * 1e6,
            launches: sample.launches,
            rejection: sample.rejection,
        }
    }
}

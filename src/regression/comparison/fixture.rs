//! Made-up pairs of run directories.

use std::path::Path;

use crate::profiling::statistics::SplitMix64;
use crate::profiling::{ComparabilityKeys, Conditions, Mode, Sample};
use crate::report::fixture::{measurement, record, verdict};
use crate::report::{RunData, RunDirectory, RunRecord, RunStatus};
use crate::sweep::{Measurement, Problem, SweepSink};
use crate::verify::{Status, VerdictSink};

/// A case of a made-up run.
#[derive(Clone)]
pub struct MadeUp {
    pub operation: &'static str,
    pub columns: u64,
    pub mode: Mode,
    /// Microseconds of the middle sample.
    pub us: f64,
    /// Standard deviation of samples, relative.
    pub spread: f64,
    pub samples: usize,
    pub status: Status,
    /// Changes the row of `summary.csv`; `None` leaves it out.
    pub row: Option<fn(&mut Measurement)>,
}

impl MadeUp {
    /// A right case of 20 µs with 200 good samples, with code of its own.
    pub fn case(columns: u64) -> Self {
        let (operation, mode, status) = ("rms_norm", Mode::Cold, Status::Passed);
        Self { operation, columns, mode, us: 20.0, spread: 0.005, samples: 200, status, row: Some(|_| {}) }
    }

    pub fn times(self, factor: f64) -> Self {
        Self { us: self.us * factor, ..self }
    }

    pub fn with(self, row: fn(&mut Measurement)) -> Self {
        Self { row: Some(row), ..self }
    }

    pub fn ending(self, status: Status) -> Self {
        Self { status, row: (status == Status::Passed).then_some(self.row).flatten(), ..self }
    }

    pub fn id(&self) -> String {
        format!("{}/bf16/16x{}/normal", self.operation, self.columns)
    }

    /// Samples about the middle one, of a fixed order.
    fn seconds(&self) -> Vec<f64> {
        let mut random = SplitMix64::new(self.columns + self.us.to_bits());
        // Sum of twelve uniform values: normal enough, with no tails.
        let mut normal = || (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0;
        (0..self.samples).map(|_| self.us * 1e-6 * (1.0 + self.spread * normal())).collect()
    }
}

/// The conditions of every made-up run.
pub fn conditions() -> Conditions {
    let comparability = ComparabilityKeys {
        device: Some("Made-up Instinct".to_string()),
        power_cap: Some("750 W".to_string()),
        ..ComparabilityKeys::default()
    };
    Conditions { comparability, ..Conditions::default() }
}

/// Writes and reads a run of these cases. `code` is the identity of all of them; `change` may alter its record.
pub fn made_up_run(path: &Path, code: &str, cases: &[MadeUp], change: fn(&mut RunRecord)) -> RunData {
    let mut record = record();
    record.conditions = Some(conditions());
    change(&mut record);
    let (emulated, status) = (record.device.emulated, record.status);
    let mut run = RunDirectory::create(path, record).expect("an empty directory");
    for case in cases {
        run.verdict(&verdict(case.operation, case.columns, case.status)).expect("the disk has room");
        let seconds = case.seconds();
        for (ordinal, seconds) in seconds.iter().enumerate() {
            let sample = Sample {
                mode: case.mode,
                ordinal: ordinal as u32,
                block: 0,
                round: 0,
                seconds: *seconds,
                launches: 1,
                rejection: None,
            };
            run.sample(&case.id(), &sample).expect("the disk has room");
        }
        if let Some(row) = case.row {
            let mut sorted = seconds.clone();
            sorted.sort_by(f64::total_cmp);
            let mut measured = Measurement {
                median_us: sorted.get(case.samples / 2).map_or(case.us, |seconds| seconds * 1e6),
                ci_low_us: Some(case.us * 0.999),
                ci_high_us: Some(case.us * 1.001),
                code_identity: code.to_string(),
                emulated,
                ..measurement(case.operation, case.columns, case.mode)
            };
            row(&mut measured);
            run.measurement(&measured).expect("the disk has room");
        }
    }
    let end = if status == RunStatus::Partial { RunStatus::Partial } else { RunStatus::Complete };
    run.finish(end).expect("the disk has room");
    RunData::load(path).expect("a run")
}

/// A case that the sweep of a run could not measure.
pub fn not_measured(run: &mut RunData, case: &str) {
    let reason = "the timed launches computed something else".to_string();
    run.problems.push(Problem { case: case.to_string(), fatal: true, reason });
}

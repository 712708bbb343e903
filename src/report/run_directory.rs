//! A run directory being written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::profiling::{Conditions, Roofs, Sample};
use crate::sweep::{Measurement, Problem, SweepProgress, SweepSink};
use crate::verify::{Verdict, VerdictSink};

use super::csv_file::CsvFile;
use super::rows::{SampleRow, VerdictRow};
use super::{BudgetRecord, ReportError, RunRecord, RunStatus, UtcTime};

pub const RUN_JSON: &str = "run.json";
pub const VERDICTS: &str = "verdicts.csv";
pub const SAMPLES: &str = "samples.csv";
pub const SUMMARY: &str = "summary.csv";
pub const PROBLEMS: &str = "problems.csv";

const VERDICT_COLUMNS: &str = "case,operation,dtype,rows,columns,class,seed,device,architecture,wave_size,status,reason,seconds,\
    max_ulp,nmse,bit_equal,reproduce,judgements";
const SAMPLE_COLUMNS: &str = "case,mode,ordinal,block,round,us,launches,rejection";
const SUMMARY_COLUMNS: &str = "case,operation,dtype,rows,columns,parameters,device,architecture,suite_position,\
    measured_position,mode,n,rounds,rejected,median_us,ci_low_us,ci_high_us,min_us,p5_us,p95_us,bytes,gbps,roof_share,tflops,\
    floor_multiple,roofline_us,roofline_share,binding_roof,launches_per_sample,replicas,checked_launches,input_sets,\
    output_hash,fully_checked_ordinal,warm_up,stop_reason,throttled_blocks,throttle,core_clock_before_mhz,\
    core_clock_after_mhz,chain_before_steps_per_us,chain_after_steps_per_us,memory_clock_before_mhz,memory_clock_after_mhz,power_before_watts,power_after_watts,\
    temperature_before_celsius,temperature_after_celsius,flags,emulated,registers,\
    scalar_registers,accumulation_registers,shared_bytes,scratch_bytes,spilled_registers,code_bytes,occupancy,\
    code_identity,steps";
const PROBLEM_COLUMNS: &str = "case,fatal,reason";

/// Takes verdicts and measurements and has each on disk before the next one. A directory that is dropped
/// without `finish` stays a partial run, with every row it was given.
pub struct RunDirectory {
    path: PathBuf,
    record: RunRecord,
    verdicts: CsvFile,
    samples: CsvFile,
    summary: CsvFile,
    problems: CsvFile,
}

impl RunDirectory {
    /// Makes `path` with all files in it. It must be missing or empty.
    pub fn create(path: &Path, record: RunRecord) -> Result<Self, ReportError> {
        make_empty(path)?;
        let file = |name: &str, columns| CsvFile::create(&path.join(name), columns);
        let directory = Self {
            path: path.to_path_buf(),
            record,
            verdicts: file(VERDICTS, VERDICT_COLUMNS)?,
            samples: file(SAMPLES, SAMPLE_COLUMNS)?,
            summary: file(SUMMARY, SUMMARY_COLUMNS)?,
            problems: file(PROBLEMS, PROBLEM_COLUMNS)?,
        };
        directory.write_record()?;
        Ok(directory)
    }

    /// A path under `parent` that is named after the time and the device and does not exist yet.
    pub fn fresh_path(parent: &Path, device: &str) -> PathBuf {
        let name = format!("{}-{}", UtcTime::now().file_name(), device.replace(':', ""));
        let numbered = (2..).map(|number| parent.join(format!("{name}-{number}")));
        std::iter::once(parent.join(&name))
            .chain(numbered)
            .find(|path| !path.exists())
            .expect("a directory holds fewer entries than there are numbers")
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stores the roofs and the conditions as soon as they are known, and whenever more is.
    pub fn set_conditions(&mut self, roofs: Option<Roofs>, conditions: Conditions) -> Result<(), ReportError> {
        self.record.roofs = roofs;
        self.record.conditions = Some(conditions);
        self.write_record()
    }

    /// Stores what became of the run's time budget, as soon as there is something to say.
    pub fn set_time_budget(&mut self, budget: BudgetRecord) -> Result<(), ReportError> {
        self.record.time_budget = Some(budget);
        self.write_record()
    }

    /// Keeps a sample of another run.
    pub(super) fn sample_row(&mut self, row: &SampleRow) -> io::Result<()> {
        self.samples.append(row)
    }

    /// Marks the run's end.
    pub fn finish(mut self, status: RunStatus) -> Result<(), ReportError> {
        self.record.status = status;
        self.record.ended = Some(UtcTime::now().to_string());
        self.write_record()
    }

    fn write_record(&self) -> Result<(), ReportError> {
        replace_record(&self.path, &self.record)
    }
}

/// Makes a folder, which must be missing or empty.
pub(super) fn make_empty(path: &Path) -> Result<(), ReportError> {
    let not_created = |source| ReportError::NotCreated { path: path.to_path_buf(), source };
    fs::create_dir_all(path).map_err(not_created)?;
    if fs::read_dir(path).map_err(not_created)?.next().is_some() {
        return Err(ReportError::NotEmpty { path: path.to_path_buf() });
    }
    Ok(())
}

/// Replaces the `run.json` in `folder` as a whole, so that a crash leaves the old one or the new one.
pub(super) fn replace_record(folder: &Path, record: &impl Serialize) -> Result<(), ReportError> {
    let file = folder.join(RUN_JSON);
    let mut text = serde_json::to_string_pretty(record).expect("a record has string keys only");
    text.push('\n');
    let unfinished = folder.join("run.json.new");
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, &file))
        .map_err(|source| ReportError::NotWritten { file, source })
}

impl VerdictSink for RunDirectory {
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        self.verdicts.append(&VerdictRow::new(verdict))
    }
}

impl SweepSink for RunDirectory {
    fn sample(&mut self, case: &str, sample: &Sample) -> io::Result<()> {
        self.samples.append(&SampleRow::new(case, sample))
    }

    fn measurement(&mut self, measurement: &Measurement) -> io::Result<()> {
        self.summary.append(measurement)
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        self.problems.append(problem)
    }

    fn progress(&mut self, _progress: &SweepProgress) -> io::Result<()> {
        Ok(())
    }
}

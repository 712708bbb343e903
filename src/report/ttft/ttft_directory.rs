//! A TTFT run's files, being written and read again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::report::csv_file::{CsvFile, read_csv};
use crate::report::run_directory::{RUN_JSON, make_empty, replace_record};
use crate::report::{ReportError, RunStatus, UtcTime};
use crate::ttft::server::ServerRow;
use crate::ttft::{DecodeRow, FitRow, OperationRow, SummaryRow, TtftRow};

use super::record::{KIND, TtftRecord};

pub const TTFT_REQUESTS: &str = "ttft.csv";
pub const TTFT_DECODE: &str = "ttft_decode.csv";
pub const TTFT_SUMMARY: &str = "ttft_summary.csv";
pub const TTFT_FIT: &str = "ttft_fit.csv";
pub const TTFT_OPERATIONS: &str = "ttft_operations.csv";
/// Only of runs that asked a server.
pub const TTFT_SERVER: &str = "ttft_server.csv";

const REQUEST_COLUMNS: &str = "mode,prompt_tokens,batch,repetition,validity,ttft_ms,total_ms,process_start_ms,\
    device_init_ms,module_load_ms,file_open_ms,weights_made_ms,weights_to_device_ms,tokenize_ms,prompt_to_device_ms,\
    prefill_ms,lm_head_ms,sample_ms,token_to_host_ms,detokenize_ms,server_ms,unattributed_ms,second_token_ms,\
    decode_step_median_ms,decode_tokens,prompt_sha256,first_tokens";
const DECODE_COLUMNS: &str = "mode,prompt_tokens,batch,repetition,token,step_ms";
const SUMMARY_COLUMNS: &str = "mode,prompt_tokens,batch,requests,validity,ttft_min_ms,ttft_p50_ms,ttft_p90_ms,\
    ttft_p95_ms,ttft_p99_ms,ttft_max_ms,process_start_ms,device_init_ms,module_load_ms,file_open_ms,weights_made_ms,\
    weights_to_device_ms,tokenize_ms,prompt_to_device_ms,prefill_ms,lm_head_ms,sample_ms,token_to_host_ms,\
    detokenize_ms,server_ms,unattributed_ms,unattributed_share,prefill_tokens_per_second,second_token_ms,decode_step_p50_ms,\
    decode_step_p95_ms,decode_tokens_per_second,flop_floor_ms,flop_floor_share,weight_read_floor_ms,\
    weight_read_floor_share,decode_floor_share";
const FIT_COLUMNS: &str = "mode,batch,lengths,fixed_ms,per_token_ms,per_token_squared_ms,relative_residual";
const SERVER_COLUMNS: &str = "mode,prompt_tokens,batch,repetition,counted_prompt_tokens,counted_answer_tokens,cached_tokens,\
    pieces,finish_reason,text_sha256";
const OPERATION_COLUMNS: &str = "phase,prompt_tokens,batch,layer,operation,start_ms,duration_ms,share";

/// Has every request on disk before the next one. A directory that is dropped without `finish` stays a run that was cut
/// short, with every row it was given.
pub struct TtftDirectory {
    path: PathBuf,
    pub record: TtftRecord,
    requests: CsvFile,
    decode: CsvFile,
}

impl TtftDirectory {
    /// Makes `path` with its files. It must be missing or empty.
    pub fn create(path: &Path, record: TtftRecord) -> Result<Self, ReportError> {
        make_empty(path)?;
        let directory = Self {
            path: path.to_path_buf(),
            record,
            requests: CsvFile::create(&path.join(TTFT_REQUESTS), REQUEST_COLUMNS)?,
            decode: CsvFile::create(&path.join(TTFT_DECODE), DECODE_COLUMNS)?,
        };
        directory.write_record()?;
        Ok(directory)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a request.
    pub fn request(&mut self, row: &TtftRow, steps: &[DecodeRow]) -> io::Result<()> {
        self.requests.append(row)?;
        steps.iter().try_for_each(|step| self.decode.append(step))
    }

    /// Keeps what a server said of the requests.
    pub fn served(&self, rows: &[ServerRow]) -> Result<(), ReportError> {
        self.write_rows(TTFT_SERVER, SERVER_COLUMNS, rows)
    }

    /// Writes what was computed from the requests, and how the run ended.
    pub fn finish(
        mut self,
        status: RunStatus,
        summaries: &[SummaryRow],
        fits: &[FitRow],
        operations: &[OperationRow],
    ) -> Result<(), ReportError> {
        self.write_rows(TTFT_SUMMARY, SUMMARY_COLUMNS, summaries)?;
        self.write_rows(TTFT_FIT, FIT_COLUMNS, fits)?;
        self.write_rows(TTFT_OPERATIONS, OPERATION_COLUMNS, operations)?;
        self.record.status = status;
        self.record.ended = Some(UtcTime::now().to_string());
        self.write_record()
    }

    fn write_rows(&self, name: &str, columns: &str, rows: &[impl serde::Serialize]) -> Result<(), ReportError> {
        let file = self.path.join(name);
        let mut csv = CsvFile::create(&file, columns)?;
        rows.iter()
            .try_for_each(|row| csv.append(row))
            .map_err(|source| ReportError::NotWritten { file: file.clone(), source })
    }

    /// Keeps the record as it is now.
    pub fn write_record(&self) -> Result<(), ReportError> {
        replace_record(&self.path, &self.record)
    }
}

/// All files of a TTFT run. The tables that are written at its end are empty in a run that was killed.
#[derive(Clone, Debug, PartialEq)]
pub struct TtftRun {
    pub record: TtftRecord,
    pub requests: Vec<TtftRow>,
    pub decode: Vec<DecodeRow>,
    pub summaries: Vec<SummaryRow>,
    pub fits: Vec<FitRow>,
    pub operations: Vec<OperationRow>,
    /// Rows that were cut off.
    pub warnings: Vec<String>,
}

impl TtftRun {
    /// What a reader must know before looking at times: what ended the run, rows that were cut off, notes.
    pub fn told(&self) -> Vec<String> {
        let failure = self
            .record
            .failure
            .iter()
            .map(|failure| format!("a failure ended the run, and requests after it were not made: {failure}"));
        failure.chain(self.warnings.iter().chain(&self.record.notes).cloned()).collect()
    }
}

/// Reads a TTFT run. `Ok(None)` for a run directory of another kind.
pub fn read_ttft_run(path: &Path) -> Result<Option<TtftRun>, ReportError> {
    let not_a_run = |problem: String| ReportError::NotARun { path: path.to_path_buf(), problem };
    let text = fs::read_to_string(path.join(RUN_JSON))
        .map_err(|error| not_a_run(format!("{RUN_JSON} cannot be read: {error}")))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| ReportError::Corrupt {
        file: path.join(RUN_JSON),
        line: error.line() as u64,
        problem: error.to_string(),
    })?;
    if value["kind"] != KIND {
        return Ok(None);
    }
    let record = serde_json::from_value(value).map_err(|error| not_a_run(format!("{RUN_JSON}: {error}")))?;
    let mut warnings = Vec::new();
    let requests = rows(path, TTFT_REQUESTS, &mut warnings)?;
    let decode = rows(path, TTFT_DECODE, &mut warnings)?;
    Ok(Some(TtftRun {
        record,
        requests,
        decode,
        summaries: rows_if_there(path, TTFT_SUMMARY, &mut warnings)?,
        fits: rows_if_there(path, TTFT_FIT, &mut warnings)?,
        operations: rows_if_there(path, TTFT_OPERATIONS, &mut warnings)?,
        warnings,
    }))
}

fn rows<T: serde::de::DeserializeOwned>(
    path: &Path,
    name: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<T>, ReportError> {
    let read = read_csv(&path.join(name))?;
    warnings.extend(read.warning);
    Ok(read.rows.into_iter().map(|(_, row)| row).collect())
}

fn rows_if_there<T: serde::de::DeserializeOwned>(
    path: &Path,
    name: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<T>, ReportError> {
    if path.join(name).exists() { rows(path, name, warnings) } else { Ok(Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::KernelLibrary;
    use crate::report::Build;
    use crate::report::ttft::{EngineRecord, ModelRecord};
    use crate::ttft::{Floors, Phase, Plan, RequestFacts, Stage, StageTimes, TtftMode, Validity, fits, summarise};

    fn record() -> TtftRecord {
        let model = ModelRecord {
            name: "tiny".to_string(),
            identity: "synthetic:tiny".to_string(),
            architecture: "llama".to_string(),
            parameters: 9,
            context_length: 64,
            tokenizer: false,
        };
        let engine = EngineRecord {
            device: "host".to_string(),
            path: "native".to_string(),
            compute: "f32".to_string(),
            matrix_library: "gemm crate".to_string(),
            weight_bytes: 36,
            cache_bytes: 8,
        };
        let modes = vec![TtftMode::Steady];
        let plan = Plan { modes, lengths: vec![4], batches: vec![1], repeats: 2, decode: 3, seed: 0, warm_up: 1 };
        let build = Build::new("0.1.0", "", false, &KernelLibrary::embedded());
        TtftRecord::begin(vec!["hipgauge".to_string()], build, None, model, engine, plan)
    }

    fn row(repetition: u32, prompt_tokens: u32) -> TtftRow {
        let mut stages = StageTimes::default();
        stages.set_seconds(Stage::Prefill, 0.001 * f64::from(prompt_tokens));
        let facts = RequestFacts {
            mode: TtftMode::Steady,
            prompt_tokens,
            batch: 1,
            repetition,
            validity: Validity::Valid,
            prompt_sha256: format!("{prompt_tokens:08x}{repetition:08x}"),
            first_tokens: vec![1, 2],
        };
        let seconds = 0.0011 * f64::from(prompt_tokens);
        TtftRow::new(&facts, seconds, seconds, &stages, &[0.02, 0.01])
    }

    #[test]
    fn a_run_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run");
        let mut directory = TtftDirectory::create(&path, record()).expect("made");
        let requests: Vec<_> = [4, 8, 16, 32].into_iter().map(|tokens| row(0, tokens)).collect();
        let step = DecodeRow {
            mode: TtftMode::Steady,
            prompt_tokens: 4,
            batch: 1,
            repetition: 0,
            token: 3,
            step_ms: 0.1 + 0.2,
        };
        for request in &requests {
            directory.request(request, &[step]).expect("kept");
        }
        let killed = read_ttft_run(&path).expect("readable").expect("a TTFT run");
        assert_eq!((killed.requests.len(), killed.summaries.len()), (4, 0), "rows are there before the end");
        assert_eq!(killed.record.status, RunStatus::Running);
        let summaries = summarise(&requests, &[step], &Floors::default());
        let fitted = fits(&summaries);
        let operation = OperationRow {
            phase: Phase::Decode,
            prompt_tokens: 4,
            batch: 1,
            layer: None,
            operation: "rms_norm".to_string(),
            start_ms: 0.5,
            duration_ms: 0.25,
            share: 1.0,
        };
        directory.finish(RunStatus::Complete, &summaries, &fitted, std::slice::from_ref(&operation)).expect("written");
        let run = read_ttft_run(&path).expect("readable").expect("a TTFT run");
        assert_eq!((run.requests, run.decode), (requests, vec![step; 4]));
        assert_eq!((run.summaries, run.fits, run.operations), (summaries, fitted, vec![operation]));
        assert_eq!((run.record.status, run.warnings.len()), (RunStatus::Complete, 0));
        let again = TtftDirectory::create(&path, record()).map(|_| ()).expect_err("not empty");
        assert!(matches!(again, ReportError::NotEmpty { .. }));
    }

    /// Headers are written before the first row, so they are spelled out; they must be the fields' names.
    #[test]
    fn headers_are_the_fields_of_the_rows() {
        fn header(row: &impl serde::Serialize) -> String {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.serialize(row).expect("plain data");
            let text = String::from_utf8(writer.into_inner().expect("memory")).expect("text");
            text.lines().next().expect("a header").to_string()
        }
        let requests: Vec<_> = [4, 8, 16, 32].into_iter().map(|tokens| row(0, tokens)).collect();
        let summaries = summarise(&requests, &[], &Floors::default());
        assert_eq!(header(&requests[0]), REQUEST_COLUMNS);
        assert_eq!(header(&summaries[0]), SUMMARY_COLUMNS);
        assert_eq!(header(&fits(&summaries)[0]), FIT_COLUMNS);
    }

    #[test]
    fn other_runs_are_no_ttft_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read_ttft_run(folder.path()).is_err(), "nothing there");
        fs::write(folder.path().join(RUN_JSON), "{\"format\": 1}").expect("written");
        assert_eq!(read_ttft_run(folder.path()).expect("JSON"), None);
        fs::write(folder.path().join(RUN_JSON), "{\"kind\": \"ttft\"}").expect("written");
        assert!(read_ttft_run(folder.path()).is_err(), "half a record");
    }
}

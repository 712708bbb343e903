//! Run directories written, cut off and read again.

use std::fs;
use std::path::Path;

use crate::backend::telemetry::Absence;
use crate::profiling::{Conditions, Mode, Rejection, Sample};
use crate::sweep::SweepSink;
use crate::verify::{Status, VerdictSink};

use super::fixture::{measurement, problem, record, sample, verdict};
use super::{ReportError, RunData, RunDirectory, RunStatus};

fn written(path: &Path) -> RunDirectory {
    let mut run = RunDirectory::create(path, record()).expect("an empty directory");
    for status in [Status::Passed, Status::Failed, Status::Skipped, Status::Errored] {
        run.verdict(&verdict("rms_norm", 1024, status)).expect("the disk has room");
    }
    for mode in Mode::BOTH {
        run.sample("rms_norm/bf16/16x1024/normal", &sample(mode, 0)).expect("the disk has room");
        run.measurement(&measurement("rms_norm", 1024, mode)).expect("the disk has room");
    }
    let rejected = Sample { seconds: -1e-6, rejection: Some(Rejection::NotPositive), ..sample(Mode::Cold, 1) };
    run.sample("rms_norm/bf16/16x1024/normal", &rejected).expect("the disk has room");
    run.problem(&problem()).expect("the disk has room");
    run
}

fn append(path: &Path, text: &str) {
    let mut bytes = fs::read(path).expect("written before");
    bytes.extend_from_slice(text.as_bytes());
    fs::write(path, bytes).expect("a temporary directory");
}

#[test]
fn rows_read_back_as_they_were_written() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    written(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    let run = RunData::load(folder.path()).expect("a complete run");
    assert!(run.warnings.is_empty(), "{:?}", run.warnings);
    assert_eq!(run.record.status, RunStatus::Complete);
    assert!(run.record.ended.is_some());
    // Debug text, because a NaN among the judgements is not equal to itself.
    let expected = [Status::Passed, Status::Failed, Status::Skipped, Status::Errored]
        .map(|status| verdict("rms_norm", 1024, status));
    assert_eq!(format!("{:?}", run.verdicts), format!("{:?}", expected.to_vec()));
    assert_eq!(run.measurements, Mode::BOTH.map(|mode| measurement("rms_norm", 1024, mode)));
    assert_eq!(run.samples.len(), 3);
    let samples = run.samples.of_case("rms_norm/bf16/16x1024/normal").expect("still there");
    assert_eq!(samples.iter().map(|sample| sample.mode).collect::<Vec<_>>(), [Mode::Cold, Mode::Hot, Mode::Cold]);
    assert_eq!((samples[2].rejection, samples[2].us), (Some(Rejection::NotPositive), -1.0));
    assert_eq!(run.samples.of_case("rms_norm/bf16/16x2048/normal").expect("none is no error"), []);
    assert_eq!(run.problems, [problem()]);
}

#[test]
fn each_cases_samples_are_found_wherever_they_are() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut run = RunDirectory::create(folder.path(), record()).expect("an empty directory");
    // The first case is taken up again at the end, and names may need quotes.
    let order = ["a/case", "a/case", "another, \"quoted\"", "a/case"];
    for (ordinal, case) in order.iter().enumerate() {
        run.sample(case, &sample(Mode::Cold, ordinal as u32)).expect("the disk has room");
    }
    run.finish(RunStatus::Complete).expect("the disk has room");
    append(&folder.path().join("samples.csv"), "a/case,cold,4,0,1");
    let run = RunData::load(folder.path()).expect("the rest is whole");
    assert_eq!(run.warnings, ["samples.csv line 6 was cut off and is left out"]);
    let ordinals = |case: &str| {
        let samples = run.samples.of_case(case).expect("still there");
        assert!(samples.iter().all(|sample| sample.case == case));
        samples.iter().map(|sample| sample.ordinal).collect::<Vec<_>>()
    };
    assert_eq!((ordinals(order[0]), ordinals(order[2])), (vec![0, 1, 3], vec![2]));
    fs::write(folder.path().join("samples.csv"), "overwritten ".repeat(30)).expect("writable");
    let error = run.samples.of_case("a/case").expect_err("other bytes are there").to_string();
    assert!(error.contains("samples.csv line 2: changed since the run was opened"), "{error}");
}

#[test]
fn measurements_are_read_in_the_suites_order_whatever_order_they_were_made_in() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut run = RunDirectory::create(folder.path(), record()).expect("an empty directory");
    let measured = [(512, Mode::Cold), (512, Mode::Hot), (64, Mode::Cold), (64, Mode::Hot), (128, Mode::Cold)];
    for (columns, mode) in measured {
        run.measurement(&measurement("rms_norm", columns, mode)).expect("the disk has room");
    }
    run.finish(RunStatus::Complete).expect("the disk has room");
    let run = RunData::load(folder.path()).expect("a complete run");
    let read: Vec<_> = run.measurements.iter().map(|measurement| (measurement.columns, measurement.mode)).collect();
    assert_eq!(read, [2, 3, 4, 0, 1].map(|place: usize| measured[place]));
}

#[test]
fn conditions_are_kept_and_replaced() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut run = RunDirectory::create(folder.path(), record()).expect("an empty directory");
    let absence = Absence { value: "power".to_owned(), reason: "no sensor".to_owned() };
    for absences in [Vec::new(), vec![absence]] {
        let conditions = Conditions { absences, ..Conditions::default() };
        run.set_conditions(None, conditions.clone()).expect("the disk has room");
        let read = RunData::load(folder.path()).expect("a run").record;
        assert_eq!((read.conditions, read.roofs), (Some(conditions), None));
    }
}

#[test]
fn every_column_of_every_file_is_documented() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    drop(written(folder.path()));
    let book =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/methodology.md")).expect("in the checkout");
    let mut files = 0;
    for entry in fs::read_dir(folder.path()).expect("just written") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let title = format!("### `{name}`\n");
        let (_, after) = book.split_once(&title).unwrap_or_else(|| panic!("docs/methodology.md has no section {name}"));
        if !name.ends_with(".csv") {
            continue;
        }
        files += 1;
        let section = after.split("\n#").next().expect("split gives one part at least");
        // Columns are named in the first cell of a row.
        let cells: String = section.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).collect();
        let text = fs::read_to_string(&path).expect("just written");
        let columns = text.lines().next().expect("a header").split(',');
        let missing: Vec<_> = columns.filter(|column| !cells.contains(&format!("`{column}`"))).collect();
        assert!(missing.is_empty(), "{name}: docs/methodology.md does not explain {missing:?}");
    }
    assert_eq!(files, 4);
}

#[test]
fn a_run_that_was_killed_is_partial_and_whole() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    drop(written(folder.path()));
    let run = RunData::load(folder.path()).expect("every row is on disk");
    assert!(run.record.is_partial());
    assert_eq!((run.verdicts.len(), run.measurements.len(), run.samples.len()), (4, 2, 3));
    assert_eq!(run.warnings.len(), 1);
}

#[test]
fn a_row_cut_in_half_is_left_out_with_a_warning() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    written(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    // A number that lost digits would still parse: a row without its line feed never counts.
    append(&folder.path().join("samples.csv"), "rms_norm/bf16/16x1024/normal,cold,2,4.2");
    let run = RunData::load(folder.path()).expect("the rest is whole");
    assert_eq!(run.samples.len(), 3);
    assert_eq!(run.warnings, ["samples.csv line 5 was cut off and is left out"]);
}

#[test]
fn a_row_cut_inside_a_quoted_line_break_is_left_out() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    written(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    append(&folder.path().join("problems.csv"), "a/case,true,\"first line\n");
    let run = RunData::load(folder.path()).expect("the rest is whole");
    assert_eq!(run.problems.len(), 1);
    assert_eq!(run.warnings, ["problems.csv line 3 was cut off and is left out"]);
}

#[test]
fn a_broken_row_is_named_by_file_line_and_column() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    written(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    append(&folder.path().join("samples.csv"), "a,cold,2,0,0,fast,1,\na,cold,3,0,0,4.0,1,\n");
    let error = RunData::load(folder.path()).expect_err("not a number").to_string();
    assert!(error.contains("samples.csv line 5: column us"), "{error}");
}

#[test]
fn a_corrupt_run_json_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    written(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    fs::write(folder.path().join("run.json"), "{\n  \"format\": 1,\n  \"status\":").expect("writable");
    let error = RunData::load(folder.path()).expect_err("cut off").to_string();
    assert!(error.contains("run.json line 3"), "{error}");
    fs::remove_file(folder.path().join("run.json")).expect("it exists");
    assert!(matches!(RunData::load(folder.path()), Err(ReportError::NotARun { .. })));
}

#[test]
fn a_directory_with_something_in_it_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("notes.txt"), "mine").expect("writable");
    assert!(matches!(RunDirectory::create(folder.path(), record()), Err(ReportError::NotEmpty { .. })));
    let below_a_file = folder.path().join("notes.txt").join("run");
    let error = RunDirectory::create(&below_a_file, record()).err().expect("a file is no directory").to_string();
    assert!(error.contains("notes.txt") && error.contains("--out"), "{error}");
}

#[test]
fn a_run_from_before_launches_were_hashed_still_loads() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    written(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    let path = folder.path().join("summary.csv");
    let later = ["checked_launches", "input_sets", "output_hash", "fully_checked_ordinal", "warm_up"];
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(&path).expect("written before");
    let records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    let kept: Vec<usize> = (0..records[0].len()).filter(|&column| !later.contains(&&records[0][column])).collect();
    assert_eq!(kept.len() + later.len(), records[0].len());
    let mut writer = csv::Writer::from_path(&path).expect("a temporary directory");
    for record in &records {
        writer.write_record(kept.iter().map(|&column| &record[column])).expect("the disk has room");
    }
    writer.flush().expect("the disk has room");
    let run = RunData::load(folder.path()).expect("an older run");
    assert_eq!(run.measurements.len(), 2);
    let one = &run.measurements[0];
    assert_eq!((one.checked_launches, one.input_sets, one.fully_checked_ordinal), (None, None, None));
    assert_eq!((one.output_hash.as_str(), one.warm_up.as_str(), one.replicas), ("", "", 16));
}

//! `hipgauge report` on good, killed and damaged runs, by exit code and message.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use hipgauge::backend::{BackendKind, DeviceInfo, KernelLibrary};
use hipgauge::profiling::{Mode, Sample};
use hipgauge::report::{Build, RunDirectory, RunRecord, RunStatus, Selection};
use hipgauge::sweep::SweepSink;
use hipgauge::verify::{Status, Verdict, VerdictSink};

fn report(run: &Path) -> Assert {
    report_with(&[run.as_os_str()])
}

fn report_with(arguments: &[&OsStr]) -> Assert {
    Command::new(env!("CARGO_BIN_EXE_hipgauge")).arg("report").args(arguments).assert()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn device() -> DeviceInfo {
    DeviceInfo {
        id: "host".to_string(),
        backend: BackendKind::Host,
        name: "a processor".to_string(),
        architecture: "emulated-wave64".to_string(),
        wave_size: 64,
        multiprocessors: 2,
        l2_bytes: 0,
        last_level_bytes: 0,
        memory_bytes: 1 << 30,
        shared_bytes_per_block: 65536,
        max_threads_per_block: 1024,
        driver_version: String::new(),
        runtime_version: String::new(),
        compiler: String::new(),
        emulated: true,
        details: Vec::new(),
    }
}

/// A run with one verdict that nobody has finished yet.
fn begun(folder: &Path) -> RunDirectory {
    let build = Build::new("0.1.0", "", false, &KernelLibrary::embedded());
    let record = RunRecord::begin(vec!["hipgauge".to_string()], Selection::default(), build, device());
    let mut run = RunDirectory::create(folder, record).expect("an empty folder");
    let case = "rms_norm/f32/1x8/normal".to_string();
    let verdict = Verdict {
        operation: "rms_norm".to_string(),
        dtype: "f32".to_string(),
        rows: 1,
        columns: 8,
        class: "normal".to_string(),
        seed: 0,
        device: "host".to_string(),
        architecture: "emulated-wave64".to_string(),
        wave_size: 64,
        status: Status::Passed,
        reason: String::new(),
        seconds: 0.1,
        reproduce: format!("hipgauge verify --device host --case '{case}'"),
        judgements: Vec::new(),
        case,
    };
    run.verdict(&verdict).expect("the disk has room");
    run
}

#[test]
fn a_complete_run_is_drawn_again() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    begun(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    let drawn = report(folder.path()).code(0);
    let output = text(&drawn.get_output().stdout);
    assert!(output.contains("The one case that ran is right") && output.contains("index.html"), "{output}");
    for name in ["index.html", "summary.md", "junit.xml"] {
        assert!(fs::metadata(folder.path().join(name)).is_ok_and(|file| file.len() > 100), "{name}");
    }
}

#[test]
fn a_killed_run_is_drawn_with_a_warning() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    drop(begun(folder.path()));
    let drawn = report(folder.path()).code(0);
    assert!(text(&drawn.get_output().stdout).contains("did not come to its end"));
    assert!(fs::read_to_string(folder.path().join("index.html")).expect("drawn").contains("partial run"));
}

#[test]
fn what_is_no_run_is_bad_input() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let refused = report(&folder.path().join("nowhere")).code(64);
    assert!(text(&refused.get_output().stderr).contains("is not a run directory"));
    let refused = report(folder.path()).code(64);
    assert!(text(&refused.get_output().stderr).contains("run.json cannot be read"));
}

#[test]
fn damage_is_named_by_file_and_line() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    begun(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    let verdicts = folder.path().join("verdicts.csv");
    let rows = fs::read_to_string(&verdicts).expect("written");
    fs::write(&verdicts, rows.replace(",passed,", ",fine,")).expect("writable");
    let refused = report(folder.path()).code(64);
    let message = text(&refused.get_output().stderr);
    assert!(message.contains("verdicts.csv line 2: unknown variant `fine`"), "{message}");
    assert_eq!(message.lines().count(), 1, "one clear message: {message}");
}

/// The single line that a damaged run is refused with.
fn refusal(folder: &Path) -> String {
    let refused = report(folder).code(64);
    let message = text(&refused.get_output().stderr);
    assert!(message.starts_with("error: ") && message.lines().count() == 1, "one clear message: {message}");
    message
}

#[test]
fn a_cut_record_is_refused_by_name_and_line() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    begun(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    let file = folder.path().join("run.json");
    let whole = fs::read_to_string(&file).expect("written");
    for length in [0, 1, whole.len() / 2, whole.len() - 3] {
        fs::write(&file, &whole[..length]).expect("writable");
        assert!(refusal(folder.path()).contains("run.json line "), "cut after {length} bytes");
    }
    fs::write(&file, whole.replace("\"format\": 1", "\"format\": 99")).expect("writable");
    assert!(refusal(folder.path()).contains("format 99, and this program reads 1"));
    fs::remove_file(&file).expect("there");
    assert!(refusal(folder.path()).contains("run.json cannot be read"));
}

#[test]
fn a_row_cut_by_a_crash_is_left_out_with_a_warning() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    drop(begun(folder.path()));
    let file = folder.path().join("verdicts.csv");
    let whole = fs::read_to_string(&file).expect("written");
    let last = whole.lines().last().expect("a row");
    fs::write(&file, format!("{whole}{}", &last[..last.len() / 2])).expect("writable");
    let drawn = report(folder.path()).code(0);
    let output = text(&drawn.get_output().stdout);
    assert!(output.contains("verdicts.csv") && output.contains("The one case that ran is right"), "{output}");
}

#[test]
fn a_missing_table_is_named() {
    for name in ["verdicts.csv", "samples.csv", "summary.csv", "problems.csv"] {
        let folder = tempfile::tempdir().expect("a temporary directory");
        begun(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
        fs::remove_file(folder.path().join(name)).expect("there");
        assert!(refusal(folder.path()).contains(&format!("{name} cannot be read")), "{name}");
    }
}

/// A whole run with one case and three samples of it.
fn sampled(folder: &Path) {
    let mut run = begun(folder);
    for ordinal in 0..3 {
        let seconds = 1e-6 * f64::from(4 + ordinal);
        let sample = Sample { mode: Mode::Cold, ordinal, block: 0, round: 0, seconds, launches: 1, rejection: None };
        run.sample("rms_norm/f32/1x8/normal", &sample).expect("the disk has room");
    }
    run.finish(RunStatus::Complete).expect("the disk has room");
}

#[test]
fn the_samples_of_a_case_are_drawn_on_demand() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    sampled(folder.path());
    let samples = OsStr::new("--samples");
    report_with(&[folder.path().as_os_str(), samples, OsStr::new("rms_norm/f32/1x8/normal")]).code(0);
    let plot = folder.path().join("plots").join("samples-rms_norm_f32_1x8_normal.svg");
    assert!(fs::read_to_string(&plot).expect("drawn").contains("3 samples, median 5.0000 µs"));
    assert!(fs::metadata(plot.with_extension("png")).is_ok_and(|file| file.len() > 1000));
    let page = fs::read_to_string(folder.path().join("index.html")).expect("drawn");
    assert!(page.contains("samples-rms_norm_f32_1x8_normal"));
    let refused = report_with(&[folder.path().as_os_str(), samples, OsStr::new("rms_norm/f32/1x9/normal")]).code(64);
    let message = text(&refused.get_output().stderr);
    assert!(message.contains("no samples of `rms_norm/f32/1x9/normal`"), "{message}");
}

#[test]
fn several_runs_are_laid_over_each_other_in_a_new_place() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let runs = ["first", "second"].map(|name| folder.path().join(name));
    runs.iter().for_each(|run| sampled(run));
    let out = folder.path().join("both");
    let arguments = [runs[0].as_os_str(), runs[1].as_os_str(), OsStr::new("--out"), out.as_os_str()];
    let drawn = report_with(&arguments).code(0);
    let output = text(&drawn.get_output().stdout);
    assert!(output.contains("B: a processor, second") && output.contains("no verdict"), "{output}");
    let page = fs::read_to_string(out.join("index.html")).expect("drawn");
    assert!(page.contains("2 runs over each other") && page.contains("emulator"), "{output}");
    assert!(fs::read_to_string(out.join("ratios.csv")).expect("written").starts_with("case,operation,"));
    let again = report_with(&arguments).code(64);
    assert!(text(&again.get_output().stderr).contains("not empty"));
    let one = report_with(&[runs[0].as_os_str(), OsStr::new("--out"), out.as_os_str()]).code(64);
    assert!(text(&one.get_output().stderr).contains("several runs"));
    let arguments = [runs[0].as_os_str(), runs[1].as_os_str(), OsStr::new("--samples"), OsStr::new("a")];
    assert!(text(&report_with(&arguments).code(64).get_output().stderr).contains("one run"));
}

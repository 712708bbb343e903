//! `hipgauge calibrate` on the emulator, whose counts are exact.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use hipgauge::backend::{Device, HostDevice, HostOptions, KernelLibrary};
use hipgauge::registry::OPERATIONS;
use hipgauge::regression::calibration::Calibration;
use hipgauge::regression::injection::KernelFolder;
use hipgauge::suite::parse_case_id;

const CASE: &str = "swiglu/f32/4x512/normal";
const GOOD: i32 = 0;
const USAGE: i32 = 64;

fn hipgauge(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hipgauge"))
        .current_dir(folder)
        .args(arguments)
        .args(["--device", "host"])
        .output()
        .expect("the program that cargo built starts")
}

fn stdout(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(GOOD), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_calibration_is_kept_where_verdicts_look_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = stdout(&hipgauge(folder.path(), &["calibrate", "--case", CASE, "--comparisons", "5"]));
    assert!(text.contains("5 comparisons of cases with themselves, 0 false alarms"), "{text}");
    let path = text.lines().find_map(|line| line.strip_prefix("calibration: ")).expect("where it is");
    let learned = Calibration::load(&folder.path().join(path)).unwrap();
    assert!(!learned.partial && learned.keys.emulated);
    assert_eq!((learned.cases[0].shifts.as_slice(), learned.cases[0].noise), (&[0.0; 5][..], Some(0.0)));
    let kept = folder.path().join("reports/calibration");
    assert_eq!(Calibration::find(&kept, &learned.keys).unwrap().map(|found| found.created), Some(learned.created));
}

#[test]
fn comparisons_of_runs_look_for_the_calibration_of_their_machine() {
    let folder = tempfile::tempdir().unwrap();
    let text = stdout(&hipgauge(folder.path(), &["calibrate", "--case", CASE, "--comparisons", "1"]));
    let path = text.lines().find_map(|line| line.strip_prefix("calibration: ")).expect("where it is").to_string();
    for run in ["one", "two"] {
        stdout(&hipgauge(folder.path(), &["run", "--case", CASE, "--time-limit", "0.001", "--out", run]));
    }
    let compare = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
        let output = command.current_dir(folder.path()).args(["compare", "one", "two"]).args(more).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(compare(&[]).0, Some(GOOD));
    // One that cannot be read is no reason to assume something instead.
    fs::write(folder.path().join(&path), "{").unwrap();
    let (code, stderr) = compare(&[]);
    assert!(code == Some(USAGE) && stderr.contains(&path) && stderr.contains("hipgauge calibrate"), "{stderr}");
    assert_eq!(compare(&["--noise", "1%"]).0, Some(GOOD));
    assert_eq!(compare(&["--calibrations", "elsewhere"]).0, Some(GOOD));
}

#[test]
fn slow_downs_of_known_size_are_found_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["calibrate", "--case", CASE, "--detect", "2,5", "--comparisons", "2", "--processes", "1"];
    let text = stdout(&hipgauge(folder.path(), &[&arguments[..], &["--out", "study", "--format", "json"]].concat()));
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["complete"], true);
    let rows = document["rows"].as_array().unwrap();
    let rates: Vec<_> = rows.iter().map(|row| (row["comparisons"].as_u64(), row["rate"].as_f64())).collect();
    assert_eq!(rates, [(Some(2), Some(0.0)), (Some(2), Some(1.0)), (Some(2), Some(1.0))]);
    for row in &rows[1..] {
        let (nominal, change) = (row["nominal"].as_f64().unwrap(), row["most_change"].as_f64().unwrap());
        assert!((change / nominal - 1.0).abs() <= 0.1, "{row}");
    }
    let duels = fs::read_to_string(folder.path().join("study/duels.csv")).unwrap();
    assert_eq!(duels.lines().count(), 1 + 6, "{duels}");
}

#[test]
fn bad_arguments_are_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    for bad in [&["--detect", "0"][..], &["--comparisons", "0"], &["--time-budget", "5m"]] {
        let output = hipgauge(folder.path(), &[&["calibrate", "--case", CASE], bad].concat());
        assert_eq!(output.status.code(), Some(USAGE), "{bad:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A folder for the AMD compiler of tests/kernels/amd_kernels.rs is made the same way; here the host's compiler reads it.
#[test]
fn kernels_with_extra_work_compile_and_are_still_right() {
    let folder = tempfile::tempdir().unwrap();
    let library = KernelLibrary::embedded();
    let device = HostDevice::new(HostOptions::default(), KernelLibrary::embedded().into()).unwrap();
    for case in [CASE, "rms_norm/f32/3x65/normal"] {
        let parsed = parse_case_id(case, OPERATIONS).unwrap();
        let path = folder.path().join(parsed.operation.name());
        let written = KernelFolder::write(&path, &library, device.info(), &parsed, Some(50)).unwrap();
        let kernels = written.path().to_string_lossy().into_owned();
        stdout(&hipgauge(folder.path(), &["verify", "--case", case, "--kernels", &kernels]));
    }
}

//! Runs that are stopped while they work: what was done is kept, marked as partial, and can be drawn.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::interrupt::{heed_interrupts, signal};
use serde_json::Value;

const GOOD: i32 = 0;
const INTERRUPTED: i32 = 130;

/// A machine under load may take long to reach the first row; a hang must still end the test.
const PATIENCE: Duration = Duration::from_secs(300);

fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    heed_interrupts(&mut command);
    command
        .args(arguments)
        .args(["--device", "host", "--jobs", "1", "--out"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program that cargo built starts")
}

/// Rows below the header, of which the last may be half written.
fn rows(file: &Path) -> usize {
    fs::read_to_string(file).map_or(0, |text| text.matches('\n').count().saturating_sub(1))
}

fn wait_for_rows(child: &mut Child, file: &Path, least: usize) {
    let start = Instant::now();
    while rows(file) < least {
        assert!(child.try_wait().unwrap().is_none(), "ended before {least} rows were in {}", file.display());
        assert!(start.elapsed() < PATIENCE, "no {least} rows in {} yet", file.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn stdout_of(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn status(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("run.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["status"].clone()
}

/// `report` draws the run and says that it is not whole.
fn is_drawn(folder: &Path) {
    let page = folder.join("index.html");
    let _ = fs::remove_file(&page);
    let output = Command::new(env!("CARGO_BIN_EXE_hipgauge")).arg("report").arg(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(GOOD), "{}", String::from_utf8_lossy(&output.stderr));
    let stdout = stdout_of(&output);
    assert!(stdout.contains("did not come to its end") && stdout.contains("index.html"), "{stdout}");
    assert!(fs::read_to_string(page).unwrap().contains("partial run"));
}

/// Ctrl-C in the middle of verifying, then everything that must hold afterwards.
fn interrupted_while_verifying(command: &str) {
    let folder = tempfile::tempdir().unwrap();
    let verdicts = folder.path().join("verdicts.csv");
    let mut child = start(folder.path(), &[command, "--suite", "ci"]);
    wait_for_rows(&mut child, &verdicts, 3);
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(INTERRUPTED), "{}", String::from_utf8_lossy(&output.stderr));

    let kept = rows(&verdicts);
    let stdout = stdout_of(&output);
    assert!(kept >= 3 && stdout.contains(&format!("partial: stopped after {kept} of ")), "{stdout}");
    assert!(stdout.contains("report: ") && stdout.contains("did not come to its end"), "{stdout}");
    assert_eq!(status(folder.path()), "partial");
    is_drawn(folder.path());
    assert_eq!(rows(&verdicts), kept);
}

#[test]
fn ctrl_c_in_verify_keeps_the_verdicts_so_far() {
    interrupted_while_verifying("verify");
}

#[test]
fn ctrl_c_in_run_keeps_the_verdicts_so_far() {
    interrupted_while_verifying("run");
}

#[test]
fn programs_read_in_the_last_line_that_verify_was_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &["verify", "--suite", "ci", "--format", "json"]);
    wait_for_rows(&mut child, &folder.path().join("verdicts.csv"), 1);
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(INTERRUPTED), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_str(stdout_of(&output).lines().last().unwrap()).unwrap();
    assert_eq!((&summary["interrupted"], &summary["exit_code"]), (&Value::from(true), &Value::from(INTERRUPTED)));
    assert!(summary["passed"].as_u64() < summary["cases"].as_u64(), "{summary}");
}

#[test]
fn ctrl_c_while_measuring_keeps_the_samples_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let samples = folder.path().join("samples.csv");
    let cases = ["--case", "rms_norm/f32/64x1024/normal", "--case", "rms_norm/f32/64x1025/normal"];
    let mut child = start(folder.path(), &[&["run", "--time-limit", "600"][..], &cases].concat());
    wait_for_rows(&mut child, &samples, 3);
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(INTERRUPTED), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout_of(&output).contains("All 2 cases that ran are right"));
    assert_eq!(status(folder.path()), "partial");
    assert!(rows(&samples) >= 3);
    // The case in work was measured in fewer samples than it was given time for; the next one was not begun.
    let summary = fs::read_to_string(folder.path().join("summary.csv")).unwrap();
    assert!(summary.contains("64x1024") && !summary.contains("64x1025"), "{summary}");
    is_drawn(folder.path());
}

#[test]
fn ctrl_c_under_a_time_budget_keeps_the_samples_and_blames_no_budget() {
    let folder = tempfile::tempdir().unwrap();
    let samples = folder.path().join("samples.csv");
    let cases = ["--case", "rms_norm/f32/64x1024/normal", "--case", "rms_norm/f32/64x1025/normal"];
    let budget = ["run", "--time-limit", "600", "--time-budget", "20m"];
    let mut child = start(folder.path(), &[&budget[..], &cases].concat());
    wait_for_rows(&mut child, &samples, 3);
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(INTERRUPTED), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(status(folder.path()), "partial");
    assert!(rows(&samples) >= 3);
    assert_eq!(rows(&folder.path().join("problems.csv")), 0, "a case that Ctrl-C left out was not out of time");
    let record = fs::read_to_string(folder.path().join("run.json")).unwrap();
    let budget = serde_json::from_str::<Value>(&record).unwrap()["time_budget"].clone();
    assert_eq!((&budget["seconds"], &budget["unreached_cases"]), (&Value::from(1200.0), &Value::from(0)));
    is_drawn(folder.path());
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_what_was_done_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let verdicts = folder.path().join("verdicts.csv");
    // The second case takes many seconds, and the first Ctrl-C waits for it.
    let cases = ["--case", "rms_norm/f32/1x8/normal", "--case", "rms_norm/f32/8192x8192/normal"];
    let mut child = start(folder.path(), &[&["verify"][..], &cases].concat());
    wait_for_rows(&mut child, &verdicts, 1);
    signal(&child, libc::SIGINT);
    let mut stderr = child.stderr.take().unwrap();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("Ctrl-C again to stop at once") {
        let mut bytes = [0; 256];
        let count = io::Read::read(&mut stderr, &mut bytes).unwrap();
        assert!(count > 0, "ended after one Ctrl-C: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&bytes[..count]);
    }
    signal(&child, libc::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(INTERRUPTED));
    assert_eq!((status(folder.path()), rows(&verdicts)), ("running".into(), 1), "the case in work was not waited for");
    is_drawn(folder.path());
}

#[test]
fn a_killed_run_keeps_every_row_and_reads_as_partial() {
    for command in ["verify", "run"] {
        let folder = tempfile::tempdir().unwrap();
        let verdicts = folder.path().join("verdicts.csv");
        let mut child = start(folder.path(), &[command, "--suite", "ci"]);
        wait_for_rows(&mut child, &verdicts, 3);
        signal(&child, libc::SIGKILL);
        assert_eq!(child.wait().unwrap().code(), None);
        assert!(rows(&verdicts) >= 3);
        assert_eq!(status(folder.path()), "running");
        is_drawn(folder.path());
    }
}

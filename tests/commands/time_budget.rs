//! `--time-budget` on the emulator: what fits is measured, what does not is listed, and nothing is forgotten.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use hipgauge::report::{RunData, RunStatus};
use hipgauge::verify::Status;

fn hipgauge(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(arguments);
    command
}

fn measured_run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = hipgauge(arguments).args(["--device", "host", "--out"]).arg(folder).output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("no signal"), text(&output.stdout), text(&output.stderr))
}

/// Ids of the cases that `list` shows for the same selection.
fn listed(suite: &str) -> BTreeSet<String> {
    let output =
        hipgauge(&["list", "--suite", suite, "--op", "rms_norm", "--format", "json"]).output().expect("starts");
    let lines = String::from_utf8(output.stdout).expect("JSON");
    let case = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["case"].clone();
    lines.lines().map(|line| case(line).as_str().expect("an id").to_string()).collect()
}

/// Every case that the run says something final about.
fn accounted_for(run: &RunData) -> BTreeSet<String> {
    let measured = run.measurements.iter().map(|measurement| measurement.case.clone());
    // A case without rows passes and is not timed: it has a problem that is not fatal.
    let explained = run.problems.iter().map(|problem| problem.case.clone());
    let not_passed = run.verdicts.iter().filter(|verdict| verdict.status != Status::Passed);
    measured.chain(explained).chain(not_passed.map(|verdict| verdict.case.clone())).collect()
}

#[test]
fn a_budget_with_room_for_everything_measures_everything_and_is_recorded() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let arguments = ["run", "--suite", "quick", "--op", "rms_norm", "--time-budget", "1h"];
    let (code, stdout, stderr) = measured_run(folder.path(), &arguments);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("time budget of 1h 00m: ") && stderr.contains(" of sampling a mode"), "{stderr}");
    assert!(!stdout.contains("not reached"), "{stdout}");
    let run = RunData::load(folder.path()).expect("a run");
    let budget = run.record.time_budget.expect("recorded");
    assert_eq!((budget.seconds, budget.unreached_cases), (3600.0, 0));
    assert!(budget.verifying_seconds > 0.0 && budget.least_measuring_seconds > 0.0, "{budget:?}");
    assert_eq!(run.record.status, RunStatus::Complete);
    assert_eq!(accounted_for(&run), listed("quick"));
}

#[test]
fn no_case_is_dropped_in_silence_when_the_budget_is_too_short() {
    for budget in ["1ms", "700ms"] {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let arguments = ["run", "--suite", "ci", "--op", "rms_norm", "--jobs", "1", "--time-budget", budget];
        let (code, stdout, stderr) = measured_run(folder.path(), &arguments);
        // 4: not even one case was verified.
        assert!(code == 3 || code == 4, "{code} with {budget}: {stderr}");
        assert!(stdout.contains("not reached:") && stdout.contains("problems.csv"), "{stdout}");
        let run = RunData::load(folder.path()).expect("a run");
        assert_eq!(run.record.status, RunStatus::Partial);
        let unreached = run.record.time_budget.expect("recorded").unreached_cases;
        assert!(unreached > 0);
        let reasons = run.problems.iter().filter(|problem| problem.reason.contains("not reached: "));
        assert_eq!(reasons.count(), unreached);
        assert_eq!(accounted_for(&run), listed("ci"), "with {budget}");
    }
}

#[test]
fn a_limited_case_has_its_ten_samples_and_names_the_budget_that_stopped_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let case = "rms_norm/f32/16x1024/normal";
    let arguments = ["sweep", "--case", case, "--time-limit", "600", "--time-budget", "4s"];
    let (code, stdout, stderr) = measured_run(folder.path(), &arguments);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let run = RunData::load(folder.path()).expect("a run");
    assert_eq!(run.measurements.len(), 2);
    for one in &run.measurements {
        assert!(one.n >= 10, "{one:?}");
        let named = one.stop_reason.starts_with("time budget: ") && one.stop_reason.ends_with("wanted 0.25 %");
        assert!(named || one.stop_reason == "converged" || one.n == 10_000, "{}", one.stop_reason);
    }
}

#[test]
fn programs_read_of_every_case_that_was_not_reached_and_no_progress() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let arguments = ["sweep", "--suite", "quick", "--op", "rms_norm", "--format", "json", "--time-budget", "1ms"];
    let (code, stdout, stderr) = measured_run(folder.path(), &arguments);
    assert_eq!(code, 4, "{stderr}");
    let lines: Vec<serde_json::Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    let last = lines.last().expect("a summary");
    assert_eq!((&last["out_of_time"], &last["exit_code"]), (&true.into(), &4.into()), "{last}");
    assert!(!stderr.contains("verifying:") && !stderr.contains("measuring:"), "{stderr}");
    let problems = fs::read_to_string(folder.path().join("problems.csv")).expect("written");
    assert_eq!(problems.matches("not reached").count(), listed("quick").len());
}

#[test]
fn what_is_no_span_of_time_is_bad_input() {
    for span in ["5", "0s", "soon", "-1m"] {
        let refused = hipgauge(&["run", &format!("--time-budget={span}")]).assert().code(64);
        let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(stderr.contains("90s, 5m or 1h30m"), "{stderr}");
    }
}

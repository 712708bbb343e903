//! `verify --out`, `run` and `sweep`: the directories they write, the rows they print, the places they refuse,
//! and kernels that are wrong, endless, or wrong only when they are timed.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

const GOOD: i32 = 0;
const WRONG_RESULT: i32 = 2;
const NOT_REPRODUCIBLE: i32 = 3;
const USAGE: i32 = 64;

const SMALL: &str = "swiglu/f32/2x64/normal";
const RIGHT: &str = "value(get_element(gate, i), get_element(up, i))";
const WRONG: &str = "1.5f * value(get_element(gate, i), get_element(up, i))";
const FILES: [&str; 9] = [
    "run.json",
    "verdicts.csv",
    "samples.csv",
    "summary.csv",
    "problems.csv",
    "junit.xml",
    "report.json",
    "summary.md",
    "index.html",
];

fn ends(arguments: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("hipgauge").expect("cargo builds the program for its tests");
    let assert = command.args(arguments).assert().code(code);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&assert.get_output().stdout), text(&assert.get_output().stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names in UTF-8")
}

fn json_lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn record(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("run.json")).unwrap()).unwrap()
}

/// A copy of the swiglu kernels with one text replaced.
fn mutated_swiglu(folder: &Path, right: &str, wrong: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/mlp/swiglu.hip");
    let kernel = fs::read_to_string(source).unwrap();
    assert!(kernel.contains(right), "swiglu.hip does not contain `{right}`");
    fs::create_dir_all(folder.join("mlp")).unwrap();
    fs::write(folder.join("mlp/swiglu.hip"), kernel.replacen(right, wrong, 1)).unwrap();
}

#[test]
fn verify_writes_a_whole_run_directory() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("new/run");
    let (stdout, _) = ends(&["verify", "--device", "host", "--case", SMALL, "--seed", "7", "--out", text(&run)], GOOD);
    assert!(stdout.contains(&format!("report: {}", run.join("index.html").display())), "{stdout}");
    for name in FILES {
        assert!(fs::metadata(run.join(name)).is_ok_and(|file| file.len() > 10), "{name}");
    }
    let record = record(&run);
    assert_eq!((&record["status"], &record["device"]["id"]), (&Value::from("complete"), &Value::from("host")));
    assert_eq!((&record["selection"]["seed"], &record["selection"]["cases"]), (&Value::from(7), &Value::from(1)));
    assert!(fs::read_to_string(run.join("verdicts.csv")).unwrap().contains("swiglu/f32/2x64/normal"));
    assert!(ends(&["report", text(&run)], GOOD).0.contains("The one case that ran is right"));
}

#[test]
fn a_run_that_gave_up_is_partial() {
    let folder = tempfile::tempdir().unwrap();
    let (kernels, run) = (folder.path().join("kernels"), folder.path().join("run"));
    mutated_swiglu(&kernels, RIGHT, WRONG);
    let cases = ["--case", "swiglu/f32/2x64/normal", "--case", "swiglu/f32/3x64/normal", "--jobs", "1"];
    let arguments = ["verify", "--device", "host", "--fail-fast", "--kernels", text(&kernels), "--out", text(&run)];
    ends(&[&arguments[..], &cases].concat(), WRONG_RESULT);
    assert_eq!(record(&run)["status"], "partial");
    assert_eq!(fs::read_to_string(run.join("verdicts.csv")).unwrap().matches(",failed,").count(), 1);
}

#[test]
fn a_place_that_cannot_take_a_run_is_said_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("notes.txt"), "mine").unwrap();
    let under_a_file = taken.join("notes.txt/run");
    for command in ["verify", "run", "sweep"] {
        for (out, message) in [(&taken, "exists and is not empty"), (&under_a_file, "cannot make the run directory")] {
            let (stdout, stderr) = ends(&[command, "--device", "host", "--case", SMALL, "--out", text(out)], USAGE);
            assert_eq!(stdout, "", "{command}");
            assert!(stderr.starts_with("error: ") && stderr.contains(message), "{command}: {stderr}");
            assert!(stderr.contains("--out") && stderr.lines().count() == 1, "{command}: {stderr}");
        }
    }
    assert_eq!(fs::read_dir(&taken).unwrap().count(), 1);
}

#[test]
fn run_and_sweep_print_one_json_object_a_line() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["run", "sweep"] {
        let run = folder.path().join(command);
        let arguments = [command, "--device", "host", "--case", SMALL, "--format", "json", "--out", text(&run)];
        let (stdout, _) = ends(&arguments, GOOD);
        let lines = json_lines(&stdout);
        let modes: Vec<_> = lines.iter().filter_map(|line| line["measurement"]["mode"].as_str()).collect();
        assert_eq!(modes, ["cold", "hot"], "{stdout}");
        assert!(lines.iter().any(|line| line["case"] == SMALL && line["status"] == "passed"), "{stdout}");
        assert!(lines.iter().any(|line| line["report"] == text(&run.join("index.html"))), "{stdout}");
        let summary = lines.last().unwrap();
        assert_eq!((&summary["passed"], &summary["exit_code"]), (&Value::from(1), &Value::from(GOOD)));
        for name in FILES {
            assert!(run.join(name).exists(), "{name}");
        }
    }
}

#[test]
fn a_device_that_is_not_there_leaves_no_directory() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    for command in ["verify", "run", "sweep"] {
        let (stdout, stderr) = ends(&[command, "--device", "hip:7", "--out", text(&run)], NOT_REPRODUCIBLE);
        assert!(stdout.is_empty() && stderr.contains("device `hip:7` is not available"), "{stderr}");
        assert!(!run.exists());
    }
}

#[test]
fn an_endless_kernel_is_given_up_and_the_other_cases_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (kernels, run) = (folder.path().join("kernels"), folder.path().join("run"));
    let start = "    const uint32_t rows_per_block = blockDim.x / group";
    mutated_swiglu(&kernels, start, &format!("    while (rows == 3) __syncthreads();\n{start}"));
    let arguments = ["verify", "--device", "host", "--timeout", "0.3", "--jobs", "1", "--kernels", text(&kernels)];
    let cases = ["--case", "swiglu/f32/3x64/normal", "--case", SMALL, "--out", text(&run)];
    let (stdout, _) = ends(&[&arguments[..], &cases].concat(), NOT_REPRODUCIBLE);
    assert!(stdout.contains("ERRORED  swiglu/f32/3x64/normal") && stdout.contains("0.3 s"), "{stdout}");
    assert!(stdout.contains("1 passed, 0 failed, 1 errored"), "{stdout}");
    assert_eq!(record(&run)["status"], "complete");
}

/// What `sweep` says and keeps of a wrong kernel: no time.
fn swept_without_a_time(kernels: &Path, run: &Path) -> String {
    // The mutated kernel counts its launches in memory that is not the emulator's.
    let arguments = ["sweep", "--device", "host", "--memory-check", "off", "--kernels", text(kernels)];
    let (stdout, _) = ends(&[&arguments[..], &["--case", SMALL, "--out", text(run)]].concat(), WRONG_RESULT);
    assert_eq!(fs::read_to_string(run.join("summary.csv")).unwrap().lines().count(), 1, "a time of a wrong kernel");
    stdout
}

#[test]
fn a_kernel_that_fails_verification_gets_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let (kernels, run) = (folder.path().join("kernels"), folder.path().join("run"));
    mutated_swiglu(&kernels, RIGHT, WRONG);
    let stdout = swept_without_a_time(&kernels, &run);
    assert!(stdout.contains("FAILED  swiglu/f32/2x64/normal"), "{stdout}");
    assert_eq!(fs::read_to_string(run.join("samples.csv")).unwrap().lines().count(), 1);
}

#[test]
fn a_kernel_that_is_wrong_only_after_verification_gets_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let (kernels, run) = (folder.path().join("kernels"), folder.path().join("run"));
    // Right in the two launches of verification, and from then on it writes nothing.
    let write = "    for (uint64_t row = first; row < rows; row += step)";
    let wrong = "        static unsigned launches = 0;\n        if (blockIdx.x == 0 && threadIdx.x == 0) launches++;\n        \
                 if (launches > 2) return;\n";
    mutated_swiglu(&kernels, write, &format!("{wrong}{write}"));
    let stdout = swept_without_a_time(&kernels, &run);
    assert!(stdout.contains("not measured: swiglu/f32/2x64/normal: a launch before timing"), "{stdout}");
    assert!(stdout.contains("1 could not be measured"), "{stdout}");
    assert!(fs::read_to_string(run.join("verdicts.csv")).unwrap().contains(",passed,"));
}

//! The command line as a user meets it: every mistake gets one clear message and the documented exit code.

use assert_cmd::Command;

const GOOD: i32 = 0;
const NOT_REPRODUCIBLE: i32 = 3;
const NOTHING_RAN: i32 = 4;
const USAGE: i32 = 64;

fn hipgauge(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("hipgauge").expect("cargo builds the program for its tests");
    command.args(arguments);
    command
}

/// What a command that ends well prints.
fn stdout(arguments: &[&str]) -> String {
    let assert = hipgauge(arguments).assert().code(GOOD);
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

/// Asserts the exit code and that stderr, in one `error:` line, says `message`.
fn refuses(arguments: &[&str], code: i32, message: &str) {
    let assert = hipgauge(arguments).assert().code(code);
    let stderr = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(stderr.starts_with("error: "), "{arguments:?}: {stderr}");
    assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    assert!(!stderr.contains("panicked") && !stderr.contains('\u{1b}'), "{arguments:?}: {stderr}");
}

#[test]
fn every_help_has_examples_and_the_first_has_the_exit_codes() {
    for command in ["verify", "list", "exec", "devices"] {
        let help = stdout(&[command, "--help"]);
        assert!(help.contains("Examples:\n  hipgauge "), "{help}");
    }
    let text = stdout(&["--help"]);
    let codes = text.split_once("Exit codes:\n").expect("a table of exit codes").1;
    let listed: Vec<i32> = codes.lines().map_while(|line| line.split_whitespace().next()?.parse().ok()).collect();
    assert_eq!(listed, [0, 1, 2, 3, 4, 64, 125, 128, 130]);
}

#[test]
fn misused_arguments_are_usage_errors() {
    for (arguments, message) in [
        (vec!["verify", "--wave", "16"], "32, 64"),
        (vec!["verify", "--dtype", "f8"], "bf16"),
        (vec!["verify", "--timeout", "0"], "positive number of seconds"),
        (vec!["verify", "--timeout", "inf"], "positive number of seconds"),
        (vec!["verify", "--jobs", "0"], "--jobs"),
        (vec!["verify", "--format", "xml"], "human, json"),
        (vec!["verfy"], "verify"),
        (vec!["exec"], "OPERATION"),
        (vec!["verify", "--device", "gpu"], "use auto, host, hip:N or cuda:N"),
        (vec!["verify", "--schedule", "shuffled"], "random:SEED"),
        (vec!["verify", "--op", "rmsnorm"], "did you mean `rms_norm`?"),
        (vec!["verify", "--suite", "quikc"], "did you mean `quick`?"),
        (vec!["verify", "--suite", "/no/such.toml"], "cannot read suite /no/such.toml"),
        (vec!["verify", "--filter", "rms_norm/[", "--suite", "quick"], "is not a glob"),
        (vec!["verify", "--case", "rms_norm/bf16/4x4"], "is not a case id"),
        (vec!["verify", "--case", "rms_norm/bf16/4x4/norml"], "did you mean `normal`?"),
        (vec!["verify", "--kernels", "/no/such"], "/no/such"),
    ] {
        refuses(&arguments, USAGE, message);
    }
}

#[test]
fn parameters_out_of_range_are_refused_in_a_case_id() {
    for (id, message) in [
        ("top_k/f32/2x8/k=0/normal", "k = 0 is out of range"),
        ("top_k/f32/2x8/k=9/normal", "k = 9 is out of"),
        ("top_k/f32/2x8/k=-1/normal", "k = -1 is out of range"),
        ("top_k_sampling/f32/2x8/k=-1/normal", "k = -1 is out of range"),
        ("top_p_sampling/f32/2x8/p=1.5/normal", "p = 1.5 is out of range"),
        ("top_p_sampling/f32/2x8/p=-0.1/normal", "p = -0.1 is out of range"),
        ("top_p_sampling/f32/2x8/p=nan/normal", "p = NaN is out of range"),
    ] {
        for command in ["verify", "list"] {
            refuses(&[command, "--case", id], USAGE, message);
        }
    }
}

#[test]
fn parameters_out_of_range_are_refused_by_exec() {
    use safetensors::{Dtype, tensor::TensorView};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logits.safetensors");
    let bytes = [0u8; 4 * 2 * 8];
    let logits = TensorView::new(Dtype::F32, vec![2, 8], &bytes).unwrap();
    safetensors::serialize_to_file([("logits", logits)], None, &path).unwrap();
    let file = path.to_str().unwrap();
    for (operation, parameter, message) in [
        ("top_k", "k=0", "k = 0 is out of range"),
        ("top_k", "k=9", "k = 9 is out of"),
        ("top_p_sampling", "p=1.5", "p = 1.5 is out of range"),
        ("top_p_sampling", "p=-0.1", "p = -0.1 is out of range"),
    ] {
        let arguments = ["exec", operation, "--device", "host", "--check", "--in", file, "--param", parameter];
        refuses(&arguments, USAGE, message);
    }
}

#[test]
fn a_filter_that_matches_nothing_is_not_success() {
    refuses(&["verify", "--device", "host", "--filter", "no/such/*"], NOTHING_RAN, "no case of suite quick matches");
    refuses(&["list", "--filter", "no/such/*"], NOTHING_RAN, "no case of suite quick matches");
}

#[test]
fn a_device_that_is_not_there_is_said_in_one_line() {
    for device in ["hip:7", "cuda:7"] {
        refuses(&["verify", "--device", device], NOT_REPRODUCIBLE, &format!("device `{device}` is not available"));
    }
    let output = stdout(&["devices"]);
    for backend in ["hip", "cuda", "host"] {
        assert!(output.lines().any(|line| line.starts_with(backend)), "{output}");
    }
    let lines = stdout(&["devices", "--format", "json"]);
    let backends: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(backends.len(), 3);
}

#[test]
fn a_malformed_suite_names_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let name = path.to_str().unwrap();
    for (body, message) in [
        ("[[group]]\noperation = 'rmsnorm'\n", ":3:13: unknown operation `rmsnorm`; did you mean `rms_norm`?"),
        ("[[group]]\noperation = 'rms_norm'\nshapes = '1x8'\nclass = 'normal'\n", ":5:1: unknown key `class`"),
        ("[[group]]\noperation = 'rms_norm'\nshapes = ['1x8', '1x0']\n", ":4:18: rms_norm: impossible shape 1x0"),
        (
            "[[group]]\noperation = 'top_k'\nshapes = '1x8'\nparameters = { k = [1, 0] }\n",
            ":5:24: top_k: k = 0 is out of",
        ),
        ("[[group]]\noperation = 'top_k'\nshapes = '1x8'\nparameters = { k = 9 }\n", ":5:20: top_k: k = 9 is out of"),
        (
            "[[group]]\noperation = 'top_p_sampling'\nshapes = '1x8'\nparameters = { p = [0.5, -0.1] }\n",
            ":5:26: top_p_sampling: p = -0.1 is out of range",
        ),
        ("[[group]\n", ":2:"),
    ] {
        std::fs::write(&path, format!("description = 'mine'\n{body}")).unwrap();
        refuses(&["list", "--suite", name], USAGE, &format!("{name}{message}"));
    }
}

#[test]
fn listed_ids_are_accepted_as_cases() {
    let output = stdout(&["list", "--suite", "quick"]);
    let ids: Vec<&str> = output.lines().map(|line| line.split("  ").next().unwrap()).collect();
    let cases: Vec<&str> = ids.iter().flat_map(|id| ["--case", id]).collect();
    let again = stdout(&[vec!["list"], cases].concat());
    assert_eq!(again.lines().collect::<Vec<_>>(), ids);
}

#[test]
fn every_built_in_suite_expands() {
    for (suite, least) in [("quick", 30), ("ci", 1000), ("full", 300)] {
        let count = stdout(&["list", "--suite", suite]).lines().count();
        assert!(count >= least, "{suite} has {count} cases");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::{Command, Stdio};
    let program = assert_cmd::cargo::cargo_bin!("hipgauge");
    let mut child = Command::new(program)
        .args(["list", "--suite", "ci"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(GOOD));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

//! `verify` and `exec` on the host emulator, from the command line to files and exit codes.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use hipgauge::tensor::{DType, HostTensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

const GOOD: i32 = 0;
const WRONG_RESULT: i32 = 2;
const NOTHING_RAN: i32 = 4;
const USAGE: i32 = 64;
const UNDECIDED: i32 = 125;

fn hipgauge(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("hipgauge").expect("cargo builds the program for its tests");
    command.args(arguments);
    command
}

fn ends(arguments: &[&str], code: i32) -> (String, String) {
    let assert = hipgauge(arguments).assert().code(code);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&assert.get_output().stdout), text(&assert.get_output().stderr))
}

const CASES: [&str; 6] =
    ["verify", "--device", "host", "--case", "rms_norm/f32/3x65/normal", "--case=rms_norm/bf16/2x64/eps=1e-5/uniform"];

#[test]
fn right_kernels_pass_and_every_row_names_the_device() {
    let (stdout, stderr) = ends(&[&CASES[..], &["--format", "json", "--wave", "64"]].concat(), GOOD);
    assert_eq!(stderr, "");
    let rows: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let (summary, verdicts) = rows.split_last().unwrap();
    assert_eq!(verdicts.len(), 2);
    for verdict in verdicts {
        assert_eq!((&verdict["device"], &verdict["wave_size"]), (&Value::from("host"), &Value::from(64)));
        assert_eq!(verdict["status"], "passed");
    }
    for (key, value) in [("cases", 2), ("passed", 2), ("failed", 0), ("skipped", 0), ("errored", 0), ("exit_code", 0)] {
        assert_eq!(summary[key], value, "{key}");
    }
}

#[test]
fn people_get_a_table_and_no_colours_in_a_pipe() {
    let (stdout, _) = ends(&CASES, GOOD);
    assert!(
        stdout.contains("rms_norm") && stdout.contains("2 passed, 0 failed, 0 errored, 0 skipped of 2 cases"),
        "{stdout}"
    );
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
    let forced = hipgauge(&CASES).env("CLICOLOR_FORCE", "1").assert().code(GOOD);
    assert!(forced.get_output().stdout.contains(&0x1b));
    let refused = hipgauge(&CASES).env("NO_COLOR", "1").assert().code(GOOD);
    assert!(!refused.get_output().stdout.contains(&0x1b));
}

/// A copy of the kernels with one text replaced in one file.
fn broken_kernels(folder: &Path, file: &str, right: &str, wrong: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels").join(file);
    let text = fs::read_to_string(&source).unwrap();
    assert!(text.contains(right), "{file} does not contain `{right}`");
    fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
    fs::write(folder.join(file), text.replacen(right, wrong, 1)).unwrap();
}

#[test]
fn a_wrong_kernel_fails_with_the_worst_element_and_the_line_that_reproduces_it() {
    let folder = tempfile::tempdir().unwrap();
    let kernels = folder.path().join("kernels");
    let (right, wrong) = ("reciprocal_root(sum, columns,", "reciprocal_root(sum, columns + 1,");
    broken_kernels(&kernels, "mlp/rms_norm.hip", right, wrong);
    let kernels = kernels.to_str().unwrap();
    let junit = folder.path().join("verdicts.xml");
    let arguments = ["--kernels", kernels, "--minimise", "--jobs", "1", "--junit", junit.to_str().unwrap()];
    let (stdout, _) = ends(&[&CASES[..], &arguments].concat(), WRONG_RESULT);
    assert!(stdout.contains("FAILED  rms_norm/f32/3x65/normal"), "{stdout}");
    assert!(stdout.contains("worst: ") && stdout.contains(" ULP)"), "{stdout}");
    let again = format!(
        "again: hipgauge verify --device host --wave 32 --kernels '{kernels}' --case 'rms_norm/f32/3x65/normal'"
    );
    assert!(stdout.contains(&again), "{stdout}");
    assert!(stdout.contains("smallest case that still fails, from rms_norm/"), "{stdout}");
    assert!(stdout.contains("FAILED  rms_norm/f32/1x"), "{stdout}");

    let report = quick_junit::Report::deserialize_from_str(&fs::read_to_string(&junit).unwrap()).unwrap();
    assert_eq!((report.test_suites[0].tests, report.test_suites[0].failures), (2, 2));
}

#[test]
fn a_kernel_that_does_not_compile_is_undecided() {
    let folder = tempfile::tempdir().unwrap();
    broken_kernels(folder.path(), "mlp/rms_norm.hip", "HG_KERNEL(", "this is not C++; HG_KERNEL(");
    let (stdout, _) = ends(&[&CASES[..], &["--kernels", folder.path().to_str().unwrap()]].concat(), UNDECIDED);
    assert!(stdout.contains("ERRORED") && stdout.contains("did not compile"), "{stdout}");
}

#[test]
fn cases_over_the_budget_are_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let suite = folder.path().join("mine.toml");
    fs::write(&suite, "description = 'mine'\n[[group]]\noperation = 'rms_norm'\nshapes = ['2x64']\n").unwrap();
    let arguments = ["verify", "--device", "host", "--host-budget", "1", "--suite", suite.to_str().unwrap()];
    let (stdout, _) = ends(&arguments, NOTHING_RAN);
    assert!(
        stdout.contains("3 skipped: costs the emulator more than 1 element visits; raise --host-budget"),
        "{stdout}"
    );
}

#[test]
fn a_junit_file_that_cannot_be_written_is_said_before_the_work() {
    let (stdout, stderr) = ends(&[&CASES[..], &["--junit", "/no/such/folder/x.xml"]].concat(), USAGE);
    assert!(stdout.is_empty() && stderr.contains("cannot write --junit /no/such/folder/x.xml"), "{stderr}");
}

fn save(path: &Path, tensors: &[(&str, &[usize], &HostTensor)]) {
    let views = tensors
        .iter()
        .map(|(name, shape, tensor)| (*name, TensorView::new(Dtype::F32, shape.to_vec(), tensor.bytes()).unwrap()));
    safetensors::serialize_to_file(views, None, path).unwrap();
}

#[test]
fn exec_computes_on_a_users_tensors_and_explains_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.safetensors"), folder.path().join("out.safetensors"));
    let [input_name, output_name] = [&input, &output].map(|path| path.to_str().unwrap().to_string());
    let exec = |extra: &[&str], code| {
        let arguments = ["exec", "rms_norm", "--device", "host", "--in", &input_name, "--out", &output_name];
        ends(&[&arguments[..], extra].concat(), code)
    };
    let x = HostTensor::from_f64(DType::F32, 6, 2, &[3.0, 4.0].repeat(6));
    let weight = HostTensor::from_f64(DType::F32, 1, 2, &[1.0, 10.0]);

    save(&input, &[("x", &[2, 3, 2], &x), ("weight", &[2], &weight)]);
    let (stdout, _) = exec(&["--param", "eps=0", "--check"], GOOD);
    assert!(stdout.contains("passed  y: largest error "), "{stdout}");
    let bytes = fs::read(&output).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let y = tensors.tensor("y").unwrap();
    assert_eq!(y.shape(), [2, 3, 2]);
    let first = f32::from_le_bytes(y.data()[..4].try_into().unwrap());
    assert!((f64::from(first) - 3.0 / 12.5f64.sqrt()).abs() < 1e-6, "{first}");

    assert!(exec(&["--param", "esp=0"], USAGE).1.contains("no parameter `esp`"));
    assert!(exec(&["--param", "eps=-1"], USAGE).1.contains("eps = -1 is out of range"));
    assert!(exec(&["--param", "eps"], USAGE).1.contains("write NAME=VALUE"));
    save(&input, &[("x", &[2, 3, 2], &x), ("w", &[2], &weight)]);
    assert!(exec(&[], USAGE).1.contains("has no tensor `weight`; it holds w f32 [2], x f32 [2, 3, 2]"));
    save(&input, &[("x", &[2, 3, 2], &x), ("weight", &[1, 1, 2], &weight), ("y", &[2], &weight)]);
    exec(&[], GOOD);
    save(&input, &[("x", &[3, 4], &x), ("weight", &[2], &weight)]);
    assert!(exec(&[], USAGE).1.contains("`weight` is f32 [2], but these tensors and parameters need f32 [1, 4]"));
    fs::write(&input, b"not tensors").unwrap();
    assert!(exec(&[], USAGE).1.contains("is not a whole safetensors file"));
    fs::remove_file(&input).unwrap();
    assert!(exec(&[], USAGE).1.contains("cannot read --in"));
}

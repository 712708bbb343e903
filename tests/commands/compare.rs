//! `compare`: real runs of the host emulator against runs of mutated kernels, in every form and with every exit code.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

const GOOD: i32 = 0;
const SLOWER: i32 = 1;
const WRONG_RESULT: i32 = 2;
const NOTHING_RAN: i32 = 4;
const USAGE: i32 = 64;
const UNDECIDED: i32 = 125;

const CASE: &str = "swiglu/f32/2x64/normal";
const OTHER: &str = "swiglu/f32/3x64/normal";
const LAST: &str = "value(get_element(gate, i), get_element(up, i))";

fn hipgauge(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("hipgauge").expect("cargo builds it").args(arguments).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names in UTF-8")
}

/// A whole run of `cases` with the kernels of `kernels`.
fn run(folder: &Path, name: &str, kernels: &Path, cases: &[&str], code: i32) -> String {
    let out = folder.join(name);
    let mut arguments =
        vec!["run", "--device", "host", "--mode", "hot", "--kernels", text(kernels), "--out", text(&out)];
    cases.iter().for_each(|case| arguments.extend(["--case", case]));
    let (ended, stdout, stderr) = hipgauge(&arguments);
    assert_eq!(ended, code, "{stdout}{stderr}");
    text(&out).to_string()
}

/// A copy of the swiglu kernels with one text replaced.
fn swiglu(folder: &Path, name: &str, right: &str, other: &str) -> std::path::PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/mlp/swiglu.hip");
    let kernel = fs::read_to_string(source).unwrap();
    assert!(kernel.contains(right), "swiglu.hip does not contain `{right}`");
    let kernels = folder.join(name);
    fs::create_dir_all(kernels.join("mlp")).unwrap();
    fs::write(kernels.join("mlp/swiglu.hip"), kernel.replacen(right, other, 1)).unwrap();
    kernels
}

#[test]
fn runs_of_the_emulator_are_compared_by_code_steps_and_results() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let original = swiglu(path, "original", LAST, LAST);
    let commented = swiglu(path, "commented", LAST, &format!("/* as before */ {LAST}"));
    // The same value, by way of a loop whose turns cost steps.
    let slow =
        format!("[&] {{ float sum = 0.0f; for (volatile int n = 0; n < 8; n = n + 1) sum = {LAST}; return sum; }}()");
    let slow = swiglu(path, "slow", LAST, &slow);
    let wrong = swiglu(path, "wrong", LAST, &format!("1.5f * {LAST}"));

    let base = run(path, "base", &original, &[CASE, OTHER], GOOD);
    let same = run(path, "same", &commented, &[CASE, OTHER], GOOD);
    let slower = run(path, "slower", &slow, &[CASE], GOOD);
    let broken = run(path, "broken", &wrong, &[CASE], WRONG_RESULT);
    let elsewhere = run(path, "elsewhere", &original, &["swiglu/f32/5x64/normal"], GOOD);

    // A comment changes no code: the same by construction, in every form.
    let (code, stdout, _) = hipgauge(&["compare", &base, &same, "--strict"]);
    assert_eq!(code, GOOD, "{stdout}");
    assert!(stdout.ends_with("2 same\n"), "{stdout}");
    let (code, stdout, _) = hipgauge(&["compare", &base, &same, "--all"]);
    assert!(code == GOOD && stdout.contains("identical-code") && stdout.contains(OTHER), "{stdout}");

    // More steps: slower, exactly.
    let (code, stdout, _) = hipgauge(&["compare", &base, &slower]);
    assert_eq!(code, SLOWER, "{stdout}");
    assert!(stdout.contains("SLOWER") && stdout.contains("exact-counts") && stdout.contains("steps"), "{stdout}");
    assert!(stdout.contains("1 measured only in the base") && stdout.ends_with("1 slower\n"), "{stdout}");
    let (code, stdout, _) = hipgauge(&["compare", &slower, &base]);
    assert!(code == GOOD && stdout.ends_with("1 faster\n"), "{stdout}");
    let out = path.join("written");
    let (code, stdout, _) = hipgauge(&["compare", &base, &slower, "--format", "json", "--out", text(&out)]);
    assert_eq!(code, SLOWER);
    let document: Value = serde_json::from_str(&stdout).expect("one object");
    assert_eq!((&document["conclusion"], &document["counts"]["SLOWER"]), (&"slower".into(), &1.into()));
    let shift = document["cases"][0]["decision"]["shift"].as_f64().expect("a number");
    let steps = |side: &str| document["cases"][0][side]["median"].as_f64().expect("steps");
    assert!((shift - (steps("candidate") / steps("base") - 1.0)).abs() < 1e-12 && shift > 0.1, "{shift}");
    for name in ["comparison.csv", "comparison.json", "comparison.md", "comparison.html"] {
        assert!(fs::read_to_string(out.join(name)).unwrap().contains(CASE), "{name}");
    }
    let (code, stdout, _) = hipgauge(&["compare", &base, &slower, "--format", "csv"]);
    assert!(code == SLOWER && stdout.lines().count() == 2 && stdout.contains(",SLOWER,"), "{stdout}");
    let (_, stdout, _) = hipgauge(&["compare", &base, &slower, "--format", "markdown"]);
    assert!(stdout.starts_with("## hipgauge: 1 slower"), "{stdout}");
    // What matters can be set; half of the steps is less than that.
    let (code, stdout, _) = hipgauge(&["compare", &slower, &base, "--least-effect", "99%"]);
    assert!(code == GOOD && stdout.ends_with("1 same\n"), "{stdout}");

    // A wrong result that was right.
    let (code, stdout, _) = hipgauge(&["compare", &base, &broken]);
    assert_eq!(code, WRONG_RESULT, "{stdout}");
    assert!(stdout.contains("wrong now") && stdout.contains("again: hipgauge verify"), "{stdout}");
    assert_eq!(hipgauge(&["compare", &broken, &broken]).0, GOOD, "wrong in both is nothing new");

    // Nothing in common, nothing over 10 µs that counts, nothing that is a run.
    assert_eq!(hipgauge(&["compare", &base, &elsewhere]).0, NOTHING_RAN);
    let (code, stdout, _) = hipgauge(&["compare", &base, &same, "--agreement"]);
    assert!(code == NOTHING_RAN && stdout.contains("no case over 10 µs"), "{stdout}");
    let (code, _, stderr) = hipgauge(&["compare", &base, text(path)]);
    assert!(code == USAGE && stderr.contains("is not a run directory"), "{stderr}");
    let (code, _, stderr) = hipgauge(&["compare", &base, &same, "--noise", "150%"]);
    assert!(code == USAGE && stderr.contains("such as 1%"), "{stderr}");
}

#[test]
fn other_conditions_are_refused_with_their_names_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let original = swiglu(folder.path(), "original", LAST, LAST);
    let base = run(folder.path(), "base", &original, &[CASE], GOOD);
    let other = run(folder.path(), "other", &original, &[CASE], GOOD);
    let file = Path::new(&other).join("run.json");
    let mut record: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    record["conditions"]["comparability"]["host_processor"] = "another".into();
    record["conditions"]["comparability"]["driver"] = "1.2.3".into();
    fs::write(&file, record.to_string()).unwrap();
    let (code, _, stderr) = hipgauge(&["compare", &base, &other]);
    assert_eq!(code, USAGE);
    for word in ["host_processor: ", "against `another`", "driver: ", "--force"] {
        assert!(stderr.contains(word), "{word}: {stderr}");
    }
    let (code, stdout, _) = hipgauge(&["compare", &base, &other, "--force", "--all"]);
    assert!(code == GOOD && stdout.contains("forced: host_processor") && stdout.contains("forced  "), "{stdout}");
    let (_, stdout, _) = hipgauge(&["compare", &base, &other, "--force", "--format", "csv"]);
    assert!(stdout.contains("driver host_processor"), "{stdout}");
}

#[test]
fn emulated_times_without_steps_are_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let original = swiglu(folder.path(), "original", LAST, LAST);
    let base = run(folder.path(), "base", &original, &[CASE], GOOD);
    let other = run(folder.path(), "other", &original, &[CASE], GOOD);
    // As a program from before steps and identities were kept would have written it.
    let file = Path::new(&other).join("summary.csv");
    let mut reader = csv::Reader::from_path(&file).unwrap();
    let header = reader.headers().unwrap().clone();
    let kept: Vec<usize> = (0..header.len()).filter(|at| !["code_identity", "steps"].contains(&&header[*at])).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(kept.iter().map(|at| &header[*at])).unwrap();
    for row in reader.records().map(Result::unwrap) {
        writer.write_record(kept.iter().map(|at| row[*at].to_string())).unwrap();
    }
    fs::write(&file, writer.into_inner().unwrap()).unwrap();
    let (code, stdout, _) = hipgauge(&["compare", &base, &other]);
    assert!(code == GOOD && stdout.contains("emulated-time") && stdout.ends_with("1 underpowered\n"), "{stdout}");
    assert_eq!(hipgauge(&["compare", &base, &other, "--strict"]).0, UNDECIDED);
}

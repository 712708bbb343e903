//! `gate`: real runs of the host emulator with mutated kernels, through every exit code, and under `git bisect run`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use assert_cmd::Command;
use serde_json::Value;

const GOOD: i32 = 0;
const SLOWER: i32 = 1;
const WRONG_RESULT: i32 = 2;
const NOTHING_RAN: i32 = 4;
const USAGE: i32 = 64;
const UNDECIDED: i32 = 125;

const CASE: &str = "swiglu/f32/2x64/normal";
const LAST: &str = "value(get_element(gate, i), get_element(up, i))";

fn hipgauge(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("hipgauge").expect("cargo builds it").args(arguments).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names in UTF-8")
}

fn slow() -> String {
    format!("[&] {{ float sum = 0.0f; for (volatile int n = 0; n < 8; n = n + 1) sum = {LAST}; return sum; }}()")
}

/// Writes a copy of the swiglu kernels with the last expression replaced.
fn write_swiglu(kernels: &Path, last: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/mlp/swiglu.hip");
    let kernel = fs::read_to_string(source).unwrap();
    assert!(kernel.contains(LAST), "swiglu.hip does not contain `{LAST}`");
    fs::create_dir_all(kernels.join("mlp")).unwrap();
    fs::write(kernels.join("mlp/swiglu.hip"), kernel.replacen(LAST, last, 1)).unwrap();
}

struct Place {
    folder: tempfile::TempDir,
    count: std::cell::Cell<usize>,
}

impl Place {
    /// With a baseline of one case.
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), count: std::cell::Cell::new(0) };
        write_swiglu(&place.path("original"), LAST);
        let (kernels, base) = (place.path("original"), place.path("base"));
        let arguments = ["run", "--device", "host", "--mode", "hot", "--case", CASE];
        let (code, stdout, stderr) =
            hipgauge(&[&arguments[..], &["--kernels", text(&kernels), "--out", text(&base)]].concat());
        assert_eq!(code, GOOD, "{stdout}{stderr}");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the gate into a new folder; gives that, too.
    fn gate(&self, kernels: &Path, more: &[&str]) -> (i32, String, String, PathBuf) {
        self.count.set(self.count.get() + 1);
        let (base, out) = (self.path("base"), self.path(&format!("gate{}", self.count.get())));
        let arguments = ["gate", "--device", "host", "--mode", "hot", "--baseline", text(&base), "--out", text(&out)];
        let (code, stdout, stderr) = hipgauge(&[&arguments[..], &["--kernels", text(kernels)], more].concat());
        (code, stdout, stderr, out)
    }
}

#[test]
fn slower_kernels_fail_unless_they_are_allowed() {
    let place = Place::new();
    write_swiglu(&place.path("slow"), &slow());
    let (code, stdout, _, out) = place.gate(&place.path("original"), &["--strict"]);
    assert_eq!(code, GOOD, "{stdout}");
    assert!(stdout.ends_with("gate passed: 1 same\n"), "{stdout}");
    assert!(out.join("comparison.html").exists() && out.join("run.json").exists());

    let (junit, summary) = (place.path("gate.xml"), place.path("summary.md"));
    let files = ["--junit", text(&junit), "--markdown", text(&summary)];
    let (code, stdout, _, _) = place.gate(&place.path("slow"), &files);
    assert_eq!(code, SLOWER, "{stdout}");
    assert!(stdout.ends_with("gate not passed: 1 slower\n"), "{stdout}");
    let xml = fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("<failure message=\"SLOWER +") && xml.contains(&format!("{CASE} hot")), "{xml}");
    assert!(fs::read_to_string(&summary).unwrap().starts_with("# hipgauge gate failed: slower\n"));

    let allow = ["--allow", "swiglu/*=more exact until 2999-12-31", "--markdown", text(&summary)];
    let (code, stdout, _, _) = place.gate(&place.path("slow"), &allow);
    assert!(code == GOOD && stdout.contains("allowed: swiglu/f32/2x64/normal hot, until 2999-12-31"), "{stdout}");
    assert_eq!(fs::read_to_string(&summary).unwrap().matches("# hipgauge gate ").count(), 2, "summaries are appended");

    let file = place.path("allow.toml");
    fs::write(&file, "[[allow]]\ncase = 'top_k/*'\nreason = 'ties'\nuntil = 2999-12-31\n").unwrap();
    let (code, stdout, _, _) = place.gate(&place.path("slow"), &["--allow-file", text(&file), "--format", "json"]);
    assert_eq!(code, SLOWER);
    let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).expect("an object");
    assert_eq!((&last["gate"]["exit_code"], &last["gate"]["conclusion"]), (&1.into(), &"slower".into()));
    assert!(last["gate"]["warnings"][0].as_str().unwrap().contains("`top_k/*`"), "{}", last["gate"]["warnings"]);

    let (code, _, stderr, out) = place.gate(&place.path("slow"), &["--allow", "swiglu/*=old until 2020-01-31"]);
    assert!(code == USAGE && stderr.contains("`swiglu/*` (old)") && stderr.contains("2020-01-31"), "{stderr}");
    assert!(!out.exists(), "that is said before anything is measured");
}

#[test]
fn wrong_unbuildable_and_absent_kernels_have_codes_of_their_own() {
    let place = Place::new();
    write_swiglu(&place.path("wrong"), &format!("1.5f * {LAST}"));
    write_swiglu(&place.path("broken"), "this does not compile");
    let junit = place.path("gate.xml");
    let allow = ["--allow", "*=any until 2999-12-31", "--junit", text(&junit)];
    let (code, stdout, _, _) = place.gate(&place.path("wrong"), &allow);
    assert_eq!(code, WRONG_RESULT, "an allowance covers no wrong result: {stdout}");
    assert!(stdout.contains("wrong now") && stdout.contains("gate not passed: 1 wrong now"), "{stdout}");
    assert!(fs::read_to_string(&junit).unwrap().contains("<failure message=\"wrong now\""));
    assert_eq!(place.gate(&place.path("broken"), &[]).0, UNDECIDED);
    // Another case than the baseline's: there is nothing to hold it against.
    let (code, stdout, _, _) = place.gate(&place.path("original"), &["--case", "swiglu/f32/5x64/normal"]);
    assert_eq!(code, NOTHING_RAN, "{stdout}");
    let (code, _, stderr) = hipgauge(&["gate", "--baseline", text(&place.path("none")), "--device", "host"]);
    assert!(code == USAGE && stderr.contains("is not a run directory"), "{stderr}");
}

#[test]
fn git_bisect_run_finds_the_commit_that_made_a_kernel_slower() {
    let place = Place::new();
    let repository = place.path("repository");
    fs::create_dir_all(&repository).unwrap();
    let git = |arguments: &[&str]| {
        let output = Process::new("git")
            .current_dir(&repository)
            .args(["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .output()
            .expect("git starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    git(&["init", "-q"]);
    let mut commits = Vec::new();
    for number in 0..8 {
        // The third commit does not compile; from the sixth on the kernel is slow.
        let last = match number {
            2 => "this does not compile".to_string(),
            5.. => format!("/* {number} */ {}", slow()),
            _ => format!("/* {number} */ {LAST}"),
        };
        write_swiglu(&repository.join("kernels"), &last);
        git(&["add", "."]);
        git(&["commit", "-q", "-m", &format!("number {number}")]);
        commits.push(git(&["rev-parse", "HEAD"]).trim().to_string());
    }
    git(&["bisect", "start", &commits[7], &commits[0]]);
    let program = assert_cmd::cargo::cargo_bin("hipgauge");
    let base = place.path("base");
    let script = format!(
        "rm -rf '{out}'; '{program}' gate --device host --mode hot --baseline '{base}' --kernels kernels --strict --out '{out}'",
        out = text(&place.path("bisected")),
        program = text(&program),
        base = text(&base),
    );
    let told = git(&["bisect", "run", "sh", "-c", &script]);
    assert!(told.contains(&format!("{} is the first bad commit", commits[5])), "{told}");
}

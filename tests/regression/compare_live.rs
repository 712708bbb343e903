//! `compare` of commits, folders of kernels and programs on the host emulator, whose step counter is exact.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::git_history::slow_kernels::{CASE, Version, first, line, with};
use crate::git_history::{Planned, Repository};
use crate::interrupt::{heed_interrupts, signal};
use serde_json::Value;

/// Another case of the same kernel.
const OTHER: &str = "swiglu/f32/2x64/normal";

/// One cache for all tests of this file: equal kernels are compiled once.
fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compare_live")
}

fn command(repository: &Repository, sides: [&str; 2]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    heed_interrupts(&mut command);
    command.arg("compare").args(sides).args(["--device", "host", "--case", CASE]);
    command.arg("--cache").arg(cache()).env("HIPGAUGE_CACHE_DIR", cache()).current_dir(repository.path());
    command
}

/// Exit code, stdout and stderr.
fn ended(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

/// The comparison as JSON.
fn compared(repository: &Repository, sides: [&str; 2], arguments: &[&str]) -> (i32, Value, String) {
    let (code, stdout, stderr) = ended(command(repository, sides).args(["--format", "json"]).args(arguments));
    (code, serde_json::from_str(&stdout).unwrap_or(Value::Null), stderr)
}

fn verdict(document: &Value) -> (&str, &str) {
    let case = &document["cases"][0]["decision"];
    (case["verdict"].as_str().unwrap_or(""), case["reasons"][0].as_str().unwrap_or(""))
}

fn outcome(document: &Value) -> (&str, &str) {
    let outcome = &document["outcomes"][0];
    (outcome["kind"].as_str().unwrap_or(""), outcome["reason"].as_str().unwrap_or(""))
}

/// 0 start, 1 a comment, 2 slower, 3 as fast as before with other code, 4 wrong and fast, 5 does not compile, 6 crashes,
/// 7 only the README.
fn history() -> Vec<Planned> {
    let version = |number: u32| Version { note: number, ..Version::default() };
    let mut plan = line(&[
        version(1),
        Version { extra: 1, ..version(2) },
        version(3),
        Version { wrong: true, ..version(4) },
        Version { broken: true, ..version(5) },
        version(6),
    ]);
    let crashing =
        Version::default().text().replace("uint32_t spent", "if (columns == 64) __builtin_trap();\nuint32_t spent");
    plan[6] = plan[6].clone().file("kernels/mlp/swiglu.hip", &crashing);
    let other_code = Version { note: 3, ..Version::default() }
        .text()
        .replace("uint32_t spent =", "const int unused = 0; (void)unused; uint32_t spent =");
    plan[3] = plan[3].clone().file("kernels/mlp/swiglu.hip", &other_code);
    plan.push(Planned::new(&[6], "commit 7").file("README", "other words\n"));
    plan
}

#[test]
fn commits_are_the_same_faster_slower_wrong_or_unbuildable() {
    let repository = Repository::new(&history());
    repository.make_dirty();
    let before = repository.contents();
    let hashes: Vec<&str> = repository.hashes.iter().map(String::as_str).collect();

    // A comment: identical code, nothing measured.
    let (code, document, stderr) = compared(&repository, [hashes[0], hashes[1]], &["--strict"]);
    assert_eq!((code, verdict(&document)), (0, ("SAME", "identical-code")), "{stderr}");
    let case = &document["cases"][0];
    assert!(case["base"]["median"].is_null() && case["decision"]["shift"].is_null() && case.get("pairs").is_none());
    assert_eq!((&document["method"], &document["judged_in_both"]), (&"interleaved".into(), &1.into()));
    assert_eq!((&document["base"]["name"], &document["base"]["commit"]), (&hashes[0].into(), &hashes[0].into()));
    assert!(stderr.contains(&format!("base: kernels of {}, in ", &hashes[0][..12])), "{stderr}");

    // Other code that does the same work.
    let (code, document, stderr) = compared(&repository, [hashes[0], hashes[3]], &["--strict"]);
    assert_eq!((code, verdict(&document)), (0, ("SAME", "exact-counts")), "{stderr}");

    let (code, document, stderr) = compared(&repository, [hashes[1], hashes[2]], &[]);
    assert_eq!((code, verdict(&document)), (1, ("SLOWER", "exact-counts")), "{stderr}");
    let pairs = document["cases"][0]["pairs"].as_array().expect("pairs");
    let [base, candidate] = ["base", "candidate"].map(|side| pairs[0][side].as_f64().expect("steps"));
    let shift = document["cases"][0]["decision"]["shift"].as_f64().expect("a shift");
    assert!(pairs.len() == 2 && (candidate / base - 1.0 - shift).abs() < 1e-12 && shift > 0.05, "{pairs:?} {shift}");
    let (code, document, stderr) = compared(&repository, [hashes[2], hashes[3]], &[]);
    assert_eq!((code, verdict(&document)), (0, ("FASTER", "exact-counts")), "{stderr}");

    // What is wrong is never timed, what does not compile or crashes ends nothing but its case.
    let (code, document, stderr) = compared(&repository, [hashes[0], hashes[4]], &[]);
    assert_eq!(
        (code, outcome(&document).0, &document["cases"]),
        (2, "now-wrong", &Value::Array(Vec::new())),
        "{stderr}"
    );
    let again = document["outcomes"][0]["reproduce"].as_str().expect("a line");
    assert!(again.starts_with("hipgauge verify --device host") && again.ends_with(CASE), "{again}");
    let (code, document, stderr) = compared(&repository, [hashes[4], hashes[0]], &[]);
    assert_eq!((code, outcome(&document).0), (0, "now-right"), "{stderr}");
    let (code, document, stderr) = compared(&repository, [hashes[0], hashes[5]], &[]);
    assert_eq!((code, outcome(&document).0), (125, "no-longer-runs"), "{stderr}");
    assert!(outcome(&document).1.contains("this does not compile"), "{document}");
    let (code, document, stderr) = compared(&repository, [hashes[5], hashes[5]], &[]);
    assert_eq!((code, outcome(&document).0), (125, "runs-in-neither"), "{stderr}");
    let (code, document, stderr) = compared(&repository, [hashes[0], hashes[6]], &["--case", "swiglu/f32/2x60/normal"]);
    assert_eq!((code, outcome(&document).0), (2, "now-wrong"), "{stderr}");
    assert!(outcome(&document).1.contains("crashed with"), "{document}");
    assert_eq!(document["cases"].as_array().map(Vec::len), Some(1), "the other case went on: {document}");

    // Names of commits, and the working tree that is dirty but not touched.
    let (code, document, stderr) = compared(&repository, ["HEAD~6", "main~4"], &[]);
    assert_eq!((code, verdict(&document).0, &document["candidate"]["name"]), (0, "SAME", &"main~4".into()), "{stderr}");
    let (code, document, stderr) = compared(
        &repository,
        [hashes[6], "kernels:kernels"],
        &["--filter", "*2x60*", "--case", "swiglu/f32/2x60/normal"],
    );
    assert_eq!((code, verdict(&document).1), (0, "identical-code"), "{stderr}");
    let after = repository.contents();
    assert!(before == after, "the checkout or its .git was touched");
}

#[test]
fn every_form_of_output_has_the_verdict_and_the_code() {
    let repository = Repository::new(&line(&[Version { extra: 1, ..Version::default() }]));
    let out = tempfile::tempdir().unwrap();
    let written = out.path().join("written");
    let (code, stdout, stderr) =
        ended(command(&repository, ["HEAD~1", "HEAD"]).args(["--case", OTHER, "--out"]).arg(&written));
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("SLOWER") && stdout.contains("exact-counts") && stdout.contains("2 slower"), "{stdout}");
    assert!(stderr.contains("so far: SLOWER +") && stderr.contains(OTHER), "{stderr}");
    for name in ["comparison.csv", "comparison.json", "comparison.md", "comparison.html"] {
        assert!(fs::read_to_string(written.join(name)).unwrap().contains(CASE), "{name}");
    }
    let (code, stdout, _) = ended(command(&repository, ["HEAD~1", "HEAD"]).args(["--format", "csv"]));
    let header = stdout.lines().next().unwrap();
    assert!(code == 1 && header.contains(",base_registers,") && stdout.contains(",SLOWER,"), "{stdout}");
    let (_, stdout, _) = ended(command(&repository, ["HEAD~1", "HEAD"]).args(["--format", "markdown"]));
    assert!(stdout.starts_with("## hipgauge: 1 slower"), "{stdout}");
    // A step more is less than what matters here.
    let (code, stdout, _) = ended(command(&repository, ["HEAD~1", "HEAD"]).args(["--least-effect", "99%"]));
    assert!(code == 0 && stdout.ends_with("1 same\n"), "{stdout}");
}

#[test]
fn programs_and_commits_with_programs_of_their_own_are_compared() {
    let mut plan = line(&[Version { extra: 1, ..Version::default() }, Version::default()]);
    plan[2] = plan[2].clone().file("no_build", "yes");
    let repository = Repository::new(&plan);
    // A program that is this one with the kernels of its commit.
    let script = format!(
        "test ! -e no_build && mkdir -p out && \
         printf '#!/bin/sh\\nexec {} \"$@\" --kernels %s/kernels\\n' \"$PWD\" > out/gauge && chmod +x out/gauge",
        env!("CARGO_BIN_EXE_hipgauge")
    );
    let build = ["--build", &*script, "--program", "out/gauge"];
    let (code, document, stderr) = compared(&repository, ["main~2", "main~1"], &build);
    assert_eq!((code, verdict(&document).0), (1, "SLOWER"), "{stderr}");
    assert!(stderr.contains("candidate: program of ") && stderr.contains("out/gauge"), "{stderr}");
    let (code, _, stderr) = compared(&repository, ["main~2", "main"], &build);
    assert!(code == 125 && stderr.contains("main cannot be measured: the build failed"), "{code} {stderr}");
    let log = stderr.split("its output is in ").nth(1).expect("it names its log").trim();
    assert!(Path::new(log).exists(), "{log}");

    let folder = tempfile::tempdir().unwrap();
    let program = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    };
    let kernels = repository.path().join("kernels").display().to_string();
    let gauge = env!("CARGO_BIN_EXE_hipgauge");
    let mine = program("mine", format!("#!/bin/sh\nexec '{gauge}' \"$@\" --kernels '{kernels}'\n"));
    let (code, document, stderr) = compared(&repository, ["main~1", &mine], &[]);
    assert_eq!((code, verdict(&document).0), (0, "FASTER"), "{stderr}");
    let nonsense = program("nonsense", "#!/bin/sh\necho hello\n".to_string());
    let (code, _, stderr) = compared(&repository, ["main", &nonsense], &[]);
    assert!(code == 64 && stderr.contains("said what is no answer: `hello`"), "{code} {stderr}");
    let silent = program("silent", "#!/bin/sh\nexit 3\n".to_string());
    assert_eq!(compared(&repository, [&silent, "main"], &[]).0, 64);
}

#[test]
fn names_that_mean_nothing_or_two_things_are_refused_with_advice() {
    let repository = Repository::new(&line(&[Version::default()]));
    repository.git(&["branch", "kernels"]);
    let refused = |sides: [&str; 2], arguments: &[&str], said: &str| {
        let (code, _, stderr) = compared(&repository, sides, arguments);
        assert!(code == 64 && stderr.contains(said), "{sides:?}: {code} {stderr}");
    };
    refused(
        ["main", "kernels"],
        &[],
        "`kernels` is a folder of kernels and a commit; say which one is meant: kernels:kernels or commit:kernels",
    );
    refused(["main", "nonsense"], &[], "`nonsense` is not a run directory");
    refused(["main", "."], &[], "kernels (they are in ./kernels)");
    refused(["main", "commit:nonsense"], &[], "names no commit");
    let (code, _, stderr) = compared(&repository, ["main", "HEAD"], &["--kernels", "elsewhere"]);
    assert!(code == 125 && stderr.contains("has no folder elsewhere"), "{code} {stderr}");
    refused(["main", "HEAD"], &["--kernels", "/etc"], "inside of each commit");
    refused(["main", "HEAD"], &["--case", "swiglu/f32/nonsense"], "swiglu/f32/nonsense");
    refused(["main", "HEAD"], &["--agreement"], "--agreement");
    let run = repository.path().join("run");
    fs::create_dir(&run).unwrap();
    fs::write(run.join("run.json"), "{}").unwrap();
    refused(["run", "HEAD"], &[], "hipgauge gate --baseline run");
    let (code, _, stderr) = ended(command(&repository, ["run", "run"]).args(["--suite", "quick"]));
    assert!(code == 64 && stderr.contains("says how to measure"), "{code} {stderr}");
    let (code, _, stderr) = compared(&repository, ["commit:kernels", "kernels:kernels"], &[]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn ctrl_c_keeps_what_was_measured() {
    let repository = Repository::new(&[
        first(&Version::default()),
        with(&[0], "slower", &Version { extra: 1, ..Version::default() }),
    ]);
    let mut command = command(&repository, ["main~1", "main"]);
    // Many cases, so that some are left.
    (1..400).for_each(|rows| _ = command.arg("--case").arg(format!("swiglu/f32/{}x64/normal", 4 + rows)));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains("so far: SLOWER") {
        assert!(stderr.read_line(&mut said).expect("it can be read") > 0, "{said}");
    }
    signal(&child, libc::SIGINT);
    std::io::Read::read_to_string(&mut stderr, &mut said).expect("it ends");
    let output = child.wait_with_output().expect("it ends");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "slower is what was found: {said}");
    assert!(stdout.contains("SLOWER") && stdout.contains("note: stopped after "), "{stdout}\n{said}");
    assert!(said.contains("stopped; ") && !stdout.contains("stopped after 400"), "{said}");
}

#[test]
fn ctrl_c_ends_a_build() {
    let repository = Repository::new(&line(&[Version::default()]));
    let mut command = command(&repository, ["main~1", "main"]);
    command.args(["--build", "echo started > note; sleep 600", "--program", "note"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains("base: building main~1 with") {
        assert!(stderr.read_line(&mut said).expect("it can be read") > 0, "{said}");
    }
    signal(&child, libc::SIGINT);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

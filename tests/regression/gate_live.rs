//! `gate` against commits of real repositories on the host emulator, with every exit code, and under `git bisect run`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::git_history::Repository;
use crate::git_history::slow_kernels::{CASE, Version, line};
use serde_json::Value;

fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("gate_live")
}

/// A gate in a checkout; what it writes goes to a folder that is gone in the end.
fn gate(repository: &Repository, arguments: &[&str]) -> (i32, String, String) {
    let out = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["gate", "--device", "host", "--case", CASE, "--out"]).arg(out.path().join("gate")).args(arguments);
    command.arg("--cache").arg(cache()).env("HIPGAUGE_CACHE_DIR", cache()).current_dir(repository.path());
    let output = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

fn kernel(version: Version) -> String {
    version.text()
}

#[test]
fn the_working_tree_is_held_against_a_commit() {
    let repository = Repository::new(&line(&[Version { note: 1, ..Version::default() }]));
    let (code, stdout, stderr) = gate(&repository, &["--baseline", "HEAD~1", "--strict"]);
    assert!(code == 0 && stdout.ends_with("gate passed: 1 same\n"), "{code} {stdout}{stderr}");
    assert!(stdout.contains("candidate  working tree, kernels of "), "{stdout}");

    // What is in the checkout counts, committed or not, and stays as it is.
    repository.write("kernels/mlp/swiglu.hip", &kernel(Version { extra: 1, ..Version::default() }));
    let before = repository.contents();
    let files = tempfile::tempdir().unwrap();
    let [junit, summary] = ["gate.xml", "summary.md"].map(|name| files.path().join(name).display().to_string());
    let (code, stdout, _) = gate(&repository, &["--baseline", "HEAD", "--junit", &junit, "--markdown", &summary]);
    assert!(code == 1 && stdout.ends_with("gate not passed: 1 slower\n"), "{code} {stdout}");
    assert!(fs::read_to_string(&junit).unwrap().contains("<failure message=\"SLOWER +"));
    assert!(fs::read_to_string(&summary).unwrap().starts_with("# hipgauge gate failed: slower\n"));
    let allow = ["--allow", "swiglu/*=more exact until 2999-12-31"];
    let (code, stdout, _) = gate(&repository, &[&["--baseline", "HEAD"], &allow[..]].concat());
    assert!(code == 0 && stdout.contains(&format!("allowed: {CASE} cold, until 2999-12-31")), "{code} {stdout}");
    let (code, _, stderr) = gate(&repository, &["--baseline", "HEAD", "--allow", "swiglu/*=old until 2020-01-31"]);
    assert!(code == 64 && stderr.contains("2020-01-31"), "{code} {stderr}");
    // The commit is not the working tree.
    let (code, stdout, _) = gate(&repository, &["--baseline", "HEAD~1", "--candidate", "HEAD"]);
    assert!(code == 0 && stdout.contains("candidate  HEAD, commit "), "{code} {stdout}");
    assert!(before == repository.contents(), "the checkout was touched");

    repository.write("kernels/mlp/swiglu.hip", &kernel(Version { wrong: true, ..Version::default() }));
    let (code, stdout, _) = gate(&repository, &[&["--baseline", "HEAD"], &allow[..]].concat());
    assert!(code == 2 && stdout.contains("wrong now"), "an allowance covers no wrong result: {code} {stdout}");
    repository.write("kernels/mlp/swiglu.hip", &kernel(Version { broken: true, ..Version::default() }));
    let (code, stdout, _) = gate(&repository, &["--baseline", "HEAD"]);
    assert!(code == 125 && stdout.contains("no longer runs"), "{code} {stdout}");
    // Kernels that cannot even be listed, and none at all.
    repository.write("kernels/mlp/swiglu.hip", "HG_KERNEL(");
    assert_eq!(gate(&repository, &["--baseline", "HEAD"]).0, 125);
    fs::remove_dir_all(repository.path().join("kernels")).unwrap();
    let (code, _, stderr) = gate(&repository, &["--baseline", "HEAD"]);
    assert!(code == 125 && stderr.contains("the working tree has no folder"), "{code} {stderr}");
}

#[test]
fn what_makes_no_sense_for_a_commit_is_refused() {
    let repository = Repository::new(&line(&[Version::default()]));
    let refused = |arguments: &[&str], said: &str| {
        let (code, _, stderr) = gate(&repository, arguments);
        assert!(code == 64 && stderr.contains(said), "{arguments:?}: {code} {stderr}");
    };
    refused(&["--baseline", "nonsense"], "`nonsense` is not a run directory");
    refused(&["--baseline", "HEAD", "--time-budget", "5m"], "--time-budget is for a baseline that is a run");
    refused(&["--baseline", "HEAD", "--jobs", "2"], "--jobs is for a baseline that is a run");
    refused(&["--baseline", "HEAD", "--build", "true", "--program", "a"], "a working tree is not built for you");
    repository.write("run/run.json", "{}");
    refused(&["--baseline", "run", "--candidate", "HEAD"], "--candidate is for a baseline that is a commit");
    refused(&["--baseline", "HEAD", "--candidate", "run"], "is a run directory");
    let (code, stdout, stderr) = gate(&repository, &["--baseline", "HEAD", "--format", "json"]);
    let last: Value = serde_json::from_str(stdout.lines().last().unwrap_or("")).expect("an object");
    assert_eq!((code, &last["gate"]["exit_code"], &last["gate"]["questioned"]), (0, &0.into(), &0.into()), "{stderr}");
}

#[test]
fn git_bisect_run_finds_the_slow_commit_past_one_that_does_not_compile() {
    let versions: Vec<Version> = (1..=16)
        .map(|number| Version {
            note: number % 4,
            extra: u32::from(number >= 11),
            broken: number == 8,
            ..Version::default()
        })
        .collect();
    let repository = Repository::new(&line(&versions));
    repository.git(&["bisect", "start", &repository.hashes[16], &repository.hashes[0]]);
    let out = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("git")
        .current_dir(repository.path())
        .args(["bisect", "run", env!("CARGO_BIN_EXE_hipgauge"), "gate", "--baseline", &repository.hashes[0]])
        .args(["--case", CASE, "--device", "host", "--out"])
        .arg(out.path().join("gate"))
        .arg("--cache")
        .arg(cache())
        .env("HIPGAUGE_CACHE_DIR", cache())
        .output()
        .expect("git runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&format!("{} is the first bad commit", repository.hashes[11])), "{text}");
}

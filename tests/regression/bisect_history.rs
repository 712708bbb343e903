//! `hipgauge bisect` on real repositories: the kernels do extra work on the host emulator, whose step counter is exact.

use std::path::PathBuf;
use std::process::Command;

use crate::git_history::slow_kernels::{CASE, Version, first, line, with};
use crate::git_history::{Planned, Repository};
use hipgauge::profiling::statistics::SplitMix64;
use serde_json::Value;

/// One cache for all tests of this file: equal kernels are compiled once.
fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bisect_history")
}

fn command(repository: &Repository, good: &str, bad: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["bisect", "--device", "host", "--case", CASE, "--good", good, "--bad", bad, "--repo"]);
    command.arg(repository.path()).arg("--cache").arg(cache()).env("HIPGAUGE_CACHE_DIR", cache());
    command
}

/// Exit code, the result, and what was said on stderr.
fn bisect(repository: &Repository, good: &str, bad: &str, arguments: &[&str]) -> (i32, Value, String) {
    let output = command(repository, good, bad).args(["--format", "json"]).args(arguments).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().expect("no signal"), value, stderr)
}

fn conclusion(result: &Value, search: usize) -> &Value {
    &result["searches"][search]["conclusion"]
}

fn culprits(result: &Value) -> Vec<String> {
    let searches = result["searches"].as_array().expect("searches");
    let ids = searches.iter().filter_map(|search| search["conclusion"]["culprit"]["id"].as_str());
    ids.map(str::to_string).collect()
}

/// 64 commits after the first: merges, commits that change only other files, commits that do not compile, and from the
/// culprit on a kernel that does more. Gives the culprit's number.
fn history(seed: u64) -> (Vec<Planned>, usize) {
    const LENGTH: usize = 64;
    let mut random = SplitMix64::new(seed);
    let mut parents: Vec<Vec<usize>> = vec![Vec::new()];
    let mut followed = [false; LENGTH + 1];
    for number in 1..=LENGTH {
        let mut of_this = vec![number - 1 - random.below(number.min(2))];
        if random.below(5) == 0 {
            of_this.push(number - 1 - random.below(number.min(6)));
        }
        if number == LENGTH {
            of_this.extend((1..number).filter(|other| !followed[*other]));
        }
        let first = of_this[0];
        of_this.dedup();
        of_this[1..].sort_unstable();
        of_this.dedup();
        of_this.retain({
            let mut seen = false;
            move |parent| *parent != first || !std::mem::replace(&mut seen, true)
        });
        of_this.iter().for_each(|parent| followed[*parent] = true);
        parents.push(of_this);
    }
    let culprit = 1 + random.below(LENGTH);
    let mut slow = [false; LENGTH + 1];
    let mut notes = vec![0u32; LENGTH + 1];
    let mut plan = vec![first(&Version::default())];
    for number in 1..=LENGTH {
        let of_this = &parents[number];
        slow[number] = number == culprit || of_this.iter().any(|parent| slow[*parent]);
        notes[number] = if random.below(2) == 0 { random.below(4) as u32 } else { notes[of_this[0]] };
        let beside = number == culprit || parents[culprit].contains(&number) || of_this.contains(&culprit);
        let broken = random.below(8) == 0 && !beside && number != LENGTH;
        let version = Version { extra: slow[number].into(), note: notes[number], broken, ..Version::default() };
        let commit = with(of_this, &format!("commit {number}"), &version);
        plan.push(commit.file("README", &format!("commit {number}\n")));
    }
    (plan, culprit)
}

#[test]
fn the_slow_commit_is_found_20_times_out_of_20() {
    let mut wrong = Vec::new();
    for seed in 0..20 {
        let (plan, culprit) = history(seed);
        let repository = Repository::new(&plan);
        let (good, bad) = (&repository.hashes[0], &repository.hashes[64]);
        let (code, result, stderr) = bisect(&repository, good, bad, &[]);
        let expected = &repository.hashes[culprit];
        if code != 0 || culprits(&result) != [expected.clone()] {
            wrong.push(format!("seed {seed}: exit {code}, expected commit {culprit} {expected}\n{stderr}"));
            continue;
        }
        let search = &result["searches"][0];
        assert!(search["candidates"].as_u64() < search["commits"].as_u64(), "some commits change other files only");
        assert!(search["steps"].as_array().unwrap().len() <= 16, "{stderr}");
    }
    assert!(wrong.is_empty(), "{} of 20 were wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_wrong_result_is_found_past_a_flaky_commit_and_one_that_does_not_compile() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("turn").display().to_string();
    let versions: Vec<Version> = (1..=16)
        .map(|number| Version {
            note: number % 4,
            wrong: number >= 11,
            broken: number == 9,
            flaky: (number == 8).then(|| path.clone()),
            ..Version::default()
        })
        .collect();
    let repository = Repository::new(&line(&versions));
    let (good, bad) = (&repository.hashes[0], &repository.hashes[16]);
    let (code, result, stderr) = bisect(&repository, good, bad, &["--regress", "correctness"]);
    assert_eq!((code, culprits(&result)), (0, vec![repository.hashes[11].clone()]), "{stderr}");
    let steps = result["searches"][0]["steps"].as_array().unwrap();
    let flaky = steps.iter().find(|step| step["commit"]["id"] == *repository.hashes[8]).expect("it is in the middle");
    assert_eq!(flaky["outcome"], "skip");
    assert!(flaky["reason"].as_str().unwrap().starts_with("flaky, wrong in "), "{flaky}");
    let broken = steps.iter().find(|step| step["commit"]["id"] == *repository.hashes[9]).expect("it is beside it");
    assert_eq!(broken["outcome"], "skip");
    let log = broken["reason"].as_str().unwrap().split("words are in ").nth(1).expect("it names its log").to_string();
    assert!(std::fs::read_to_string(log).unwrap().contains("this does not compile"));
}

#[test]
fn two_slow_commits_leave_a_residual_and_every_finds_both() {
    let extra = |number: u32| u32::from(number >= 5) + u32::from(number >= 13);
    let versions: Vec<Version> =
        (1..=16).map(|number| Version { extra: extra(number), note: number % 2, ..Version::default() }).collect();
    let repository = Repository::new(&line(&versions));
    let (good, bad) = (&repository.hashes[0], &repository.hashes[16]);
    let (code, result, stderr) = bisect(&repository, good, bad, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(conclusion(&result, 0)["residual"].as_f64().unwrap() > 0.05, "{result}");
    let (code, result, stderr) = bisect(&repository, good, bad, &["--every"]);
    let mut found = culprits(&result);
    found.sort();
    let mut expected = vec![repository.hashes[5].clone(), repository.hashes[13].clone()];
    expected.sort();
    assert_eq!((code, found), (0, expected), "{stderr}");
}

#[test]
fn with_a_revert_inside_a_true_culprit_is_found_and_invert_finds_the_mender() {
    let extra = |number: u32| u32::from((3..8).contains(&number) || number >= 12);
    let versions: Vec<Version> =
        (1..=16).map(|number| Version { extra: extra(number), note: number % 2, ..Version::default() }).collect();
    let repository = Repository::new(&line(&versions));
    let (code, result, stderr) = bisect(&repository, &repository.hashes[0], &repository.hashes[16], &[]);
    let found = culprits(&result);
    assert_eq!(code, 0, "{stderr}");
    assert!(found == [repository.hashes[3].clone()] || found == [repository.hashes[12].clone()], "{found:?}");
    let (code, result, stderr) = bisect(&repository, &repository.hashes[5], &repository.hashes[10], &["--invert"]);
    assert_eq!((code, culprits(&result)), (0, vec![repository.hashes[8].clone()]), "{stderr}");
}

#[test]
fn exit_codes_tell_what_could_not_be_decided() {
    let versions: Vec<Version> = (1..=8)
        .map(|number| Version {
            extra: u32::from(number >= 4),
            note: number % 2,
            broken: (3..=5).contains(&number),
            ..Version::default()
        })
        .collect();
    let repository = Repository::new(&line(&versions));
    let hashes = &repository.hashes;
    let (code, result, stderr) = bisect(&repository, &hashes[0], &hashes[8], &[]);
    assert_eq!((code, &conclusion(&result, 0)["end"]), (125, &Value::from("undecidable")), "{stderr}");
    let left: Vec<&str> = conclusion(&result, 0)["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|commit| commit["id"].as_str().unwrap())
        .collect();
    assert_eq!(left, hashes[3..=6].iter().map(String::as_str).collect::<Vec<_>>());
    // The ends do the same work, or one of them does not build.
    for (good, bad) in [(0, 2), (0, 4), (6, 8)] {
        let (code, result, stderr) = bisect(&repository, &hashes[good], &hashes[bad], &[]);
        assert_eq!((code, &conclusion(&result, 0)["end"]), (3, &Value::from("not-reproducible")), "{stderr}");
    }
    let usage = |good: &str, bad: &str, arguments: &[&str], said: &str| {
        let (code, _, stderr) = bisect(&repository, good, bad, arguments);
        assert!(code == 64 && stderr.contains(said), "{arguments:?}: {code} {stderr}");
    };
    usage(&hashes[8], &hashes[0], &[], "is not an ancestor of");
    usage("nonsense", &hashes[0], &[], "names no commit");
    usage(&hashes[0], &hashes[8], &["--case", "swiglu/f32/nonsense"], "swiglu/f32/nonsense");
    usage(&hashes[0], &hashes[8], &["--kernels", "/etc"], "inside of each commit");
    usage(&hashes[0], &hashes[8], &["--build", "make"], "--program");
    usage(&hashes[0], &hashes[8], &["--kernels", "elsewhere"], "elsewhere");
    let (code, _, stderr) = bisect(&repository, &hashes[0], &hashes[8], &["--device", "hip:99"]);
    assert_eq!(code, 64, "--device twice is a mistake: {stderr}");
}

#[test]
fn a_dry_run_says_how_many_steps_and_keeps_nothing() {
    let versions: Vec<Version> = (1..=8).map(|number| Version { note: number % 2, ..Version::default() }).collect();
    let repository = Repository::new(&line(&versions));
    let output = command(&repository, &repository.hashes[0], "main").arg("--dry-run").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("8 commits, 8 of them change") && text.contains("about 3 steps"), "{text}");
    assert!(text.contains("one step took "), "{text}");
}

#[test]
fn the_report_names_culprit_parent_and_the_line_that_reproduces_it() {
    let versions: Vec<Version> = (1..=4)
        .map(|number| Version { extra: u32::from(number >= 3), note: number % 2, ..Version::default() })
        .collect();
    let repository = Repository::new(&line(&versions));
    let out = tempfile::tempdir().expect("a temporary folder");
    let out = out.path().join("new/report");
    let mut command = command(&repository, &repository.hashes[0], "main");
    let output = command.arg("--out").arg(&out).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let hashes = &repository.hashes;
    assert!(output.status.success(), "{output:?}");
    assert!(stdout.contains(&format!("culprit: {} commit 3", hashes[3])), "{stdout}");
    let markdown = std::fs::read_to_string(out.join("bisect.md")).unwrap();
    let line = markdown.lines().find(|line| line.starts_with("hipgauge bisect")).expect("a reproducing line");
    assert!(line.contains(&format!("--good {} --bad {}", hashes[2], hashes[3])), "{line}");
    assert!(markdown.contains("<details>") && markdown.contains("commit 3"));
    for (name, content) in [("index.html", "<svg"), ("bisect.svg", "<circle"), ("bisect.json", "\"culprit\"")] {
        assert!(std::fs::read_to_string(out.join(name)).unwrap().contains(content), "{name}");
    }
    // The line works as it stands, but for the place of the program and the cache.
    let line = line.replacen("hipgauge", env!("CARGO_BIN_EXE_hipgauge"), 1);
    let again = Command::new("sh")
        .args(["-c", &format!("{line} --format json --cache '{}'", cache().display())])
        .env("HIPGAUGE_CACHE_DIR", cache())
        .output()
        .expect("a shell");
    let result: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((again.status.code(), culprits(&result)), (Some(0), vec![hashes[3].clone()]));
}

#[test]
fn each_commits_own_program_is_built_and_run() {
    let versions: Vec<Version> = (1..=8)
        .map(|number| Version { extra: u32::from(number >= 6), note: number % 2, ..Version::default() })
        .collect();
    let mut plan = line(&versions);
    plan[3] = plan[3].clone().file("no_build", "yes");
    plan[4] = plan[4].clone().file("no_build", "no");
    let repository = Repository::new(&plan);
    // A program that is this one with the kernels of its commit.
    let script = format!(
        "test \"$(cat no_build 2>/dev/null)\" != yes && mkdir -p out && \
         printf '#!/bin/sh\\nexec {} \"$@\" --kernels %s/kernels\\n' \"$PWD\" > out/gauge && chmod +x out/gauge",
        env!("CARGO_BIN_EXE_hipgauge")
    );
    let arguments = ["--build", &*script, "--program", "out/gauge"];
    let (code, result, stderr) = bisect(&repository, &repository.hashes[0], &repository.hashes[8], &arguments);
    assert_eq!((code, culprits(&result)), (0, vec![repository.hashes[6].clone()]), "{stderr}");
    // From the commit that does not build to its neighbour: the good end is no end.
    let (code, _, stderr) = bisect(&repository, &repository.hashes[3], &repository.hashes[8], &arguments);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("the build failed"), "{stderr}");
}

#[test]
fn git_bisect_run_understands_the_exit_codes_of_verify() {
    let versions: Vec<Version> = (1..=16)
        .map(|number| Version { note: number % 4, wrong: number >= 11, broken: number == 8, ..Version::default() })
        .collect();
    let repository = Repository::new(&line(&versions));
    repository.git(&["bisect", "start", &repository.hashes[16], &repository.hashes[0]]);
    let output = Command::new("git")
        .current_dir(repository.path())
        .args(["bisect", "run", env!("CARGO_BIN_EXE_hipgauge"), "verify", "--kernels", "kernels", "--case", CASE])
        .args(["--device", "host"])
        .env("HIPGAUGE_CACHE_DIR", cache())
        .output()
        .expect("git runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&format!("{} is the first bad commit", repository.hashes[11])), "{text}");
}

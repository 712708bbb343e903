//! `trend` and `annotate` over real run directories and a real git repository. One run is measured; the others are
//! copies of it with other commits, days and medians.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};
use std::sync::LazyLock;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

const SLOWER: i32 = 1;
const NOTHING_RAN: i32 = 4;
const USAGE: i32 = 64;
const CASE: &str = "rms_norm/f32/1x64/normal";

fn hipgauge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hipgauge")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// The run that all others are made from.
static MEASURED: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("run");
    let out = path.to_str().expect("a plain path");
    let arguments =
        ["run", "--case", CASE, "--device", "host", "--mode", "cold", "--time-limit", "0.001", "--out", out];
    let output = hipgauge(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (folder, path)
});

/// A folder of runs.
struct Runs {
    folder: TempDir,
}

impl Runs {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().expect("a plain path")
    }

    /// Adds a run of that commit, started on that day of November, with that median in microseconds.
    fn add(&self, name: &str, commit: &str, day: usize, median_us: f64, change: impl Fn(&mut Value)) {
        let path = self.folder.path().join(name);
        fs::create_dir(&path).expect("a new folder");
        for file in ["verdicts.csv", "samples.csv", "problems.csv"] {
            fs::copy(MEASURED.1.join(file), path.join(file)).expect("of the measured run");
        }
        let record = fs::read_to_string(MEASURED.1.join("run.json")).expect("of the measured run");
        let mut record: Value = serde_json::from_str(&record).expect("JSON");
        record["started"] = format!("2026-11-{day:02}T00:00:00Z").into();
        record["build"]["commit"] = commit.into();
        record["build"]["dirty"] = false.into();
        change(&mut record);
        fs::write(path.join("run.json"), record.to_string()).expect("writable");
        let mut reader = csv::Reader::from_path(MEASURED.1.join("summary.csv")).expect("of the measured run");
        let header = reader.headers().expect("a header").clone();
        let mut writer = csv::Writer::from_path(path.join("summary.csv")).expect("writable");
        writer.write_record(&header).expect("room");
        for row in reader.records() {
            let row = row.expect("a row");
            let cell = |(name, value): (&str, &str)| match name {
                "median_us" => median_us.to_string(),
                "ci_low_us" | "ci_high_us" => String::new(),
                _ => value.to_string(),
            };
            writer.write_record(header.iter().zip(&row).map(cell)).expect("room");
        }
    }

    fn trend(&self, arguments: &[&str]) -> Output {
        hipgauge(&[&["trend", self.path()], arguments].concat())
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
    let output =
        Process::new("git").arg("-C").arg(folder).args(identity).args(arguments).output().expect("git is there");
    assert!(output.status.success(), "git {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).trim().to_string()
}

/// A repository of so many commits, and their hashes in order.
fn repository(commits: usize) -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    git(folder.path(), &["init", "--quiet"]);
    let hashes = (0..commits).map(|number| {
        git(folder.path(), &["commit", "--quiet", "--allow-empty", "-m", &format!("change {number}")]);
        git(folder.path(), &["rev-parse", "HEAD"])
    });
    let hashes = hashes.collect();
    (folder, hashes)
}

fn median(place: usize, slower_from: usize) -> f64 {
    let wobble = [0.0, 0.03, -0.02, 0.01, -0.03][place % 5];
    if place < slower_from { 10.0 + wobble } else { 11.0 + wobble }
}

/// Twelve runs, made in the opposite order of their commits; from the eighth commit on they are slower.
fn slowed_down() -> (Runs, TempDir, Vec<String>) {
    let (repository, hashes) = repository(12);
    let runs = Runs::new();
    for (place, hash) in hashes.iter().enumerate() {
        runs.add(&format!("run-{place:02}"), hash, 28 - place, median(place, 7), |_| {});
    }
    (runs, repository, hashes)
}

#[test]
fn a_slow_down_is_found_at_its_commit_and_annotating_it_ends_the_alarm() {
    let (runs, repository, hashes) = slowed_down();
    let repository = repository.path().to_str().expect("a plain path");
    let output = runs.trend(&["--repository", repository]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(SLOWER), "{stdout}{}", text(&output.stderr));
    let commits = format!("{}..{}", &hashes[6][..10], &hashes[7][..10]);
    let marker = stdout.lines().find(|line| line.contains(&commits)).unwrap_or_else(|| panic!("{stdout}"));
    assert!(marker.contains("+9.9 %") && marker.contains("slower"), "{stdout}");
    assert!(stdout.ends_with("1 series: 1 unexpected slow-down, 0 expected, 0 faster\n"), "{stdout}");

    // In the order of time the same runs became faster.
    let output = runs.trend(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).ends_with("0 unexpected slow-downs, 0 expected, 1 faster\n"));

    let commit = &hashes[7][..9];
    let output = hipgauge(&[
        "annotate",
        runs.path(),
        "--case",
        "rms_norm/*",
        "--commit",
        commit,
        "--expected",
        "on \"purpose\"",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(runs.folder.path().join("annotations.toml").exists());
    let output = runs.trend(&["--repository", repository, "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let trend: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    let change = &trend["series"][0]["changes"][0];
    assert_eq!((&change["expected"], &change["index"]), (&"on \"purpose\"".into(), &7.into()));
    assert_eq!(
        (&change["previous_commit"], &change["commit"]),
        (&hashes[6].as_str().into(), &hashes[7].as_str().into())
    );
}

#[test]
fn tables_and_plots_are_written_and_written_again() {
    let (runs, repository, hashes) = slowed_down();
    let repository = repository.path().to_str().expect("a plain path");
    let out = tempfile::tempdir().expect("a temporary folder");
    let folder = out.path().to_str().expect("a plain path");
    for _ in 0..2 {
        assert_eq!(runs.trend(&["--repository", repository, "--out", folder]).status.code(), Some(SLOWER));
    }
    let read = |name: &str| fs::read_to_string(out.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let rows = csv::Reader::from_reader(read("trend.csv").as_bytes()).into_records().count();
    assert_eq!(rows, 12);
    assert!(serde_json::from_str::<Value>(&read("trend.json")).is_ok());
    assert!(read("trend.md").contains(&format!("{}..{}", &hashes[6][..10], &hashes[7][..10])));
    let plots: Vec<_> =
        fs::read_dir(out.path().join("plots")).expect("drawn").map(|entry| entry.expect("one").path()).collect();
    assert_eq!(plots.len(), 2, "{plots:?}");
    let svg = plots.iter().find(|path| path.extension().is_some_and(|end| end == "svg")).expect("an SVG");
    let svg = fs::read_to_string(svg).expect("text");
    assert!(svg.contains("+9.9 %") && svg.contains(CASE) && svg.contains(&hashes[7][..10]), "{svg}");

    // Columns of trend.csv are documented.
    let book =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/methodology.md")).expect("in the checkout");
    let (_, section) = book.split_once("### `trend.csv`\n").expect("a section");
    let section = section.split("\n#").next().expect("one part at least");
    for column in read("trend.csv").lines().next().expect("a header").split(',') {
        assert!(section.contains(&format!("`{column}`")), "{column}");
    }
}

#[test]
fn other_conditions_and_unknown_commits_do_not_enter_a_series() {
    let (runs, repository, hashes) = slowed_down();
    let repository = repository.path().to_str().expect("a plain path");
    runs.add("other-driver", &hashes[11], 29, 99.0, |record| {
        record["conditions"]["comparability"]["driver"] = "another".into();
    });
    runs.add("stranger", &"ab".repeat(20), 29, 99.0, |_| {});
    runs.add("option", "--all", 29, 99.0, |_| {});
    let output = runs.trend(&["--repository", repository, "--all"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(SLOWER), "{stdout}{}", text(&output.stderr));
    assert!(stdout.contains("2 sets of conditions that cannot be compared"), "{stdout}");
    assert!(stdout.contains("driver another)"), "{stdout}");
    assert!(
        stdout.contains(&format!("stranger is left out: commit {} is not in the repository", "ab".repeat(20))),
        "{stdout}"
    );
    assert!(stdout.contains("option is left out: commit --all is not in the repository"), "{stdout}");
    assert!(stdout.contains("2 series: 1 unexpected slow-down"), "{stdout}");
}

#[test]
fn steady_runs_are_good_and_too_few_runs_are_no_good_sign() {
    let runs = Runs::new();
    for place in 0..3 {
        runs.add(&format!("run-{place}"), "", place + 1, median(place, 100), |_| {});
    }
    let output = runs.trend(&[]);
    assert_eq!(output.status.code(), Some(NOTHING_RAN), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("fewer than 4 points and cannot show a change"));
    for place in 3..12 {
        runs.add(&format!("run-{place}"), "", place + 1, median(place, 100), |_| {});
    }
    let output = runs.trend(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(runs.trend(&["--case", "top_k/*"]).status.code(), Some(NOTHING_RAN), "no case is left");
}

#[test]
fn bad_input_is_named() {
    let empty = Runs::new();
    let output = empty.trend(&[]);
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(text(&output.stderr).contains("there is no run in"), "{}", text(&output.stderr));
    for (arguments, message) in [
        (vec!["--p-value", "0"], "between 0 and 1"),
        (vec!["--least-effect", "11"], "a share from 0 to 10"),
        (vec!["--window", "3"], "3 is not in 4..=1000"),
        (vec!["--case", "a/["], "unclosed character class"),
        (vec!["--repository", "/nowhere"], "/nowhere"),
    ] {
        let runs = Runs::new();
        runs.add("run", "", 1, 1.0, |_| {});
        let output = runs.trend(&arguments);
        assert_eq!(output.status.code(), Some(USAGE), "{arguments:?}");
        assert!(text(&output.stderr).contains(message), "{arguments:?}: {}", text(&output.stderr));
    }
    let annotate = |commit: &str, reason: &str| {
        hipgauge(&["annotate", empty.path(), "--case", "*", "--commit", commit, "--expected", reason])
    };
    assert_eq!(annotate("HEAD", "why").status.code(), Some(USAGE));
    assert_eq!(annotate("1a2b3c4", "").status.code(), Some(USAGE));
    assert!(!empty.folder.path().join("annotations.toml").exists());
    let output = hipgauge(&["annotate", "/nowhere", "--case", "*", "--commit", "1a2b3c4", "--expected", "why"]);
    assert!(text(&output.stderr).contains("/nowhere is no folder"), "{}", text(&output.stderr));
}

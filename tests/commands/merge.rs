//! `--partition` and `merge` end to end: parts taken by runs of their own make the run that one would have made.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

const NOT_TO_BE_HAD_HERE: i32 = 3;
const NOTHING_RAN: i32 = 4;
const USAGE: i32 = 64;

const CASES: [&str; 6] = ["--suite", "ci", "--op", "rms_norm", "--filter", "rms_norm/f32/3x*/normal"];

fn hipgauge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hipgauge")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn with<'a>(command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[command][..], &CASES, rest].concat()
}

fn ids(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| line.split_whitespace().next().unwrap_or("").to_string()).collect()
}

/// The ids in the first column of a run's file.
fn cases_of(run: &Path, file: &str) -> BTreeSet<String> {
    let rows = csv::Reader::from_path(run.join(file)).expect("a run has it").into_records();
    rows.map(|row| row.expect("a row")[0].to_string()).collect()
}

#[test]
fn the_parts_of_a_list_are_disjoint_and_complete() {
    let all = ids(&hipgauge(&with("list", &[])));
    let mut placed = Vec::new();
    for part in ["1/3", "2/3", "3/3"] {
        let of_part = ids(&hipgauge(&with("list", &["--partition", part])));
        assert!(!of_part.is_empty() && of_part.len() < all.len());
        let in_order: Vec<_> = all.iter().filter(|id| of_part.contains(id)).cloned().collect();
        assert_eq!(in_order, of_part, "a part keeps the order");
        placed.extend(of_part);
    }
    placed.sort();
    let mut expected = all;
    expected.sort();
    assert_eq!(placed, expected);
}

#[test]
fn merged_parts_are_a_run_with_every_case_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let path = |path: &PathBuf| path.to_str().expect("a plain path").to_string();
    let all: BTreeSet<_> = ids(&hipgauge(&with("list", &[]))).into_iter().collect();
    for part in [1, 2] {
        let (name, partition) = (path(&at(&format!("part-{part}"))), format!("{part}/2"));
        let rest =
            ["--device", "host", "--mode", "cold", "--time-limit", "0.001", "--partition", &partition, "--out", &name];
        let output = hipgauge(&with("run", &rest));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let [first, second, whole, half] = ["part-1", "part-2", "whole", "half"].map(|name| path(&at(name)));
    let output = hipgauge(&["merge", &second, &first, "--out", &whole]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}{}", text(&output.stderr));
    let count = all.len();
    assert!(stdout.contains(&format!("merged 2 of 2 parts, {count} of {count} cases")), "{stdout}");
    for file in ["verdicts.csv", "summary.csv", "samples.csv"] {
        assert_eq!(cases_of(&at("whole"), file), all, "{file}");
        let rows = |run: &str| csv::Reader::from_path(at(run).join(file)).expect("a run has it").into_records().count();
        assert_eq!(rows("whole"), rows("part-1") + rows("part-2"), "{file}");
    }
    let record: Value =
        serde_json::from_str(&fs::read_to_string(at("whole").join("run.json")).expect("there")).expect("JSON");
    assert_eq!((&record["status"], &record["selection"]["partition"]), (&"complete".into(), &Value::Null));
    let parts: Vec<_> =
        record["merged_from"].as_array().expect("a list").iter().map(|part| &part["selection"]).collect();
    assert_eq!([&parts[0]["partition"]["part"], &parts[1]["partition"]["part"]], [&1, &2]);
    assert!(at("whole").join("index.html").exists());
    assert_eq!(hipgauge(&["report", &whole]).status.code(), Some(0));

    let output = hipgauge(&["merge", &first, "--out", &half]);
    assert_eq!(output.status.code(), Some(NOT_TO_BE_HAD_HERE));
    assert!(text(&output.stdout).contains("partial: missing of 2 parts: 2"), "{}", text(&output.stdout));
    fs::remove_dir_all(at("half")).expect("just written");
    assert_eq!(hipgauge(&["merge", &first, "--allow-missing", "--out", &half]).status.code(), Some(0));

    let output = hipgauge(&["merge", &first, &first, "--out", &path(&at("twice"))]);
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(text(&output.stderr).contains("are both part 1"), "{}", text(&output.stderr));
    let output = hipgauge(&["merge", &whole, "--out", &path(&at("again"))]);
    assert!(text(&output.stderr).contains("is a whole run and no part of one"), "{}", text(&output.stderr));
}

#[test]
fn a_part_without_cases_and_a_part_that_does_not_exist_say_so() {
    let case = ["--case", "rms_norm/f32/1x1/normal", "--device", "host"];
    let codes: Vec<_> = ["1/2", "2/2"]
        .map(|part| hipgauge(&[&["verify", "--partition", part][..], &case].concat()))
        .iter()
        .map(|output| (output.status.code(), text(&output.stderr).contains("has none of the 1 cases of 1 case")))
        .collect();
    assert!(codes.contains(&(Some(0), false)) && codes.contains(&(Some(NOTHING_RAN), true)), "{codes:?}");
    let output = hipgauge(&["verify", "--partition", "3/2"]);
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(text(&output.stderr).contains("`3/2` is no part: write I/N"), "{}", text(&output.stderr));
}

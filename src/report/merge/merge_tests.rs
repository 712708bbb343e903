//! Parts put together, and parts that must not be.

use std::path::{Path, PathBuf};

use crate::profiling::{Conditions, Mode};
use crate::sweep::SweepSink;
use crate::verify::{Status, VerdictSink};

use super::super::fixture::{measurement, problem, record, sample, verdict};
use super::super::{PartRecord, RunData, RunDirectory, RunRecord, RunStatus, draw_report};
use super::{MergeError, merge_runs};

/// What a part's record says that the test is about.
type Change<'a> = &'a dyn Fn(&mut RunRecord);

/// Writes part `part` of 2 with cases of these columns.
fn write_part(path: &Path, part: u32, columns: &[u64], change: Change<'_>) -> PathBuf {
    let mut record = record();
    let partition = PartRecord { part, parts: 2, cases_of_all: 4, ids_sha256: "f00d".to_string() };
    record.selection.partition = Some(partition);
    record.selection.cases = columns.len();
    record.conditions = Some(Conditions::default());
    record.started = format!("2026-11-0{part}T00:00:00Z");
    change(&mut record);
    let mut run = RunDirectory::create(path, record).expect("an empty folder");
    for operation in ["rms_norm", "top_k"] {
        for (place, columns) in columns.iter().enumerate() {
            run.verdict(&verdict(operation, *columns, Status::Passed)).expect("room");
            for mode in Mode::BOTH {
                let mut row = measurement(operation, *columns, mode);
                run.sample(&row.case, &sample(mode, 0)).expect("room");
                row.suite_position =
                    place as u64 + if operation == "top_k" { columns.leading_zeros().into() } else { 0 };
                run.measurement(&row).expect("room");
            }
        }
    }
    run.problem(&problem()).expect("room");
    run.finish(RunStatus::Complete).expect("room");
    path.to_path_buf()
}

fn unchanged(_: &mut RunRecord) {}

fn command() -> Vec<String> {
    vec!["hipgauge".to_string(), "merge".to_string()]
}

#[test]
fn parts_make_a_run_like_any_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    // Given out of order; each part has roofs of its own.
    let second = write_part(&at("b"), 2, &[128, 512], &|record| {
        record.roofs.as_mut().expect("of the fixture").copy_gbps = 3990.0;
    });
    let first = write_part(&at("a"), 1, &[64, 256], &unchanged);
    let merged = merge_runs(&[second, first], &at("all"), command()).expect("two parts");
    assert!(merged.is_complete());
    assert_eq!((merged.parts, merged.cases, merged.cases_of_all), (2, 4, 4));

    let run = RunData::load(&at("all")).expect("a run");
    assert!(run.warnings.is_empty(), "{:?}", run.warnings);
    assert_eq!((run.verdicts.len(), run.measurements.len(), run.samples.len(), run.problems.len()), (8, 16, 16, 2));
    assert_eq!(run.samples.of_case("top_k/bf16/16x512/normal").expect("readable").len(), 2);
    let cold = run.measurements.iter().filter(|row| row.mode == Mode::Cold);
    let order: Vec<_> = cold.map(|row| (row.operation.as_str(), row.columns)).collect();
    let expected =
        ["rms_norm", "top_k"].map(|operation| [(operation, 64), (operation, 128), (operation, 256), (operation, 512)]);
    let mut found = order.clone();
    found.sort_by_key(|(operation, columns)| (*operation, *columns));
    assert_eq!(found, expected.concat(), "every case once");
    assert_eq!(order[..4].iter().filter(|(operation, _)| *operation == "rms_norm").count(), 4, "{order:?}");
    for columns in [[64, 256], [128, 512]] {
        let place = |columns| order.iter().position(|case| *case == ("rms_norm", columns));
        assert!(place(columns[0]) < place(columns[1]), "the order of a part is kept: {order:?}");
    }

    let record = run.record;
    assert_eq!((record.status, record.selection.cases, record.selection.partition), (RunStatus::Complete, 4, None));
    assert_eq!((record.command, record.started.as_str()), (command(), "2026-11-01T00:00:00Z"));
    let roofs = record.merged_from.iter().map(|part| part.roofs.expect("kept").copy_gbps);
    assert_eq!(roofs.collect::<Vec<_>>(), [4000.0, 3990.0]);
    draw_report(&at("all")).expect("it draws like any other");
}

#[test]
fn a_missing_part_is_named_and_one_without_cases_is_not_missed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let second = write_part(&at("b"), 2, &[128, 512], &unchanged);
    let merged = merge_runs(&[second], &at("one"), command()).expect("one part");
    assert_eq!((merged.missing.as_slice(), merged.cases), (&[1][..], 2));
    assert!(RunData::load(&at("one")).expect("a run").record.is_partial());
    let all = write_part(&at("c"), 1, &[64, 128, 256, 512], &unchanged);
    assert!(merge_runs(&[all], &at("rest"), command()).expect("one part").is_complete());
}

#[test]
fn a_part_that_did_not_end_makes_a_partial_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let first = write_part(&at("a"), 1, &[64, 256], &unchanged);
    let second = write_part(&at("b"), 2, &[128, 512], &unchanged);
    let text = std::fs::read_to_string(second.join("run.json")).expect("written");
    std::fs::write(second.join("run.json"), text.replace("\"complete\"", "\"partial\"")).expect("writable");
    let merged = merge_runs(&[first, second], &at("all"), command()).expect("two parts");
    assert_eq!((merged.missing.len(), merged.unfinished.as_slice()), (0, &[2][..]));
    assert!(RunData::load(&at("all")).expect("a run").record.is_partial());
}

#[test]
fn parts_of_different_things_are_refused_with_the_keys() {
    let other_gpu: Change<'_> = &|record| record.device.name = "AMD Instinct MI325X".to_string();
    let other_arch: Change<'_> = &|record| record.device.architecture = "gfx950".to_string();
    let other_commit: Change<'_> = &|record| record.build.commit = "def456".to_string();
    let other_kernels: Change<'_> = &|record| record.build.kernels_sha256 = "00".to_string();
    let other_cases: Change<'_> =
        &|record| record.selection.partition.as_mut().expect("a part").ids_sha256 = "beef".to_string();
    let other_parts: Change<'_> = &|record| record.selection.partition.as_mut().expect("a part").parts = 3;
    let other_seed: Change<'_> = &|record| record.selection.seed = Some(7);
    let other_suite: Change<'_> = &|record| record.selection.suites = vec!["full".to_string()];
    let other_partition: Change<'_> = &|record| record.device.details[0].1 = "CPX".to_string();
    let other_power: Change<'_> = &|record| {
        let conditions = record.conditions.as_mut().expect("set");
        conditions.comparability.power_cap = Some("500 W".to_string());
    };
    for (key, change) in [
        ("device: `Made-up Instinct` against `AMD Instinct MI325X`", other_gpu),
        ("architecture: `gfx942` against `gfx950`", other_arch),
        ("commit: `abc123` against `def456`", other_commit),
        ("kernels_sha256", other_kernels),
        ("cases: `f00d` against `beef`", other_cases),
        ("parts: `2` against `3`", other_parts),
        ("seed: `none` against `7`", other_seed),
        ("suites: `quick` against `full`", other_suite),
        ("configuration.partition mode: `SPX` against `CPX`", other_partition),
        ("power_cap: not known against `500 W`", other_power),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let first = write_part(&at("a"), 1, &[64, 256], &unchanged);
        let second = write_part(&at("b"), 2, &[128, 512], change);
        let error = merge_runs(&[first, second], &at("all"), command()).expect_err(key);
        assert!(matches!(error, MergeError::Differ { .. }) && error.to_string().contains(key), "{key}: {error}");
        assert!(!at("all").exists(), "nothing is written");
    }
}

#[test]
fn nothing_is_counted_twice_and_whole_runs_are_no_parts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let first = write_part(&at("a"), 1, &[64, 256], &unchanged);
    let again = write_part(&at("again"), 1, &[512], &unchanged);
    let overlapping = write_part(&at("b"), 2, &[256, 512], &unchanged);
    let whole = write_part(&at("whole"), 1, &[64], &|record| record.selection.partition = None);
    let merge = |paths: &[&PathBuf]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
        merge_runs(&paths, &at("all"), command()).expect_err("refused").to_string()
    };
    assert!(merge(&[&first, &again]).contains("are both part 1"), "{}", merge(&[&first, &again]));
    assert!(merge(&[&first, &first]).contains("are both part 1"));
    assert!(merge(&[&first, &overlapping]).contains("both have rms_norm/bf16/16x256/normal"));
    assert!(merge(&[&first, &whole]).contains("is a whole run and no part of one"));
    assert!(merge(&[&at("absent")]).contains("is not a run directory"));
}

//! Pages over several made-up runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::ReportError;
use super::super::fixture::record;
use super::super::realistic::{write_run, write_run_as};
use super::super::run_record::RunRecord;
use super::{RatioRow, draw_overlay};
use crate::profiling::{ComparabilityKeys, Conditions};

fn conditions(driver: &str) -> Conditions {
    let comparability = ComparabilityKeys {
        device: Some("Made-up Instinct".to_string()),
        driver: Some(driver.to_string()),
        ..ComparabilityKeys::default()
    };
    Conditions { comparability, ..Conditions::default() }
}

fn with_driver(driver: &str) -> RunRecord {
    RunRecord { conditions: Some(conditions(driver)), ..record() }
}

fn emulated() -> RunRecord {
    let mut record = record();
    record.device.emulated = true;
    record.roofs = None;
    record
}

fn two(folder: &Path, base: RunRecord, other: RunRecord) -> [PathBuf; 2] {
    let paths = ["base", "other"].map(|name| folder.join(name));
    write_run_as(&paths[0], base, 1.0);
    write_run_as(&paths[1], other, 1.1);
    paths
}

#[test]
fn two_runs_are_laid_over_each_other() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let paths = two(folder.path(), with_driver("6.1"), with_driver("6.2"));
    let out = folder.path().join("overlay");
    let overlay = draw_overlay(&paths, &out).expect("two whole runs");
    assert_eq!(overlay.ratios.len(), 690, "345 cases, cold and hot");
    assert!(overlay.ratios.iter().all(|row| (1.0..1.25).contains(&row.ratio) && row.base_run == "A" && row.run == "B"));
    let page = fs::read_to_string(&overlay.page).expect("just written");
    for text in ["A: Made-up Instinct, base", "B: Made-up Instinct, other", "driver", "6.1", "6.2", "hipgauge compare"]
    {
        assert!(page.contains(text), "the page does not say {text}");
    }
    assert_eq!(page.matches("<svg role=\"img\"").count(), 6, "four operations, two of them with two parameter sets");
    for verdict in ["SLOWER", "FASTER", "regression of"] {
        assert!(!page.contains(verdict), "the page must not judge, but says {verdict}");
    }
    for outside in ["src=", "href=\"http", "url(", "@import", "<link"] {
        assert!(!page.contains(outside), "the page must need nothing else, but has {outside}");
    }
    assert!(overlay.warnings.iter().any(|warning| warning.contains("(driver)")), "{:?}", overlay.warnings);
    let mut table = csv::Reader::from_path(out.join("ratios.csv")).expect("just written");
    let rows: Vec<RatioRow> = table.deserialize().collect::<Result<_, _>>().expect("its own rows");
    assert_eq!(rows, overlay.ratios);
    assert!(fs::metadata(out.join("plots/overlay-rms_norm.png")).is_ok());
}

#[test]
fn the_emulator_is_never_put_beside_a_gpu() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let paths = two(folder.path(), record(), emulated());
    let overlay = draw_overlay(&paths, &folder.path().join("overlay")).expect("two whole runs");
    assert!(overlay.ratios.is_empty());
    let page = fs::read_to_string(&overlay.page).expect("just written");
    assert!(!page.contains("<svg role=\"img\""), "no times are drawn");
    assert!(page.contains("B ran on the emulator and A on a GPU"));
    assert!(page.contains("345"), "verdicts are still counted");
}

#[test]
fn what_is_there_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    write_run(&folder.path().join("run"), 1.0);
    let run = folder.path().join("run");
    let refused = draw_overlay(&[run.clone(), run.clone()], &run).expect_err("not empty");
    assert!(matches!(refused, ReportError::NotEmpty { .. }));
    let refused = draw_overlay(&[run, folder.path().join("none")], &folder.path().join("out")).expect_err("no run");
    assert!(matches!(refused, ReportError::NotARun { .. }));
}

#[test]
fn every_column_of_the_ratios_is_documented() {
    let book =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/methodology.md")).expect("in the checkout");
    let (_, after) = book.split_once("### `ratios.csv`\n").expect("a section on ratios.csv");
    let section = after.split("\n#").next().expect("split gives one part at least");
    let missing: Vec<&str> =
        super::ratio::COLUMNS.split(',').filter(|column| !section.contains(&format!("`{column}`"))).collect();
    assert!(missing.is_empty(), "docs/methodology.md does not explain {missing:?}");
}

//! Histories put in order, taken apart and annotated.

use std::path::PathBuf;

use crate::backend::{BackendKind, DeviceInfo, KernelLibrary};
use crate::profiling::{ComparabilityKeys, Conditions, Mode};
use crate::report::{Build, RunRecord, Selection};

use super::analysis::Trend;
use super::annotations::{Annotation, Annotations};
use super::change_points::ChangePointSettings;
use super::history::{History, RawSeries, TrendGroup, TrendPoint, TrendRun};
use super::text::{csv, markdown, series_table};

fn record(commit: &str, started: &str, driver: &str) -> RunRecord {
    let build = Build::new("0.1.0", commit, false, &KernelLibrary::embedded());
    let device = DeviceInfo {
        id: "hip:0".to_string(),
        backend: BackendKind::Hip,
        name: "Made-up Instinct".to_string(),
        architecture: "gfx942".to_string(),
        wave_size: 64,
        multiprocessors: 304,
        l2_bytes: 0,
        last_level_bytes: 0,
        memory_bytes: 1 << 30,
        shared_bytes_per_block: 65536,
        max_threads_per_block: 1024,
        driver_version: driver.to_string(),
        runtime_version: String::new(),
        compiler: String::new(),
        emulated: false,
        details: Vec::new(),
    };
    let mut record = RunRecord::begin(vec!["hipgauge".to_string()], Selection::default(), build, device);
    record.started = started.to_string();
    let comparability = ComparabilityKeys {
        device: Some("Made-up Instinct".to_string()),
        driver: Some(driver.to_string()),
        ..ComparabilityKeys::default()
    };
    record.conditions = Some(Conditions { comparability, ..Conditions::default() });
    record
}

/// A series of medians at commits `c0…`, in order.
fn history(medians: &[f64]) -> History {
    let points = medians.iter().enumerate().map(|(place, median)| TrendPoint {
        run: PathBuf::from(format!("runs/{place}")),
        started: format!("2026-11-{:02}T00:00:00Z", place + 1),
        commit: format!("{place:040x}"),
        dirty: false,
        median_us: *median,
        ci_low_us: Some(median * 0.99),
        ci_high_us: Some(median * 1.01),
        flags: String::new(),
    });
    let series = RawSeries {
        case: "rms_norm/bf16/16x1024/normal".to_string(),
        mode: Mode::Cold,
        group: 0,
        points: points.collect(),
    };
    let name = "Made-up Instinct".to_string();
    let group = TrendGroup { name, comparability: ComparabilityKeys::default(), runs: medians.len() };
    History { groups: vec![group], series: vec![series], warnings: Vec::new() }
}

/// Medians of three levels, ten each: 12.9 % slower at the eleventh, faster from the twenty-first on.
fn up_and_down() -> Vec<f64> {
    let wobble = [0.0, 0.02, -0.01, 0.01, -0.02, 0.015, -0.005, 0.01, -0.03, 0.01];
    let level = |level: f64| wobble.map(move |part| level * (1.0 + 0.1 * part));
    [level(12.31), level(13.90), level(10.00)].concat()
}

fn trend(annotations: &Annotations) -> Trend {
    Trend::new(history(&up_and_down()), &ChangePointSettings::default(), annotations)
}

#[test]
fn a_slow_down_names_the_commits_that_it_lies_between() {
    let trend = trend(&Annotations::default());
    let changes = &trend.series[0].changes;
    assert_eq!(changes.iter().map(|change| change.index).collect::<Vec<_>>(), [10, 20]);
    assert_eq!((trend.unexpected(), changes[0].counts(), changes[1].counts()), (1, true, false), "faster is no alarm");
    assert_eq!(changes[0].commits(), "0000000000..0000000000", "ten digits of each");
    assert_eq!(
        (changes[0].previous_commit.as_str(), changes[0].commit.as_str()),
        (&*format!("{:040x}", 9), &*format!("{:040x}", 10))
    );
    let table = series_table(&trend.series[0]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 2 + 30 + 6, "{table}");
    assert!(lines[12].trim().chars().all(|letter| letter == '·') && lines[14] == lines[12], "{table}");
    assert!(lines[13].contains("+12.9 %") && lines[13].contains("slower  12.310 -> 13.900 us, p = "), "{table}");
    assert!(table.contains("-28.1 %") && table.contains("faster"), "{table}");
    let text = markdown(&trend);
    assert!(text.contains("1 series: 1 unexpected slow-down, 0 expected, 1 faster"), "{text}");
    assert!(text.contains("| `rms_norm/bf16/16x1024/normal` | cold | +12.9 % |"), "{text}");
    let rows: Vec<_> = csv(&trend).lines().map(str::to_string).collect();
    assert_eq!(rows.len(), 31);
    assert!(rows[11].contains(&format!(",{:040x},", 9)) && rows[10].contains(",,,,,"), "{rows:?}");
}

#[test]
fn an_expected_change_is_shown_and_does_not_count() {
    let mut annotations = Annotations::default();
    let annotation = |case: &str, place: usize| Annotation {
        case: case.to_string(),
        commit: format!("{place:040x}"),
        expected: "checks | more".to_string(),
    };
    annotations.add(annotation("rms_norm/*", 10)).expect("right");
    annotations.add(annotation("top_k/*", 10)).expect("right");
    let trend = trend(&annotations);
    assert_eq!(trend.unexpected(), 0);
    assert_eq!(trend.series[0].changes[0].expected.as_deref(), Some("checks | more"));
    assert!(series_table(&trend.series[0]).contains("slower, expected: checks | more"));
    assert!(markdown(&trend).contains("slower, expected: checks \\| more |"));
    assert_eq!(trend.warnings, [format!("the annotation of top_k/* at {:040x} matches no change", 10)]);
}

#[test]
fn a_change_without_a_new_commit_is_not_blamed_on_the_code() {
    let mut history = history(&up_and_down());
    history.series[0].points.iter_mut().for_each(|point| point.commit = "abcdef1234567".to_string());
    let trend = Trend::new(history, &ChangePointSettings::default(), &Annotations::default());
    assert_eq!(trend.series[0].changes[0].commits(), "abcdef1234 both times: not the code");
}

#[test]
fn too_few_runs_are_said_to_be_too_few() {
    let trend = Trend::new(history(&[1.0, 2.0, 3.0]), &ChangePointSettings::default(), &Annotations::default());
    assert_eq!(trend.changes().count(), 0);
    assert_eq!(trend.warnings, ["1 series have fewer than 4 points and cannot show a change"]);
}

#[test]
fn runs_that_cannot_be_compared_are_separate_and_named_and_empty_ones_are_left_out() {
    let run = |name: &str, driver: &str| TrendRun {
        path: PathBuf::from(name),
        record: record(&format!("{:040x}", 7), "2026-11-01T00:00:00Z", driver),
        measurements: Vec::new(),
    };
    let history = History::new(vec![run("a", "6.10")], None);
    assert_eq!(history.warnings, ["a is left out: it measured nothing"]);
    let mut of_two = History::default();
    for driver in ["6.10", "6.12"] {
        of_two.group_of(&run("b", driver));
        of_two.group_of(&run("c", driver));
    }
    of_two.name_groups();
    let names: Vec<_> = of_two.groups.iter().map(|group| (group.name.as_str(), group.runs)).collect();
    assert_eq!(names, [("Made-up Instinct (driver 6.10)", 2), ("Made-up Instinct (driver 6.12)", 2)]);
}

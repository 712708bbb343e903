//! Reports drawn from made-up runs.

use std::fs;

use crate::profiling::Mode;
use crate::sweep::{Problem, SweepSink};
use crate::verify::{Status, Verdict, VerdictSink};

use super::fixture::{measurement, problem, record, sample, verdict};
use super::{RunDirectory, RunStatus, draw_report};

/// A run over two operations with every kind of verdict.
fn run(folder: &std::path::Path) -> RunDirectory {
    let mut run = RunDirectory::create(folder, record()).expect("an empty directory");
    for operation in ["rms_norm", "top_k"] {
        for power in 0..6 {
            let columns = 1024 << power;
            run.verdict(&verdict(operation, columns, Status::Passed)).expect("the disk has room");
            for mode in Mode::BOTH {
                run.sample(&format!("{operation}/bf16/16x{columns}/normal"), &sample(mode, 0)).expect("room");
                run.measurement(&measurement(operation, columns, mode)).expect("the disk has room");
            }
        }
    }
    run.verdict(&verdict("rms_norm", 4097, Status::Failed)).expect("the disk has room");
    run.verdict(&verdict("rms_norm", 1 << 30, Status::Errored)).expect("the disk has room");
    run.verdict(&verdict("top_k", 1 << 20, Status::Skipped)).expect("the disk has room");
    run.problem(&problem()).expect("the disk has room");
    run
}

#[test]
fn the_page_stands_alone_and_has_every_case() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    run(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    let report = draw_report(folder.path()).expect("a whole run");
    let page = fs::read_to_string(&report.page).expect("just written");
    for verdict in &report.run.verdicts {
        assert!(page.contains(&format!("id=\"{}\"", verdict.case)), "no row for {}", verdict.case);
    }
    for outside in ["src=", "href=\"http", "url(", "@import", "<link"] {
        assert!(!page.contains(outside), "the page must need nothing else, but has {outside}");
    }
    // Time against size, every shape, hot against cold, for two operations each, and the samples of three cases.
    assert_eq!(page.matches("<svg role=\"img\"").count(), 9);
    assert!(page.contains("1 of 13 cases is wrong, 1 could not run, 1 could not be measured"));
    assert!(page.contains("x[3, 7] = &lt;&quot;quoted&quot;&gt;"), "reasons are text, never markup");
    assert!(
        page.contains("--case &#39;rms_norm/bf16/16x4097/normal&#39;")
            || page.contains("--case 'rms_norm/bf16/16x4097/normal'")
    );
    assert!(page.contains("<span class=\"tag failed\">failed</span>"), "an element has one class attribute");
    assert!(!page.contains("partial run"));
}

#[test]
fn cases_that_no_time_was_left_for_are_no_failures() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut run = run(folder.path());
    let late = Problem::not_reached("top_k/bf16/64x1024/normal".to_string(), "the time was over");
    run.problem(&late).expect("the disk has room");
    run.finish(RunStatus::Partial).expect("the disk has room");
    let report = draw_report(folder.path()).expect("a run");
    let page = fs::read_to_string(&report.page).expect("just written");
    assert!(page.contains("1 could not be measured, 1 not reached in time"));
    let (failures, rest) = page.split_once("id=\"not-reached\"").expect("a section of their own");
    assert!(!failures.contains("not reached: the time was over") && rest.contains("not reached: the time was over"));
}

#[test]
fn plots_are_pictures() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    run(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    draw_report(folder.path()).expect("a whole run");
    for operation in ["rms_norm", "top_k"] {
        let file = folder.path().join("plots").join(format!("{operation}.png"));
        let bytes = std::io::BufReader::new(fs::File::open(&file).expect("drawn"));
        let mut picture = png::Decoder::new(bytes).read_info().expect("a PNG header");
        let mut pixels = vec![0; picture.output_buffer_size()];
        let frame = picture.next_frame(&mut pixels).expect("pixels");
        assert_eq!(frame.width, 2160);
        let blue = pixels.chunks_exact(3).filter(|pixel| *pixel == [0x00, 0x72, 0xB2]).count();
        assert!(blue > 500, "the first series is drawn in {operation}.png: {blue} pixels");
        let svg = fs::read_to_string(file.with_extension("svg")).expect("drawn");
        assert!(svg.contains("bytes moved") && svg.contains("GB/s") && svg.contains("128 KiB"), "{operation}");
    }
}

#[test]
fn a_killed_run_is_drawn_and_marked() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    drop(run(folder.path()));
    let report = draw_report(folder.path()).expect("rows are on disk");
    let page = fs::read_to_string(&report.page).expect("just written");
    assert!(page.contains("partial run"));
    let markdown = fs::read_to_string(folder.path().join("summary.md")).expect("just written");
    assert!(markdown.starts_with("## hipgauge: 1 of 13 cases is wrong") && markdown.contains("(partial run)"));
}

#[test]
fn drawing_again_from_the_files_gives_the_same() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    run(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    let first = draw_report(folder.path()).expect("a whole run");
    let before = fs::read(&first.page).expect("just written");
    fs::remove_file(&first.page).expect("it exists");
    fs::remove_dir_all(folder.path().join("plots")).expect("it exists");
    draw_report(folder.path()).expect("a whole run");
    assert_eq!(fs::read(&first.page).expect("drawn again"), before);
}

#[test]
fn the_json_has_everything_on_the_page() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    run(folder.path()).finish(RunStatus::Complete).expect("the disk has room");
    let report = draw_report(folder.path()).expect("a whole run");
    let text = fs::read_to_string(folder.path().join("report.json")).expect("just written");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&json["format"], &json["headline"]["failed"]), (&1.into(), &1.into()));
    assert_eq!(json["headline"]["sentence"], report.headline.sentence());
    assert_eq!(json["run"]["build"]["commit"], "abc123");
    let count = |field: &serde_json::Value| field.as_array().map_or(0, Vec::len);
    assert_eq!([&json["verdicts"], &json["measurements"], &json["problems"]].map(count), [15, 24, 1]);
    assert_eq!(count(&json["samples"]["sets"]), 24);
    let sample = &json["samples"]["sets"][0];
    assert_eq!((&sample["accepted"], count(&sample["ordinals"]), count(&sample["us"])), (&1.into(), 1, 1));
    let worst = &json["operations"][0]["worst"];
    assert_eq!((&worst["case"], &worst["status"]), (&"rms_norm/bf16/16x4097/normal".into(), &"failed".into()));
    assert_eq!((&worst["ulp"], &worst["element"]["actual"]), (&u64::MAX.into(), &"NaN".into()));
    assert!(json["operations"][0]["times"]["cold_over_hot"].as_f64().is_some_and(|ratio| (1.0..1.5).contains(&ratio)));
    for figure in json["figures"].as_array().expect("a list") {
        for kind in ["svg", "png"] {
            let path = folder.path().join(figure[kind].as_str().expect("a path"));
            assert!(path.is_file(), "{}", path.display());
        }
        assert!(
            fs::read_to_string(&report.page)
                .expect("drawn")
                .contains(&format!("id=\"figure-{}\"", figure["id"].as_str().expect("an id")))
        );
    }
}

#[test]
fn junit_fails_what_was_wrong_and_what_could_not_be_timed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut run = run(folder.path());
    // A file that somebody edited, or a clock that jumped.
    run.verdict(&Verdict { seconds: f64::NAN, ..verdict("top_k", 3, Status::Passed) }).expect("the disk has room");
    run.finish(RunStatus::Complete).expect("the disk has room");
    draw_report(folder.path()).expect("a whole run");
    let text = fs::read_to_string(folder.path().join("junit.xml")).expect("just written");
    let report = quick_junit::Report::deserialize_from_str(&text).expect("JUnit");
    let counts = |one: &quick_junit::TestSuite| {
        (one.name.as_str().to_string(), [one.tests, one.failures, one.errors, one.skipped])
    };
    let suites: Vec<_> = report.test_suites.iter().map(counts).collect();
    assert_eq!(
        suites,
        [("rms_norm", [8, 1, 1, 0]), ("top_k", [8, 0, 0, 1]), ("top_k timing", [1, 1, 0, 0])]
            .map(|(name, counts)| (name.to_string(), counts))
    );
}

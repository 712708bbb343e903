//! What is written of a comparison.

use std::fs;

use crate::regression::decision::Verdict;
use crate::report::RunRecord;
use crate::verify::Status;

use super::fixture::{MadeUp, made_up_run};
use super::{
    Comparison, ComparisonOptions, compare_runs, comparison_csv, comparison_json, comparison_markdown, comparison_page,
    write_comparison,
};

/// A slower case, a faster one, one the same, a noisy one and a wrong one, under other conditions.
fn everything() -> Comparison {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let base: Vec<MadeUp> = (1..=5).map(|n| MadeUp::case(1024 * n)).collect();
    let mut candidate = base.clone();
    candidate[0] = candidate[0].clone().times(1.04);
    candidate[1] = candidate[1].clone().times(0.9);
    candidate[3] = MadeUp { spread: 0.3, samples: 20, ..candidate[3].clone() };
    candidate[4] = candidate[4].clone().ending(Status::Failed);
    let change = |record: &mut RunRecord| {
        record.conditions.as_mut().unwrap().comparability.driver = Some("7 | <new>".to_string());
    };
    let base = made_up_run(&folder.path().join("base"), "a", &base, |_| {});
    let candidate = made_up_run(&folder.path().join("candidate"), "b", &candidate, change);
    let options = ComparisonOptions { least_effect: 0.01, noise: &None, force: true };
    compare_runs(&base, &candidate, &options).expect("forced")
}

#[test]
fn csv_has_a_row_per_case_that_reads_back() {
    let comparison = everything();
    let text = comparison_csv(&comparison);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|heading| heading == name).expect(name);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 4);
    let verdicts: Vec<&str> = rows.iter().map(|row| &row[column("verdict")]).collect();
    assert_eq!(verdicts, ["SLOWER", "FASTER", "SAME", "UNDERPOWERED"]);
    let shift: f64 = rows[0][column("shift")].parse().unwrap();
    assert!((shift - 0.04).abs() < 0.005, "{shift}");
    assert!(rows[0][column("reasons")].starts_with("clear-change noise-assumed"), "{}", &rows[0][column("reasons")]);
    assert!(rows.iter().all(|row| &row[column("forced")] == "driver"));
}

#[test]
fn json_has_counts_a_conclusion_and_a_sentence_for_every_code() {
    let document = comparison_json(&everything(), false);
    assert_eq!((&document["format"], &document["conclusion"]), (&1.into(), &"wrong".into()));
    assert_eq!(document["counts"]["SLOWER"], 1);
    assert_eq!(document["forced"][0]["key"], "driver");
    assert_eq!(document["outcomes"][0]["kind"], "now-wrong");
    for case in document["cases"].as_array().unwrap() {
        for code in case["decision"]["reasons"].as_array().unwrap() {
            assert!(document["reasons"][code.as_str().unwrap()].is_string(), "{code}");
        }
    }
    assert!(!document.to_string().contains("distributions"));
}

#[test]
fn markdown_says_the_worst_first_and_folds_the_rest_away() {
    let text = comparison_markdown(&everything());
    assert!(text.starts_with("## hipgauge: 1 wrong now, 1 slower, 1 faster, 1 underpowered, 1 same\n"), "{text}");
    let places = ["**Forced.**", "1 wrong now\n", "2 changed", "<details>", "agreement"].map(|word| text.find(word));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{text}");
    assert!(text.contains("7 \\| &lt;new>"), "{text}");
    assert!(text.contains("| SLOWER | +4."), "{text}");
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
}

#[test]
fn the_page_stands_alone_and_shows_both_distributions_of_what_changed() {
    let page = comparison_page(&everything());
    assert!(!page.contains("http") && !page.contains("<script"), "nothing is fetched");
    assert_eq!(page.matches("<figure>").count(), 2);
    assert!(page.contains("7 | &lt;new&gt;") && page.contains("no longer") == page.contains("No longer"));
    assert!(page.contains("<dt>noise-assumed</dt>"));
    assert!(!page.contains("NaN"));
}

#[test]
fn all_files_are_written_and_a_place_that_takes_none_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let comparison = everything();
    let files = write_comparison(&comparison, false, &folder.path().join("new/place")).unwrap();
    for name in ["comparison.csv", "comparison.json", "comparison.md", "comparison.html"] {
        assert!(fs::metadata(folder.path().join("new/place").join(name)).unwrap().len() > 100, "{name}");
    }
    assert!(files.page.ends_with("comparison.html"));
    fs::write(folder.path().join("file"), "").unwrap();
    let error = write_comparison(&comparison, false, &folder.path().join("file")).unwrap_err().to_string();
    assert!(error.contains("--out"), "{error}");
}

#[test]
fn sorted_cases_put_the_largest_change_first() {
    let comparison = everything();
    let changed = comparison.sorted_cases(&[Verdict::Slower, Verdict::Faster]);
    let verdicts: Vec<Verdict> = changed.iter().map(|case| case.decision.verdict).collect();
    assert_eq!(verdicts, [Verdict::Slower, Verdict::Faster]);
    assert!(comparison.noise_note().unwrap().contains("2.0 %"), "{:?}", comparison.noise_note());
}

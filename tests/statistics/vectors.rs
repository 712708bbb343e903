//! Our statistics against numpy, scipy, statsmodels and arch, on committed vectors.
//! tests/golden/statistics/make_vectors.py makes them; the file names the versions (scipy 1.17.1).

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use hipgauge::profiling::statistics::{
    Alternative, Confidence, Interval, NullDistribution, autocorrelation, automatic_block_length, benjamini_hochberg,
    holm, integrated_time, integrated_time_of_median, mann_whitney_by, mean, median, median_absolute_deviation,
    percentile, shift_between, shift_of_pairs, signed_rank_by, sorted, variance, welch,
};
use serde_json::Value;

const LEVEL: Confidence = Confidence::NINETY_FIVE_PERCENT;

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/statistics/vectors.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("the committed vectors are JSON")
});

fn rows(section: &str) -> &'static [Value] {
    VECTORS[section].as_array().unwrap_or_else(|| panic!("no section `{section}`"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list")).iter().map(number).collect()
}

fn ends(interval: Interval) -> Vec<f64> {
    vec![interval.low, interval.high]
}

/// Collects the worst relative disagreement of a section, so that one look says how tight the agreement is.
struct Agreement {
    section: &'static str,
    tolerance: f64,
    worst: f64,
    compared: usize,
}

impl Agreement {
    fn within(section: &'static str, tolerance: f64) -> Self {
        Self { section, tolerance, worst: 0.0, compared: 0 }
    }

    fn compare(&mut self, what: &str, found: f64, expected: f64) {
        let distance = if found == expected { 0.0 } else { (found - expected).abs() / expected.abs().max(1e-300) };
        assert!(
            distance <= self.tolerance,
            "{}: {what}: {found:e} instead of {expected:e}, {distance:e} apart, relative",
            self.section
        );
        self.worst = self.worst.max(distance);
        self.compared += 1;
    }

    fn compare_all(&mut self, what: &str, found: &[f64], expected: &Value) {
        let expected = numbers(expected);
        assert_eq!(found.len(), expected.len(), "{}: {what}", self.section);
        for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
            self.compare(&format!("{what} [{place}]"), *found, expected);
        }
    }
}

impl Drop for Agreement {
    fn drop(&mut self) {
        println!("{}: {} values, worst relative disagreement {:.1e}", self.section, self.compared, self.worst);
    }
}

const ALTERNATIVES: [(&str, Alternative); 3] =
    [("two_sided", Alternative::TwoSided), ("less", Alternative::Less), ("greater", Alternative::Greater)];

#[test]
fn the_vectors_say_what_made_them() {
    assert_eq!(VECTORS["versions"]["scipy"], "1.17.1");
}

#[test]
fn summaries_match_numpy() {
    let mut agreement = Agreement::within("summaries", 1e-12);
    for row in rows("summaries") {
        let samples = numbers(&row["samples"]);
        let ordered = sorted(&samples);
        let percents = numbers(&row["percents"]);
        let found: Vec<f64> = percents.iter().map(|&percent| percentile(&ordered, percent).unwrap()).collect();
        agreement.compare_all("percentiles", &found, &row["percentiles"]);
        agreement.compare("median", median(&ordered).unwrap(), number(&row["median"]));
        agreement.compare("mean", mean(&samples).unwrap(), number(&row["mean"]));
        agreement.compare("variance", variance(&samples).unwrap(), number(&row["variance"]));
        let deviation = median_absolute_deviation(&ordered).unwrap();
        agreement.compare("MAD", deviation, number(&row["median_absolute_deviation"]));
    }
}

#[test]
fn mann_whitney_matches_scipy_in_the_approximation_and_count_for_count() {
    let mut agreement = Agreement::within("mann_whitney", 1e-10);
    let mut exact = 0;
    for row in rows("mann_whitney") {
        let (first, second) = (numbers(&row["first"]), numbers(&row["second"]));
        for (name, alternative) in ALTERNATIVES {
            let normal = mann_whitney_by(&first, &second, alternative, NullDistribution::Normal).unwrap();
            agreement.compare("u", normal.u, number(&row["u"]));
            agreement.compare(name, normal.p_value, number(&row["normal"][name]));
            if let Some(expected) = row["exact"].get(name) {
                let counted = mann_whitney_by(&first, &second, alternative, NullDistribution::Exact).unwrap();
                agreement.compare(&format!("exact {name}"), counted.p_value, number(expected));
                exact += 1;
            }
        }
    }
    assert_eq!(exact, 18, "six sets, two of them with ties, are counted exactly");
}

#[test]
fn signed_rank_matches_scipy_in_the_approximation_and_count_for_count() {
    let mut agreement = Agreement::within("signed_rank", 1e-10);
    let mut exact = 0;
    for row in rows("signed_rank") {
        let differences = numbers(&row["differences"]);
        for (name, alternative) in ALTERNATIVES {
            let normal = signed_rank_by(&differences, alternative, NullDistribution::Normal).unwrap();
            agreement.compare("sum", normal.positive_rank_sum, number(&row["positive_rank_sum"]));
            agreement.compare(name, normal.p_value, number(&row["normal"][name]));
            if let Some(expected) = row["exact"].get(name) {
                let counted = signed_rank_by(&differences, alternative, NullDistribution::Exact).unwrap();
                agreement.compare(&format!("exact {name}"), counted.p_value, number(expected));
                exact += 1;
            }
        }
    }
    assert_eq!(exact, 15, "five sets, two of them with ties, are counted exactly");
}

#[test]
fn shift_intervals_hold_what_scipys_tests_accept() {
    let mut agreement = Agreement::within("shifts", 1e-10);
    let two_sets = rows("shifts").iter().map(|row| {
        let shift = shift_between(&numbers(&row["base"]), &numbers(&row["candidate"]), LEVEL);
        (row, shift.expect("not empty"))
    });
    let pairs = rows("paired_shifts").iter().map(|row| {
        let shift = shift_of_pairs(&numbers(&row["differences"]), LEVEL);
        (row, shift.expect("not empty"))
    });
    for (row, shift) in two_sets.chain(pairs) {
        agreement.compare("estimate", shift.estimate, number(&row["estimate"]));
        match shift.interval {
            Some(interval) => agreement.compare_all("interval", &ends(interval), &row["interval"]),
            None => assert!(row["interval"].is_null(), "no interval where scipy's test gives {}", row["interval"]),
        }
    }
}

#[test]
fn welch_matches_scipy() {
    // Means of 1e3 that differ by 1e-4 lose seven of sixteen digits in the difference, on both sides.
    let mut agreement = Agreement::within("welch", 1e-8);
    for row in rows("welch") {
        let test = welch(&numbers(&row["first"]), &numbers(&row["second"]), LEVEL).expect("both sets vary");
        agreement.compare("t", test.t, number(&row["t"]));
        agreement.compare("degrees", test.degrees_of_freedom, number(&row["degrees_of_freedom"]));
        agreement.compare("p", test.p_value, number(&row["p_value"]));
        agreement.compare_all("interval", &ends(test.interval), &row["interval"]);
    }
}

#[test]
fn corrections_match_statsmodels_and_scipy() {
    let mut agreement = Agreement::within("corrections", 1e-14);
    for row in rows("corrections") {
        let p_values = numbers(&row["p_values"]);
        agreement.compare_all("holm", &holm(&p_values), &row["holm"]);
        agreement.compare_all("false discovery", &benjamini_hochberg(&p_values), &row["benjamini_hochberg"]);
    }
}

#[test]
fn series_match_statsmodels_and_arch() {
    let mut agreement = Agreement::within("series", 1e-10);
    for row in rows("series") {
        let series = numbers(&row["series"]);
        let correlations = autocorrelation(&series, 20).expect("it varies");
        agreement.compare_all("autocorrelation", &correlations, &row["autocorrelation"]);
        agreement.compare("time", integrated_time(&series), number(&row["integrated_time"]));
        agreement.compare("time of the median", integrated_time_of_median(&series), number(&row["median_time"]));
        let length = automatic_block_length(&series).expect("long enough, and it varies");
        agreement.compare("block length", length, number(&row["block_length"]));
    }
}

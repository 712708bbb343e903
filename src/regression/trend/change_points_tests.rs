//! Change points against Apache Otava's, and what must hold for any series.

use proptest::prelude::*;
use serde_json::Value;

use crate::profiling::statistics::SplitMix64;

use super::change_points::{ChangePointSettings, change_points, weak_points};
use super::energy::Distances;

/// tests/golden/change_points/make_vectors.py makes them and says how.
const VECTORS: &str = include_str!("../../../tests/golden/change_points/vectors.json");

fn rows() -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).expect("the committed vectors are JSON");
    vectors["rows"].as_array().expect("a list").clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn series(row: &Value) -> Vec<f64> {
    row["series"].as_array().expect("a list").iter().map(number).collect()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-8 * expected.abs().max(1e-12)
}

#[test]
fn single_splits_are_those_of_the_definition() {
    let mut compared = 0;
    for row in rows() {
        let Some(expected) = row.get("best_split") else { continue };
        let values = series(&row);
        let split = Distances::new(&values).best_split(0..values.len()).expect("two values or more");
        assert_eq!(split.index, number(&expected["index"]) as usize, "{}", row["name"]);
        // Sums of large prefixes lose digits that sums of pairs keep.
        let statistic = number(&expected["statistic"]);
        assert!((split.statistic - statistic).abs() < 1e-9 * statistic.abs().max(1.0), "{}", row["name"]);
        compared += 1;
    }
    assert!(compared >= 7, "{compared} splits");
}

#[test]
fn changes_are_those_of_otava() {
    let (mut compared, mut settled, mut as_otava) = (0, 0, 0);
    for row in rows() {
        let values = series(&row);
        for found in row["found"].as_array().expect("a list") {
            let settings = ChangePointSettings {
                window: number(&found["window"]) as usize,
                p_value: number(&found["p"]),
                least_effect: number(&found["magnitude"]),
            };
            let name = format!("{}, {settings:?}", row["name"]);
            let indices = |list: &Value| -> Vec<usize> {
                list.as_array().expect("a list").iter().map(|index| number(index) as usize).collect()
            };
            assert_eq!(weak_points(&values, &settings), indices(&found["weak"]), "first pass of {name}");
            let expected = found["points"].as_array().expect("a list");
            let points = change_points(&values, &settings);
            assert_eq!(points.len(), expected.len(), "{name}: {points:?}");
            settled += 1;
            as_otava += usize::from(points.iter().map(|point| point.index).eq(indices(&found["otava"])));
            for (point, expected) in points.iter().zip(expected) {
                assert_eq!(point.index, number(&expected["index"]) as usize, "{name}");
                assert!(close(point.change(), number(&expected["change"])), "{name}: {point:?}");
                let p_value = number(&expected["p_value"]);
                assert!(close(point.p_value, p_value) || p_value.max(point.p_value) < 1e-30, "{name}: {point:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 60, "{compared} points");
    // The others are due to what the script says of Otava's second pass.
    assert_eq!((as_otava, settled), (47, 52));
}

/// Normal values by Box and Muller.
fn noise(random: &mut SplitMix64, count: usize, share: f64) -> Vec<f64> {
    let mut uniform = || (random.below(1 << 30) as f64 + 0.5) / f64::from(1 << 30);
    (0..count)
        .map(|_| {
            let (radius, angle) = ((-2.0 * uniform().ln()).sqrt(), std::f64::consts::TAU * uniform());
            100.0 * (1.0 + share * radius * angle.cos())
        })
        .collect()
}

#[test]
fn noise_alone_rarely_shows_a_change() {
    // docs/methodology.md states these rates, per thousand series of each length.
    let mut rates = Vec::new();
    for count in [20, 50, 100] {
        let alarms = |least_effect: f64| {
            let settings = ChangePointSettings { least_effect, ..ChangePointSettings::default() };
            let mut random = SplitMix64::new(count as u64);
            (0..1000).filter(|_| !change_points(&noise(&mut random, count, 0.005), &settings).is_empty()).count()
        };
        let found = (alarms(0.0), alarms(0.01));
        rates.push((count, found));
    }
    assert_eq!(rates, [(20, (16, 3)), (50, (17, 3)), (100, (44, 11))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_step_of_eight_sigma_is_found_where_it_is(
        seed: u64, before in 8usize..60, after in 8usize..60, slower: bool,
    ) {
        let mut random = SplitMix64::new(seed);
        let mut values = noise(&mut random, before + after, 0.005);
        let factor = if slower { 1.04 } else { 1.0 / 1.04 };
        values[before..].iter_mut().for_each(|value| *value *= factor);
        let points = change_points(&values, &ChangePointSettings { least_effect: 0.03, ..Default::default() });
        prop_assert_eq!(points.len(), 1, "{:?}", points);
        prop_assert!(points[0].index.abs_diff(before) <= 2, "{:?} instead of {}", points, before);
        prop_assert!((points[0].change() - (factor - 1.0)).abs() < 0.01);
    }

    #[test]
    fn the_scale_and_the_offset_of_a_series_do_not_move_its_changes(
        seed: u64, count in 2usize..80, power in -20i32..20,
    ) {
        let mut random = SplitMix64::new(seed);
        let mut values = noise(&mut random, count, 0.01);
        values[count / 2..].iter_mut().for_each(|value| *value *= 1.05);
        let settings = ChangePointSettings { least_effect: 0.0, ..Default::default() };
        let indices = |values: &[f64]| -> Vec<usize> {
            change_points(values, &settings).iter().map(|point| point.index).collect()
        };
        // A power of two changes no digit of any sum.
        let scaled: Vec<f64> = values.iter().map(|value| value * 2f64.powi(power)).collect();
        prop_assert_eq!(indices(&values), indices(&scaled));
    }

    #[test]
    fn any_series_gives_changes_in_order_and_no_panic(
        values in prop::collection::vec(0.0f64..1e6, 0..120), window in 0usize..70, p_value in 0.0f64..1.0,
    ) {
        let settings = ChangePointSettings { window, p_value, least_effect: 0.0 };
        let points = change_points(&values, &settings);
        prop_assert!(points.windows(2).all(|pair| pair[0].index < pair[1].index));
        prop_assert!(points.iter().all(|point| point.index > 0 && point.index < values.len()));
        prop_assert!(points.iter().all(|point| point.p_value < p_value));
    }
}

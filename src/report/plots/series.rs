//! Measurements as the lines of a plot.

use std::collections::BTreeMap;

use crate::profiling::Mode;
use crate::profiling::statistics::Interval;
use crate::sweep::{Flag, Measurement};

use super::palette::Look;

/// One case in one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Algorithmic bytes.
    pub bytes: f64,
    pub us: f64,
    pub interval_us: Option<Interval>,
    pub gbps: Option<f64>,
    /// Of the roof that binds, 0 to 1.
    pub share: Option<f64>,
}

impl Point {
    /// `None` for what has no place on a logarithmic axis.
    pub fn new(measurement: &Measurement) -> Option<Self> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        (positive(measurement.median_us) && measurement.bytes > 0).then(|| Self {
            bytes: measurement.bytes as f64,
            us: measurement.median_us,
            interval_us: measurement.interval_us().filter(|ends| positive(ends.low) && positive(ends.high)),
            gbps: measurement.gbps.filter(|value| positive(*value)),
            share: measurement.roofline_share.filter(|value| positive(*value)),
        })
    }
}

/// Points of one look and mode.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub look: Look,
    pub mode: Mode,
    /// Points that a line may join, by size; a line through all of a series would jump between its shapes.
    pub lines: Vec<Vec<Point>>,
}

impl Series {
    /// `None` when nothing can be drawn.
    pub fn new(measurements: &[&Measurement], look: Look, mode: Mode) -> Option<Self> {
        let points: Vec<(&Measurement, Point)> = measurements
            .iter()
            .filter(|measurement| measurement.mode == mode)
            .filter_map(|measurement| Some((*measurement, Point::new(measurement)?)))
            .collect();
        (!points.is_empty()).then(|| Self { look, mode, lines: lines(&points) })
    }

    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.lines.iter().flatten()
    }
}

/// Joins cases that differ in one direction only: in columns, or in rows if that takes fewer lines.
fn lines(points: &[(&Measurement, Point)]) -> Vec<Vec<Point>> {
    let grouped = |fixed: &dyn Fn(&Measurement) -> u64| {
        let mut lines: BTreeMap<(String, u64), Vec<Point>> = BTreeMap::new();
        for (measurement, point) in points {
            lines.entry((family(&measurement.case), fixed(measurement))).or_default().push(*point);
        }
        let sort = |mut line: Vec<Point>| {
            line.sort_by(|a, b| a.bytes.total_cmp(&b.bytes));
            line
        };
        lines.into_values().map(sort).collect::<Vec<_>>()
    };
    let [by_rows, by_columns] = [grouped(&|one| one.rows), grouped(&|one| one.columns)];
    if by_columns.len() < by_rows.len() { by_columns } else { by_rows }
}

/// A case's id without its shape: what two cases of one line have in common.
fn family(case: &str) -> String {
    let parts = case.split('/').enumerate().filter(|(place, _)| *place != 2);
    parts.map(|(_, part)| part).collect::<Vec<_>>().join("/")
}

/// Whether a measurement carries a flag.
pub fn has_flag(measurement: &Measurement, flag: Flag) -> bool {
    measurement.flags.split_whitespace().any(|name| name == flag.name())
}

/// The different values of a text in the order in which they first appear.
pub fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::measurement;
    use super::super::palette::look;
    use super::*;

    fn shaped(rows: u64, columns: u64) -> Measurement {
        Measurement {
            rows,
            case: format!("rms_norm/bf16/{rows}x{columns}/normal"),
            bytes: 4 * rows * columns,
            ..measurement("rms_norm", columns, Mode::Cold)
        }
    }

    fn lengths(all: &[Measurement]) -> Vec<usize> {
        let series = Series::new(&all.iter().collect::<Vec<_>>(), look(0), Mode::Cold).expect("points");
        assert!(series.lines.iter().all(|line| line.windows(2).all(|pair| pair[0].bytes < pair[1].bytes)));
        series.lines.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_line_follows_one_direction_of_the_shapes() {
        let grid: Vec<_> =
            [1, 64].iter().flat_map(|&rows| [4096, 128, 1024].map(|columns| shaped(rows, columns))).collect();
        assert_eq!(lengths(&grid), [3, 3], "one line for each number of rows");
        assert_eq!(lengths(&[64, 1, 8].map(|rows| shaped(rows, 4096))), [3], "one over rows");
        assert_eq!(lengths(&[shaped(1, 4096), shaped(4096, 1)]), [1, 1], "nothing in common");
    }

    #[test]
    fn modes_and_input_classes_never_share_a_line() {
        let hot = Measurement { mode: Mode::Hot, ..shaped(1, 256) };
        let ties = Measurement { case: "rms_norm/bf16/1x128/ties".to_string(), ..shaped(1, 128) };
        assert_eq!(lengths(&[shaped(1, 128), shaped(1, 256), hot, ties]), [2, 1]);
    }

    #[test]
    fn numbers_that_have_no_place_are_left_out() {
        let broken = [f64::NAN, f64::INFINITY, 0.0, -1.0].map(|median_us| Measurement { median_us, ..shaped(1, 64) });
        assert_eq!(Series::new(&broken.iter().collect::<Vec<_>>(), look(0), Mode::Cold), None);
        let half = Measurement { gbps: Some(f64::NAN), ci_high_us: Some(f64::INFINITY), ..shaped(1, 64) };
        let point = Point::new(&half).expect("a median");
        assert_eq!((point.gbps, point.interval_us), (None, None));
    }
}

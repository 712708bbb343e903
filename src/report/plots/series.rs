//! Measurements grouped into the lines of a plot.

use crate::profiling::Mode;
use crate::profiling::statistics::Interval;
use crate::sweep::Measurement;

use super::palette::SERIES;

/// One case in one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Algorithmic bytes.
    pub bytes: f64,
    pub us: f64,
    pub interval_us: Option<Interval>,
    pub gbps: Option<f64>,
}

/// Points of one colour and mode, by size.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub label: String,
    /// Place in the palette.
    pub color: usize,
    pub mode: Mode,
    pub points: Vec<Point>,
}

impl Series {
    /// Whether a line through the points means something: one point per size.
    pub fn is_a_line(&self) -> bool {
        self.points.windows(2).all(|pair| pair[0].bytes < pair[1].bytes)
    }
}

/// Groups by dtype and parameters, or by dtype alone where that would need more colours than there are.
pub fn group(measurements: &[&Measurement]) -> Vec<Series> {
    let by_parameters = |measurement: &Measurement| match measurement.parameters.as_str() {
        "" => measurement.dtype.clone(),
        parameters => format!("{} {parameters}", measurement.dtype),
    };
    let by_dtype = |measurement: &Measurement| measurement.dtype.clone();
    let fine = labels(measurements, &by_parameters);
    if fine.len() <= SERIES.len() {
        collect(measurements, &fine, &by_parameters)
    } else {
        collect(measurements, &labels(measurements, &by_dtype), &by_dtype)
    }
}

fn labels(measurements: &[&Measurement], label: &dyn Fn(&Measurement) -> String) -> Vec<String> {
    let mut labels = Vec::new();
    for measurement in measurements {
        let label = label(measurement);
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

fn collect(measurements: &[&Measurement], labels: &[String], label_of: &dyn Fn(&Measurement) -> String) -> Vec<Series> {
    let mut all = Vec::new();
    for (place, label) in labels.iter().enumerate() {
        for mode in Mode::BOTH {
            let members =
                measurements.iter().filter(|measurement| measurement.mode == mode && label_of(measurement) == *label);
            let mut points: Vec<Point> = members
                .map(|measurement| Point {
                    bytes: measurement.bytes as f64,
                    us: measurement.median_us,
                    interval_us: measurement.interval_us(),
                    gbps: measurement.gbps,
                })
                .collect();
            points.sort_by(|a, b| a.bytes.total_cmp(&b.bytes));
            if !points.is_empty() {
                all.push(Series { label: format!("{label}, {mode}"), color: place % SERIES.len(), mode, points });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::measurement;
    use super::*;

    #[test]
    fn modes_never_share_a_series() {
        let all: Vec<Measurement> = Mode::BOTH
            .iter()
            .flat_map(|&mode| [4096, 1024].map(|columns| measurement("rms_norm", columns, mode)))
            .collect();
        let series = group(&all.iter().collect::<Vec<_>>());
        assert_eq!(series.iter().map(|one| one.label.as_str()).collect::<Vec<_>>(), ["bf16, cold", "bf16, hot"]);
        assert!(series.iter().all(|one| one.is_a_line()), "points are sorted by size");
        assert_eq!(series[0].color, series[1].color);
    }

    #[test]
    fn more_variants_than_colours_fall_back_to_dtypes() {
        let all: Vec<Measurement> = (0..9)
            .map(|k| Measurement { parameters: format!("k={k}"), ..measurement("top_k", 1024, Mode::Cold) })
            .collect();
        let series = group(&all.iter().collect::<Vec<_>>());
        assert_eq!(series.len(), 1);
        assert!(!series[0].is_a_line(), "several points of one size");
    }
}

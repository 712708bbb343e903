//! Logarithmic axes with ticks at powers of two.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, KeyPointWeight, NoDefaultFormatting, Ranged, ValueFormatter};

/// What an axis counts, for its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    /// A number whose unit stands beside the axis.
    Number,
}

/// An axis over positive values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    unit: Unit,
    /// Ends in log2, whole.
    low: i32,
    high: i32,
    /// Powers of two with a label.
    ticks: Vec<i32>,
}

impl Axis {
    /// An axis over the positive ones of `values` with at most `most_ticks` ticks. `None` if there are none.
    pub fn over(values: impl Iterator<Item = f64>, unit: Unit, most_ticks: usize) -> Option<Self> {
        let powers = values.filter(|value| *value > 0.0 && value.is_finite()).map(f64::log2);
        let (least, most) =
            powers.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), power| (least.min(power), most.max(power)));
        if least > most {
            return None;
        }
        // A margin, so that no marker lies on the frame.
        let (low, high) = ((least - 0.15).floor() as i32, (most + 0.15).ceil() as i32);
        let step = ((high - low + 1) as usize).div_ceil(most_ticks).max(1);
        let ticks = (low..=high).step_by(step).collect();
        Some(Self { unit, low, high, ticks })
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value.log2() - f64::from(self.low)) / f64::from(self.high - self.low);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight() {
            KeyPointWeight::Bold => self.ticks.iter().map(|&power| f64::from(power).exp2()).collect(),
            KeyPointWeight::Any => Vec::new(),
        }
    }

    fn range(&self) -> Range<f64> {
        f64::from(self.low).exp2()..f64::from(self.high).exp2()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(value: &f64) -> String {
        number_label(*value)
    }

    fn format_ext(&self, value: &f64) -> String {
        match self.unit {
            Unit::Bytes => bytes_label(*value),
            Unit::Number => number_label(*value),
        }
    }
}

/// `64 KiB`, `2 MiB`; bytes are a power of two.
fn bytes_label(bytes: f64) -> String {
    let power = bytes.log2().round().max(0.0) as u32;
    let prefix = (power / 10).min(4);
    format!("{} {}", 1u64 << (power - 10 * prefix), ["B", "KiB", "MiB", "GiB", "TiB"][prefix as usize])
}

fn number_label(value: f64) -> String {
    if value >= 0.125 { format!("{value}") } else { format!("{value:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_powers_of_two_around_the_values() {
        let axis = Axis::over([3.0, 100.0].into_iter(), Unit::Number, 8).expect("positive values");
        assert_eq!(axis.range(), 2.0..128.0);
        assert_eq!(axis.ticks, [1, 2, 3, 4, 5, 6, 7]);
        let wide = Axis::over([1.0, 1e9].into_iter(), Unit::Number, 8).expect("positive values");
        assert!(wide.ticks.len() <= 8 && wide.ticks.len() >= 4, "{:?}", wide.ticks);
        assert!(Axis::over([5.0].into_iter(), Unit::Number, 8).is_some_and(|axis| axis.high > axis.low));
        assert_eq!(Axis::over([0.0, f64::NAN].into_iter(), Unit::Number, 8), None);
    }

    #[test]
    fn doubling_moves_by_the_same_distance_everywhere() {
        let axis = Axis::over([1.5, 40.0].into_iter(), Unit::Number, 8).expect("positive values");
        let places = [1.0, 2.0, 4.0, 64.0].map(|value| axis.map(&value, (0, 600)));
        assert_eq!(places, [0, 100, 200, 600]);
    }

    #[test]
    fn labels_carry_units() {
        assert_eq!(bytes_label(65536.0), "64 KiB");
        assert_eq!(bytes_label(2f64.powi(31)), "2 GiB");
        assert_eq!(number_label(0.25), "0.25");
        assert_eq!(number_label(4096.0), "4096");
    }
}

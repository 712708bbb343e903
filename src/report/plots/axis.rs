//! Axes: logarithmic ones with ticks at powers of two, and linear ones with round ticks.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, KeyPointWeight, NoDefaultFormatting, Ranged, ValueFormatter};

/// What an axis counts, for its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    /// A number whose unit stands beside the axis.
    Number,
    /// A share, 0 to 1, written in percent.
    Percent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// Over positive values.
    Log2,
    Linear,
}

/// One axis: its ends and its labelled places, in the values' own unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    scale: Scale,
    unit: Unit,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    /// Digits after the point that tell neighbouring ticks apart; only linear axes need it.
    decimals: usize,
}

impl Axis {
    /// A logarithmic axis over the positive ones of `values`, from one power of two to another, with at most
    /// `most_ticks` ticks. `None` if there are none.
    pub fn log2(values: impl Iterator<Item = f64>, unit: Unit, most_ticks: usize) -> Option<Self> {
        let powers = values.filter(|value| *value > 0.0 && value.is_finite()).map(f64::log2);
        let (least, most) = ends(powers)?;
        // A margin, so that no marker lies on the frame.
        let (low, high) = ((least - 0.15).floor() as i32, (most + 0.15).ceil() as i32);
        let step = ((high - low + 1) as usize).div_ceil(most_ticks).max(1);
        let ticks = (low..=high).step_by(step).map(|power| f64::from(power).exp2()).collect();
        let (low, high) = (f64::from(low).exp2(), f64::from(high).exp2());
        Some(Self { scale: Scale::Log2, unit, low, high, ticks, decimals: 0 })
    }

    /// A linear axis over the finite ones of `values` with a margin. `None` if there are none.
    pub fn linear(values: impl Iterator<Item = f64>, unit: Unit, most_ticks: usize) -> Option<Self> {
        let (least, most) = ends(values.filter(|value| value.is_finite()))?;
        let width = if most > least { most - least } else { least.abs().max(1e-3) * 0.1 };
        Some(Self::between(least - 0.04 * width, most + 0.04 * width, unit, most_ticks))
    }

    /// A linear axis from `low` to a larger `high`.
    pub fn between(low: f64, high: f64, unit: Unit, most_ticks: usize) -> Self {
        let least_step = (high - low) / most_ticks.max(1) as f64;
        let magnitude = 10f64.powi(least_step.log10().floor() as i32);
        let rounds = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude);
        // Rounding of the quotient must not make a step of 2 into one of 5.
        let step = rounds.into_iter().find(|step| *step >= least_step * 0.999).unwrap_or(least_step);
        let (first, last) = ((low / step - 1e-6).ceil() as i64, (high / step + 1e-6).floor() as i64);
        let ticks = (first..=last).map(|count| count as f64 * step).collect();
        let shown = if unit == Unit::Percent { step * 100.0 } else { step };
        let decimals = (-(shown * 1.001).log10().floor()).max(0.0) as usize;
        Self { scale: Scale::Linear, unit, low, high, ticks, decimals }
    }

    /// The same axis with nothing written beside it.
    pub fn without_ticks(self) -> Self {
        Self { ticks: Vec::new(), ..self }
    }

    /// Where `value` lies, 0 at the low end and 1 at the high one.
    pub fn share(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Log2 => (value / self.low).log2() / (self.high / self.low).log2(),
            Scale::Linear => (value - self.low) / (self.high - self.low),
        }
    }

    pub fn ends(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    pub fn label(&self, value: f64) -> String {
        match (self.unit, self.scale) {
            (Unit::Bytes, _) => bytes_label(value),
            (Unit::Number, Scale::Log2) => number_label(value),
            (Unit::Number, Scale::Linear) => format!("{value:.*}", self.decimals),
            (Unit::Percent, _) => format!("{:.*} %", self.decimals, value * 100.0),
        }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (least, most) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    (least <= most).then_some((least, most))
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + (f64::from(limit.1 - limit.0) * self.share(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight() {
            KeyPointWeight::Bold => self.ticks.clone(),
            KeyPointWeight::Any => Vec::new(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.label(*value)
    }
}

/// `64 KiB`, `2 MiB`; bytes are a power of two.
fn bytes_label(bytes: f64) -> String {
    let power = bytes.log2().round().max(0.0) as u32;
    let prefix = (power / 10).min(4);
    format!("{} {}", 1u64 << (power - 10 * prefix), ["B", "KiB", "MiB", "GiB", "TiB"][prefix as usize])
}

/// `0.25`, `1/16`, `4096`: powers of two stay exact and short.
fn number_label(value: f64) -> String {
    if value >= 0.125 { format!("{value}") } else { format!("1/{}", (1.0 / value).round()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_powers_of_two_around_the_values() {
        let axis = Axis::log2([3.0, 100.0].into_iter(), Unit::Number, 8).expect("positive values");
        assert_eq!(axis.range(), 2.0..128.0);
        assert_eq!(axis.ticks, [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]);
        let wide = Axis::log2([1.0, 1e9].into_iter(), Unit::Number, 8).expect("positive values");
        assert!(wide.ticks.len() <= 8 && wide.ticks.len() >= 4, "{:?}", wide.ticks);
        assert!(Axis::log2([5.0].into_iter(), Unit::Number, 8).is_some_and(|axis| axis.high > axis.low));
        assert_eq!(Axis::log2([0.0, f64::NAN, f64::INFINITY].into_iter(), Unit::Number, 8), None);
    }

    #[test]
    fn doubling_moves_by_the_same_distance_everywhere() {
        let axis = Axis::log2([1.5, 40.0].into_iter(), Unit::Number, 8).expect("positive values");
        let places = [1.0, 2.0, 4.0, 64.0].map(|value| axis.map(&value, (0, 600)));
        assert_eq!(places, [0, 100, 200, 600]);
    }

    #[test]
    fn linear_ticks_are_round_and_few() {
        let labels = |axis: &Axis| axis.ticks.iter().map(|tick| axis.label(*tick)).collect::<Vec<_>>();
        let shares = Axis::between(0.0, 1.0, Unit::Percent, 5);
        assert_eq!(labels(&shares), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]);
        let times = Axis::linear([4.20, 4.26].into_iter(), Unit::Number, 4).expect("finite values");
        assert_eq!(labels(&times), ["4.20", "4.22", "4.24", "4.26"]);
        let one = Axis::linear([7.0, f64::NAN].into_iter(), Unit::Number, 4).expect("a finite value");
        assert!(one.low < 7.0 && one.high > 7.0 && !one.ticks.is_empty() && one.ticks.len() <= 5, "{one:?}");
        assert!((one.share(7.0) - 0.5).abs() < 1e-9);
        assert_eq!(Axis::linear([f64::NAN].into_iter(), Unit::Number, 4), None);
    }

    #[test]
    fn labels_carry_units() {
        assert_eq!(bytes_label(65536.0), "64 KiB");
        assert_eq!(bytes_label(2f64.powi(31)), "2 GiB");
        assert_eq!(number_label(0.25), "0.25");
        assert_eq!(number_label(0.0625), "1/16");
        assert_eq!(number_label(4096.0), "4096");
    }
}

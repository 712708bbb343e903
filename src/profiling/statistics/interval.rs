//! A closed interval, as every confidence interval here is given.

use serde::{Deserialize, Serialize};

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    pub fn width(&self) -> f64 {
        self.high - self.low
    }

    /// The smallest interval that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

/// The confidence level of an interval: a share strictly between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence(f64);

impl Confidence {
    pub const NINETY_FIVE_PERCENT: Self = Self(0.95);

    /// `None` unless `level` lies strictly between 0 and 1.
    pub const fn new(level: f64) -> Option<Self> {
        if level > 0.0 && level < 1.0 { Some(Self(level)) } else { None }
    }

    pub fn level(self) -> f64 {
        self.0
    }

    /// The probability left outside on one side: 0.025 at 95 %.
    pub fn tail(self) -> f64 {
        (1.0 - self.0) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_share_inside_zero_and_one() {
        assert_eq!(Confidence::new(0.95), Some(Confidence::NINETY_FIVE_PERCENT));
        assert_eq!(Confidence::new(95.0), None);
        assert_eq!(Confidence::new(f64::NAN), None);
        assert!((Confidence::NINETY_FIVE_PERCENT.tail() - 0.025).abs() < 1e-15);
    }

    #[test]
    fn an_interval_holds_its_ends() {
        let interval = Interval { low: 1.0, high: 3.0 };
        assert!(interval.contains(1.0) && interval.contains(3.0) && !interval.contains(3.1));
        assert_eq!(interval.width(), 2.0);
    }
}

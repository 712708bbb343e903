//! Numbers as every output writes them.

use crate::profiling::statistics::Interval;

use super::case::{SideValue, Unit};

/// `+3.1 %`; a dash where there is none.
pub fn shift_text(shift: Option<f64>) -> String {
    shift.map_or("–".to_string(), |shift| format!("{:+.1} %", 100.0 * shift))
}

/// `+2.8 to +3.4 %`; empty where there is none.
pub fn interval_text(interval: Option<Interval>) -> String {
    interval.map_or(String::new(), |ends| format!("{:+.1} to {:+.1} %", 100.0 * ends.low, 100.0 * ends.high))
}

/// `1.5 %`, without a sign; a dash where there is none.
pub fn share_text(share: Option<f64>) -> String {
    share.map_or("–".to_string(), |share| format!("{:.1} %", 100.0 * share))
}

/// A median with its unit: `12.34 µs`, `5120 steps`; a dash where nothing was measured.
pub fn value_text(value: &SideValue, unit: Unit) -> String {
    let Some(median) = value.median else { return "–".to_string() };
    let number = match (unit, median) {
        (Unit::Steps, steps) => format!("{steps:.0}"),
        (Unit::Microseconds, us) if us >= 100.0 => format!("{us:.1}"),
        (Unit::Microseconds, us) if us >= 10.0 => format!("{us:.2}"),
        (Unit::Microseconds, us) => format!("{us:.3}"),
    };
    format!("{number} {}", unit.symbol())
}

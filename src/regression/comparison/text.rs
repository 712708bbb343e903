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

/// A median with its unit: `12.34 µs`, `5120 steps`.
pub fn value_text(value: &SideValue, unit: Unit) -> String {
    let number = match (unit, value.median) {
        (Unit::Steps, steps) => format!("{steps:.0}"),
        (Unit::Microseconds, us) if us >= 100.0 => format!("{us:.1}"),
        (Unit::Microseconds, us) if us >= 10.0 => format!("{us:.2}"),
        (Unit::Microseconds, us) => format!("{us:.3}"),
    };
    format!("{number} {}", unit.symbol())
}

//! Whether a device was held back while a block was measured.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backend::telemetry::{TelemetryFacts, TelemetryReading, ThrottleReason};

/// A core clock under this share of the default clock is throttled: the default of nvbench's
/// `--throttle-threshold`.
const LEAST_CLOCK_SHARE: f64 = 0.75;

/// Being held back for less of the block is ignored: at a tenth less clock it moves the mean by 0.1 %.
const LEAST_HELD_BACK_SHARE: f64 = 0.01;

/// Why a block's samples are to be discarded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Throttle {
    /// The device counted that it was held back for this share of the time between the readings.
    Counted { reason: ThrottleReason, share: f64 },
    /// The device said so at one of the readings.
    Reported { reason: ThrottleReason },
    /// The core clock of a busy device was too low, whatever the device says.
    SlowClock { clock_mhz: f64, default_mhz: f64 },
}

impl fmt::Display for Throttle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Throttle::Counted { reason, share } => write!(formatter, "{reason}, {:.1} % of the time", 100.0 * share),
            Throttle::Reported { reason } => write!(formatter, "{reason}"),
            Throttle::SlowClock { clock_mhz, default_mhz } => {
                write!(formatter, "clock {clock_mhz:.0} MHz, under 75 % of {default_mhz:.0} MHz")
            }
        }
    }
}

/// Whether the device was held back between two readings, by the strongest evidence that there is.
///
/// Counters come first, because they cover the whole block; then what the device said at either end; then its
/// clock, which only counts in a reading taken while work was on the device: an idle clock is low before the
/// first launch and soon after the last. So the readings should be taken with launches still enqueued.
pub fn throttled(before: &TelemetryReading, after: &TelemetryReading, facts: &TelemetryFacts) -> Option<Throttle> {
    held_back(before, after).or_else(|| reported(after)).or_else(|| reported(before)).or_else(|| {
        let default_mhz = facts.default_core_clock_mhz?;
        [after, before].into_iter().find_map(|reading| slow_clock(reading, default_mhz))
    })
}

/// Settings of a user or a display are the conditions of a run, and comparability keys, but no throttling; an
/// unknown bit may be either, so it is recorded and not judged.
fn slows_down(reason: ThrottleReason) -> bool {
    match reason {
        ThrottleReason::PowerCap
        | ThrottleReason::CurrentLimit
        | ThrottleReason::Thermal
        | ThrottleReason::HardwareThermal
        | ThrottleReason::PowerBrake
        | ThrottleReason::HardwareSlowdown
        | ThrottleReason::SyncBoost => true,
        ThrottleReason::ApplicationClocks | ThrottleReason::DisplayClocks | ThrottleReason::Unrecognised(_) => false,
    }
}

/// The counter with the largest share of the block.
fn held_back(before: &TelemetryReading, after: &TelemetryReading) -> Option<Throttle> {
    // One reason may have several counters, so they are paired by place; their number never changes.
    let pairs = before.throttle_counters.iter().zip(&after.throttle_counters);
    let shares = pairs.filter_map(|(first, last)| {
        // A counter that went backwards was reset, and a clock that stood still says nothing.
        let held_back = last.held_back.checked_sub(first.held_back)?;
        let elapsed = last.elapsed.checked_sub(first.elapsed).filter(|elapsed| *elapsed > 0)?;
        (first.reason == last.reason && slows_down(last.reason))
            .then(|| (last.reason, held_back as f64 / elapsed as f64))
    });
    let (reason, share) = shares.max_by(|(_, left), (_, right)| left.total_cmp(right))?;
    (share > LEAST_HELD_BACK_SHARE).then_some(Throttle::Counted { reason, share })
}

fn reported(reading: &TelemetryReading) -> Option<Throttle> {
    let reasons = reading.throttle_reasons.as_deref()?;
    reasons.iter().copied().find(|reason| slows_down(*reason)).map(|reason| Throttle::Reported { reason })
}

fn slow_clock(reading: &TelemetryReading, default_mhz: f64) -> Option<Throttle> {
    let clock_mhz = reading.core_clock_mhz.filter(|_| reading.idle == Some(false))?;
    (clock_mhz < LEAST_CLOCK_SHARE * default_mhz).then_some(Throttle::SlowClock { clock_mhz, default_mhz })
}

#[cfg(test)]
mod tests {
    use crate::backend::telemetry::ThrottleCounter;

    use super::*;

    fn facts() -> TelemetryFacts {
        TelemetryFacts { default_core_clock_mhz: Some(2000.0), ..TelemetryFacts::default() }
    }

    fn at(clock: f64, idle: bool, reasons: &[ThrottleReason]) -> TelemetryReading {
        TelemetryReading {
            core_clock_mhz: Some(clock),
            idle: Some(idle),
            throttle_reasons: Some(reasons.to_vec()),
            ..TelemetryReading::default()
        }
    }

    fn counting(reason: ThrottleReason, held_back: u64, elapsed: u64) -> TelemetryReading {
        let throttle_counters = vec![ThrottleCounter { reason, held_back, elapsed }];
        TelemetryReading { throttle_counters, ..at(2000.0, false, &[]) }
    }

    #[test]
    fn a_device_at_its_clock_is_not_throttled() {
        assert_eq!(throttled(&at(1980.0, false, &[]), &at(2000.0, false, &[]), &facts()), None);
        let nothing = TelemetryReading::default();
        assert_eq!(throttled(&nothing, &nothing, &TelemetryFacts::default()), None);
    }

    #[test]
    fn idle_clocks_do_not_count() {
        let idle = at(345.0, true, &[]);
        assert_eq!(throttled(&idle, &at(2000.0, false, &[]), &facts()), None);
        assert_eq!(throttled(&idle, &idle, &facts()), None);
        let unknown = TelemetryReading { idle: None, ..idle };
        assert_eq!(throttled(&unknown, &unknown, &facts()), None);
    }

    #[test]
    fn a_busy_clock_under_three_quarters_counts_at_either_end() {
        let (good, slow) = (at(2000.0, false, &[]), at(1499.0, false, &[]));
        let expected = Some(Throttle::SlowClock { clock_mhz: 1499.0, default_mhz: 2000.0 });
        assert_eq!(throttled(&good, &slow, &facts()), expected);
        assert_eq!(throttled(&slow, &good, &facts()), expected);
        assert_eq!(throttled(&good, &at(1500.0, false, &[]), &facts()), None, "three quarters is enough");
        assert_eq!(throttled(&good, &slow, &TelemetryFacts::default()), None, "no default clock to compare with");
    }

    #[test]
    fn reported_reasons_count_even_from_an_idle_device() {
        let good = at(2000.0, false, &[]);
        for reason in [
            ThrottleReason::Thermal,
            ThrottleReason::HardwareThermal,
            ThrottleReason::PowerCap,
            ThrottleReason::PowerBrake,
            ThrottleReason::CurrentLimit,
            ThrottleReason::HardwareSlowdown,
            ThrottleReason::SyncBoost,
        ] {
            assert_eq!(throttled(&good, &at(2000.0, true, &[reason]), &facts()), Some(Throttle::Reported { reason }));
            assert_eq!(throttled(&at(2000.0, false, &[reason]), &good, &facts()), Some(Throttle::Reported { reason }));
        }
    }

    #[test]
    fn settings_and_unknown_bits_are_no_throttling() {
        let settings =
            [ThrottleReason::ApplicationClocks, ThrottleReason::DisplayClocks, ThrottleReason::Unrecognised(12)];
        assert_eq!(throttled(&at(2000.0, false, &settings), &at(2000.0, false, &settings), &facts()), None);
    }

    #[test]
    fn counters_cover_what_happened_between_the_readings() {
        let before = counting(ThrottleReason::Thermal, 500, 10_000);
        let held = throttled(&before, &counting(ThrottleReason::Thermal, 700, 11_000), &facts());
        assert_eq!(held, Some(Throttle::Counted { reason: ThrottleReason::Thermal, share: 0.2 }));
        assert_eq!(held.expect("held back").to_string(), "thermal, 20.0 % of the time");
        for (why, after) in [
            ("nothing happened", counting(ThrottleReason::Thermal, 500, 11_000)),
            ("a hundredth of the time", counting(ThrottleReason::Thermal, 510, 11_000)),
            ("the clock stood still", counting(ThrottleReason::Thermal, 700, 10_000)),
            ("the counter was reset", counting(ThrottleReason::Thermal, 0, 11_000)),
            ("another counter", counting(ThrottleReason::PowerCap, 700, 11_000)),
        ] {
            assert_eq!(throttled(&before, &after, &facts()), None, "{why}");
        }
    }
}

//! Telemetry for tests: scripted readings of a device with a power cap of 700 W and a default clock of 2 GHz.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::backend::telemetry::{Absence, Telemetry, TelemetryFacts, TelemetryReading, ThrottleReason};

/// See the module.
pub struct MockTelemetry {
    facts: TelemetryFacts,
    scripted: Mutex<VecDeque<TelemetryReading>>,
    usual: TelemetryReading,
}

impl Default for MockTelemetry {
    fn default() -> Self {
        Self::new(&[], good())
    }
}

impl MockTelemetry {
    /// Gives the scripted readings in turn, then `usual` for good.
    pub fn new(scripted: &[TelemetryReading], usual: TelemetryReading) -> Self {
        let facts = TelemetryFacts {
            source: Some("mock".to_owned()),
            default_core_clock_mhz: Some(2000.0),
            power_limit_watts: Some(700.0),
            ..TelemetryFacts::default()
        };
        Self { facts, scripted: Mutex::new(scripted.iter().cloned().collect()), usual }
    }
}

impl Telemetry for MockTelemetry {
    fn read(&self) -> TelemetryReading {
        let next = self.scripted.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.unwrap_or_else(|| self.usual.clone())
    }

    fn facts(&self) -> &TelemetryFacts {
        &self.facts
    }

    fn absences(&self) -> Vec<Absence> {
        vec![Absence { value: "hotspot".to_owned(), reason: "the mock has no such sensor".to_owned() }]
    }
}

/// A busy device at its clock.
pub fn good() -> TelemetryReading {
    TelemetryReading {
        core_clock_mhz: Some(1980.0),
        memory_clock_mhz: Some(2600.0),
        power_watts: Some(500.0),
        temperature_celsius: Some(55.0),
        idle: Some(false),
        throttle_reasons: Some(Vec::new()),
        ..TelemetryReading::default()
    }
}

/// The same device held at its power cap.
pub fn at_the_power_cap() -> TelemetryReading {
    TelemetryReading {
        core_clock_mhz: Some(1650.0),
        power_watts: Some(699.0),
        throttle_reasons: Some(vec![ThrottleReason::PowerCap]),
        ..good()
    }
}

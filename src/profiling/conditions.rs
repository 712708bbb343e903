//! What a run was measured under.

use serde::{Deserialize, Serialize};

use crate::backend::DeviceInfo;
use crate::backend::telemetry::{
    Absence, HostFacts, HostReading, HostTelemetry, Telemetry, TelemetryFacts, TelemetrySources,
};

use super::ComparabilityKeys;

/// What a run was measured under, in `run.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// What another run must have in common with this one before their times may be compared.
    pub comparability: ComparabilityKeys,
    /// What does not change about the device while the program runs.
    pub telemetry: TelemetryFacts,
    pub host: HostFacts,
    /// The host when the sweep began.
    pub host_reading: HostReading,
    /// What this machine did not say, and why. Sorted by value, the device's before the host's.
    pub absences: Vec<Absence>,
}

impl Conditions {
    /// Looks at the host, and takes over what is known of the device.
    pub(super) fn new(device: &DeviceInfo, telemetry: &dyn Telemetry) -> Self {
        let opened = HostTelemetry::open(&TelemetrySources::default());
        let host = opened.host_facts().clone();
        let host_reading = opened.read_host();
        let mut conditions = Self {
            comparability: ComparabilityKeys::new(device, telemetry.facts(), &host),
            telemetry: telemetry.facts().clone(),
            host,
            host_reading,
            absences: telemetry.absences(),
        };
        // On `host` both have looked at the same files.
        for absence in opened.absences() {
            if !conditions.absences.contains(&absence) {
                conditions.absences.push(absence);
            }
        }
        conditions
    }
}

#[cfg(test)]
mod tests {
    use super::super::mock_device::gpu_info;
    use super::super::mock_telemetry::MockTelemetry;
    use super::*;

    #[test]
    fn conditions_hold_the_devices_facts_and_reasons_and_survive_json() {
        let telemetry = MockTelemetry::default();
        let conditions = Conditions::new(&gpu_info(), &telemetry);
        assert_eq!(conditions.comparability.power_cap.as_deref(), Some("700 W"));
        assert_eq!(conditions.telemetry, *telemetry.facts());
        assert_eq!(conditions.absences.first(), telemetry.absences().first());
        let text = serde_json::to_string(&conditions).expect("plain data");
        assert_eq!(serde_json::from_str::<Conditions>(&text).expect("its own output"), conditions);
    }
}

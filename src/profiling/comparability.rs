//! What two runs must have in common before their times may be compared.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backend::DeviceInfo;
use crate::backend::telemetry::{HostFacts, PCI_BUS_ID_DETAIL, TelemetryFacts};

/// The conditions of a run. `None` where the machine did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComparabilityKeys {
    /// Marketing name: two boards of one model are comparable, so their ids are no keys.
    pub device: Option<String>,
    pub architecture: Option<String>,
    /// `true` for the host emulator, whose times are never a GPU's.
    pub emulated: bool,
    pub driver: Option<String>,
    pub runtime: Option<String>,
    /// Compiler of the kernels, with its version and options.
    pub compiler: Option<String>,
    pub partition_mode: Option<String>,
    /// As in `700 W`.
    pub power_cap: Option<String>,
    /// As in `1980 MHz`.
    pub default_core_clock: Option<String>,
    pub default_memory_clock: Option<String>,
    pub host_processor: Option<String>,
    /// What else the backend says of its configuration: `HSA_OVERRIDE_GFX_VERSION`, the emulator's schedule.
    /// Sorted by key.
    pub configuration: Vec<(String, String)>,
}

/// A key that two runs differ in; a side is `None` where its run does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub key: String,
    pub left: Option<String>,
    pub right: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<String>| value.as_deref().map_or("not known".to_owned(), |text| format!("`{text}`"));
        write!(formatter, "{}: {} against {}", self.key, side(&self.left), side(&self.right))
    }
}

impl ComparabilityKeys {
    pub fn new(device: &DeviceInfo, facts: &TelemetryFacts, host: &HostFacts) -> Self {
        let megahertz = |clock: Option<f64>| clock.map(|clock| format!("{clock:.0} MHz"));
        let mut configuration: Vec<(String, String)> =
            device.details.iter().filter(|(key, _)| key != PCI_BUS_ID_DETAIL).cloned().collect();
        configuration.sort();
        Self {
            device: known(&device.name),
            architecture: known(&device.architecture),
            emulated: device.emulated,
            // NVML names the driver's release, where CUDA only names the interface that it offers.
            driver: facts.driver_version.clone().or_else(|| known(&device.driver_version)),
            runtime: known(&device.runtime_version),
            compiler: known(&device.compiler),
            partition_mode: facts.partition_mode.clone(),
            power_cap: facts.power_limit_watts.map(|watts| format!("{watts:.0} W")),
            default_core_clock: megahertz(facts.default_core_clock_mhz),
            default_memory_clock: megahertz(facts.default_memory_clock_mhz),
            host_processor: host.processor.clone(),
            configuration,
        }
    }

    /// The keys that differ, in their order here; empty if the runs are comparable. A key that only one side
    /// knows differs: nobody can say that it does not.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let (mut left, mut right) = (self.entries(), other.entries());
        // A key that only one side has is unknown to the other.
        for (mine, theirs) in [(&mut left, other.entries()), (&mut right, self.entries())] {
            for (key, _) in theirs {
                if !mine.iter().any(|(known, _)| *known == key) {
                    mine.push((key, None));
                }
            }
        }
        let differing = left.into_iter().filter_map(|(key, left)| {
            let right = right.iter().find(|(known, _)| *known == key).and_then(|(_, value)| value.clone());
            (left != right).then_some(Difference { key, left, right })
        });
        differing.collect()
    }

    /// Every key by its name in `run.json`, with its value.
    pub fn entries(&self) -> Vec<(String, Option<String>)> {
        let emulated = Some(self.emulated.to_string());
        let named = [
            ("device", &self.device),
            ("architecture", &self.architecture),
            ("emulated", &emulated),
            ("driver", &self.driver),
            ("runtime", &self.runtime),
            ("compiler", &self.compiler),
            ("partition_mode", &self.partition_mode),
            ("power_cap", &self.power_cap),
            ("default_core_clock", &self.default_core_clock),
            ("default_memory_clock", &self.default_memory_clock),
            ("host_processor", &self.host_processor),
        ];
        let configuration = self.configuration.iter();
        let configuration = configuration.map(|(key, value)| (format!("configuration.{key}"), Some(value.clone())));
        named.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).chain(configuration).collect()
    }
}

/// Backends whose driver does not say leave the text empty or write `unknown`.
fn known(text: &str) -> Option<String> {
    (!matches!(text, "" | "unknown")).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::backend::BackendKind;

    use super::*;

    fn device() -> DeviceInfo {
        DeviceInfo {
            id: "hip:0".to_owned(),
            backend: BackendKind::Hip,
            name: "AMD Instinct MI300X".to_owned(),
            architecture: "gfx942".to_owned(),
            wave_size: 64,
            multiprocessors: 304,
            l2_bytes: 4 << 20,
            last_level_bytes: 256 << 20,
            memory_bytes: 192 << 30,
            shared_bytes_per_block: 64 << 10,
            max_threads_per_block: 1024,
            driver_version: String::new(),
            runtime_version: "7.1".to_owned(),
            compiler: "hiprtc 7.1 -O3".to_owned(),
            emulated: false,
            details: vec![
                (PCI_BUS_ID_DETAIL.to_owned(), "0000:c1:00.0".to_owned()),
                ("HSA_OVERRIDE_GFX_VERSION".to_owned(), "9.4.2".to_owned()),
            ],
        }
    }

    fn keys() -> ComparabilityKeys {
        let facts = TelemetryFacts {
            driver_version: Some("6.16.6".to_owned()),
            partition_mode: Some("SPX/NPS1".to_owned()),
            power_limit_watts: Some(750.0),
            default_core_clock_mhz: Some(2100.0),
            ..TelemetryFacts::default()
        };
        let host = HostFacts { processor: Some("EPYC".to_owned()), ..HostFacts::default() };
        ComparabilityKeys::new(&device(), &facts, &host)
    }

    #[test]
    fn runs_of_one_machine_are_comparable_on_any_slot() {
        let mut elsewhere = device();
        elsewhere.details[0].1 = "0000:41:00.0".to_owned();
        let (facts, host) = (TelemetryFacts::default(), HostFacts::default());
        let keys = ComparabilityKeys::new(&device(), &facts, &host);
        assert_eq!(keys.differences(&ComparabilityKeys::new(&elsewhere, &facts, &host)), []);
    }

    #[test]
    fn every_key_that_differs_is_named_with_both_values() {
        type Change = fn(&mut ComparabilityKeys);
        let other = || Some("other".to_owned());
        let changes: [(&str, Change); 12] = [
            ("device", |keys| keys.device = Some("other".to_owned())),
            ("architecture", |keys| keys.architecture = Some("other".to_owned())),
            ("driver", |keys| keys.driver = Some("other".to_owned())),
            ("runtime", |keys| keys.runtime = Some("other".to_owned())),
            ("compiler", |keys| keys.compiler = Some("other".to_owned())),
            ("partition_mode", |keys| keys.partition_mode = Some("other".to_owned())),
            ("power_cap", |keys| keys.power_cap = Some("other".to_owned())),
            ("default_core_clock", |keys| keys.default_core_clock = Some("other".to_owned())),
            ("default_memory_clock", |keys| keys.default_memory_clock = Some("other".to_owned())),
            ("host_processor", |keys| keys.host_processor = Some("other".to_owned())),
            ("configuration.HSA_OVERRIDE_GFX_VERSION", |keys| keys.configuration[0].1 = "other".to_owned()),
            ("configuration.schedule", |keys| keys.configuration.push(("schedule".to_owned(), "other".to_owned()))),
        ];
        for (key, change) in changes {
            let (original, mut changed) = (keys(), keys());
            change(&mut changed);
            let found = original.differences(&changed);
            let left = original.entries().into_iter().find(|(name, _)| name == key).and_then(|(_, value)| value);
            assert_eq!(found, [Difference { key: key.to_owned(), left, right: other() }]);
            let back = changed.differences(&original);
            assert_eq!((back.len(), &back[0].left, &back[0].right), (1, &found[0].right, &found[0].left));
        }
        let emulated = ComparabilityKeys { emulated: true, ..keys() };
        assert_eq!(keys().differences(&emulated)[0].to_string(), "emulated: `false` against `true`");
    }

    #[test]
    fn a_key_that_one_side_does_not_know_differs() {
        let unknown = ComparabilityKeys { power_cap: None, ..keys() };
        let found = keys().differences(&unknown);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "power_cap: `750 W` against not known");
        assert_eq!(unknown.differences(&unknown.clone()), [], "unknown on both sides is no difference to name");
    }

    #[test]
    fn keys_survive_json_and_older_files_lack_some() {
        let text = serde_json::to_string(&keys()).expect("plain data");
        assert_eq!(serde_json::from_str::<ComparabilityKeys>(&text).expect("its own output"), keys());
        let older: ComparabilityKeys = serde_json::from_str(r#"{"device":"AMD Instinct MI300X"}"#).expect("older file");
        assert!(older.differences(&keys()).iter().all(|difference| difference.left.is_none()));
    }
}

//! What parts must have in common before their rows may stand in one table.

use crate::backend::telemetry::{HostFacts, TelemetryFacts};
use crate::profiling::{ComparabilityKeys, Difference};

use super::super::RunRecord;

/// The keys that two parts differ in: the list of cases, the code, the device, and the conditions of their sweeps.
/// Empty if they may be merged. A part that measured nothing has no conditions of a sweep and differs in none.
pub fn disagreements(left: &RunRecord, right: &RunRecord) -> Vec<Difference> {
    let (ours, theirs) = (entries(left), entries(right));
    let pairs = ours.into_iter().zip(theirs);
    let mut found: Vec<Difference> = pairs
        .filter(|((_, left), (_, right))| left != right)
        .map(|((key, left), (_, right))| Difference { key: key.to_owned(), left: Some(left), right: Some(right) })
        .collect();
    found.extend(device_keys(left).differences(&device_keys(right)));
    if let (Some(left), Some(right)) = (&left.conditions, &right.conditions) {
        for difference in left.comparability.differences(&right.comparability) {
            if !found.iter().any(|known| known.key == difference.key) {
                found.push(difference);
            }
        }
    }
    found
}

/// What the device says of itself, known to every run.
fn device_keys(record: &RunRecord) -> ComparabilityKeys {
    ComparabilityKeys::new(&record.device, &TelemetryFacts::default(), &HostFacts::default())
}

fn entries(record: &RunRecord) -> Vec<(&'static str, String)> {
    let RunRecord { selection, build, device, .. } = record;
    let part = selection.partition.as_ref();
    vec![
        ("suites", selection.suites.join(", ")),
        ("seed", selection.seed.map_or("none".to_owned(), |seed| seed.to_string())),
        ("parts", part.map_or(0, |part| part.parts).to_string()),
        ("cases", part.map_or(String::new(), |part| part.ids_sha256.clone())),
        ("version", build.version.clone()),
        ("commit", build.commit.clone()),
        ("dirty", build.dirty.to_string()),
        ("kernels_sha256", build.kernels_sha256.clone()),
        ("wave_size", device.wave_size.to_string()),
        ("multiprocessors", if device.emulated { String::new() } else { device.multiprocessors.to_string() }),
        ("memory_bytes", if device.emulated { String::new() } else { device.memory_bytes.to_string() }),
    ]
}

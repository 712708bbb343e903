//! Where the numbers come from.

use maud::{Markup, html};

use super::super::run_data::RunData;
use super::super::run_record::RunStatus;
use super::numbers::{bytes, grouped, significant};

pub fn provenance(run: &RunData) -> Markup {
    let record = &run.record;
    let (device, machine, build) = (&record.device, &record.machine, &record.build);
    let commit = match build.commit.as_str() {
        "" => "unknown, built outside of a checkout".to_string(),
        commit if build.dirty => format!("{commit}, with uncommitted changes"),
        commit => commit.to_string(),
    };
    let ended = match (record.status, record.ended.as_deref()) {
        (RunStatus::Complete, Some(ended)) => ended.to_string(),
        (RunStatus::Partial, Some(ended)) => format!("{ended}, before its end"),
        _ => "never: it was killed or is still at work".to_string(),
    };
    let mut facts: Vec<(&str, String)> = vec![
        ("Command", record.command.join(" ")),
        ("Started", record.started.clone()),
        ("Ended", ended),
        ("Suites", record.selection.suites.join(", ")),
        ("Cases selected", grouped(record.selection.cases as u64)),
        ("Seed", record.selection.seed.map_or(String::new(), |seed| seed.to_string())),
        ("hipgauge", build.version.clone()),
        ("Commit", commit),
        ("Kernel sources", format!("SHA-256 {}", build.kernels_sha256)),
        ("Kernel folder", build.kernels_folder.clone().unwrap_or_default()),
        ("Device", format!("{} ({})", device.name, device.id)),
        ("Architecture", format!("{}, wave {}", device.architecture, device.wave_size)),
        ("Multiprocessors", grouped(u64::from(device.multiprocessors))),
        ("Caches", format!("L2 {}, last level {}", bytes(device.l2_bytes), bytes(device.last_level_bytes))),
        ("Device memory", bytes(device.memory_bytes)),
        ("Driver", device.driver_version.clone()),
        ("Runtime", device.runtime_version.clone()),
        ("Compiler", device.compiler.clone()),
        ("CPU", format!("{}, {} threads", machine.cpu, machine.cores)),
        ("Host memory", bytes(machine.memory_bytes)),
        ("System", format!("{}, {}", machine.os, machine.kernel)),
    ];
    if let Some(roofs) = &record.roofs {
        facts.extend([
            ("Copy roof, own kernel", format!("{} GB/s", significant(roofs.copy_gbps))),
            ("Copy roof, device memcpy", format!("{} GB/s", significant(roofs.memcpy_gbps))),
            ("Read roof", format!("{} GB/s", significant(roofs.read_gbps))),
            ("Write roof", format!("{} GB/s", significant(roofs.write_gbps))),
            ("Arithmetic roof, f32", format!("{} TFLOP/s", significant(roofs.fma_tflops))),
            ("Empty launch", format!("{} µs", significant(roofs.empty_launch_us))),
            ("Timer resolution", format!("{} µs", significant(roofs.timer_resolution_us))),
        ]);
    }
    if let Some(conditions) = &record.conditions {
        let named = [
            ("Power limit", "power_cap"),
            ("Default core clock", "default_core_clock"),
            ("Default memory clock", "default_memory_clock"),
            ("Partition mode", "partition_mode"),
        ];
        let entries = conditions.comparability.entries();
        let value = |key| entries.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.clone());
        facts.extend(named.map(|(name, key)| (name, value(key).unwrap_or_default())));
        facts.push(("Frequency governor", conditions.host.governor.clone().unwrap_or_default()));
    }
    html! {
        dl.facts {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd { (value) } }
            }
            @for (name, value) in &device.details { div { dt { (name) } dd { (value) } } }
        }
    }
}

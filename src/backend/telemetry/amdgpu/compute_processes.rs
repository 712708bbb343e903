//! Processes that compute on an AMD device, as the kernel's KFD driver lists them.

use std::path::Path;

use crate::backend::telemetry::{PciBusId, TelemetryError};

use super::folder::Folder;

/// Processes that hold memory on the device at `bus`, this one included.
pub fn compute_processes(sysfs: &Path, bus: PciBusId) -> Result<u32, TelemetryError> {
    let kfd = sysfs.join("class/kfd/kfd");
    let nodes = Folder::open(kfd.join("topology/nodes"))?.folders()?;
    // In a partitioned device every partition is a node of its own.
    let partitions: Vec<String> = nodes.iter().filter_map(|node| partition_at(node, bus)).collect();
    if partitions.is_empty() {
        let reason = format!("no node at {bus}");
        return Err(TelemetryError::File { path: kfd.join("topology/nodes"), reason });
    }
    let processes = Folder::open(kfd.join("proc"))?.folders()?;
    let holds_memory = |process: &&Folder| {
        // A process that opened KFD has a file for every device, with 0 where it allocated nothing.
        partitions.iter().any(|id| process.number(&format!("vram_{id}")).is_ok_and(|bytes| bytes > 0.0))
    };
    Ok(processes.iter().filter(holds_memory).count() as u32)
}

/// The KFD's id of a node, if the node is at `bus`.
fn partition_at(node: &Folder, bus: PciBusId) -> Option<String> {
    let properties = node.text("properties").ok()?;
    let property = |name: &str| {
        let line = properties.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse::<u32>().ok())
    };
    let here = property("location_id") == Some(bus.location()) && property("domain") == Some(bus.domain);
    here.then(|| node.text("gpu_id").ok()).flatten()
}

//! What the device itself did between two runs, by what both measured of it.

use crate::profiling::Roofs;
use crate::report::RunData;

/// Smaller changes of a roof are its own noise: in two sweeps on an H100 whose times agreed, arithmetic differed by 0.1 % and
/// copies by 0.3 %.
const LEAST_CHANGE: f64 = 0.004;

/// A sentence when the roofs of two runs differ: times of all their cases may differ by as much, although no kernel changed. A
/// driver can name the same clock in both.
pub(super) fn device_drift(base: &RunData, candidate: &RunData) -> Option<String> {
    let (before, now) = base.record.roofs.as_ref().zip(candidate.record.roofs.as_ref())?;
    sentence(before, now)
}

fn sentence(before: &Roofs, now: &Roofs) -> Option<String> {
    let changes =
        [("arithmetic", now.fma_tflops / before.fma_tflops - 1.0), ("copies", now.copy_gbps / before.copy_gbps - 1.0)];
    if changes.iter().all(|(_, change)| change.abs() < LEAST_CHANGE) {
        return None;
    }
    let told = changes.map(|(what, change)| format!("{what} by {:+.1} %", 100.0 * change));
    Some(format!(
        "the device itself changed speed between the runs, {}: all cases may have moved by as much",
        told.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roofs(fma_tflops: f64, copy_gbps: f64) -> Roofs {
        Roofs {
            copy_gbps,
            memcpy_gbps: 2900.0,
            read_gbps: 2700.0,
            write_gbps: 3000.0,
            fma_tflops,
            buffer_bytes: 1 << 28,
            empty_launch_us: 3.0,
            timer_resolution_us: 0.032,
        }
    }

    #[test]
    fn a_device_that_ran_faster_is_named_and_its_noise_is_not() {
        // Two sweeps of one program on an H100 whose driver said 1980 MHz in both: their times differed by 0.75 %.
        let told = sentence(&roofs(64.363, 2810.3), &roofs(64.815, 2808.6)).expect("0.7 %");
        assert!(told.contains("arithmetic by +0.7 %, copies by -0.1 %"), "{told}");
        assert_eq!(sentence(&roofs(64.295, 2802.3), &roofs(64.355, 2810.3)), None);
        assert!(sentence(&roofs(64.0, 2800.0), &roofs(64.0, 2700.0)).is_some());
    }
}

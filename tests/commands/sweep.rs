//! `hipgauge sweep` on the emulator, by the files it leaves.

use std::path::Path;

use assert_cmd::Command;
use hipgauge::report::RunData;

/// Sweeps eight small cases and reads the run.
fn sweep(folder: &Path, seed: &str) -> RunData {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["sweep", "--device", "host", "--mode", "cold", "--time-limit", "0.001", "--seed", seed]);
    for columns in 1..=8 {
        command.arg("--case").arg(format!("rms_norm/f32/1x{columns}/normal"));
    }
    command.arg("--out").arg(folder).assert().success();
    RunData::load(folder).expect("a complete run")
}

/// When each case was measured, in the suite's order.
fn turns(run: &RunData) -> Vec<u64> {
    run.measurements.iter().map(|measurement| measurement.measured_position).collect()
}

#[test]
fn the_seed_shuffles_the_cases_and_the_report_is_in_the_suites_order() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let first = sweep(&folder.path().join("1"), "1");
    let mut sorted = turns(&first);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..8).collect::<Vec<u64>>());
    assert_ne!(turns(&first), sorted, "measured in another order than listed");
    let columns: Vec<u64> = first.measurements.iter().map(|measurement| measurement.columns).collect();
    assert_eq!(columns, (1..=8).collect::<Vec<u64>>(), "and read in the order listed");
    assert_eq!(turns(&sweep(&folder.path().join("2"), "1")), turns(&first), "one seed, one order");
    assert_ne!(turns(&sweep(&folder.path().join("3"), "2")), turns(&first));
}

#[test]
fn an_emulated_sweep_has_conditions_and_no_number_of_a_gpu() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let run = sweep(&folder.path().join("run"), "0");
    assert_eq!(run.measurements.len(), 8);
    for one in &run.measurements {
        let numbers = [one.gbps, one.roof_share, one.tflops, one.floor_multiple, one.roofline_us, one.roofline_share];
        assert_eq!((numbers, one.binding_roof), ([None; 6], None), "{}", one.case);
        assert_eq!((one.throttled_blocks, one.throttle.as_str()), (0, ""), "{}", one.case);
    }
    assert_eq!(run.record.roofs, None);
    let conditions = run.record.conditions.expect("the sweep began");
    assert!(conditions.comparability.emulated);
    assert_eq!(conditions.telemetry.source.as_deref(), Some("procfs"));
}

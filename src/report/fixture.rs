//! Made-up rows, for tests of what is written and drawn.

use crate::backend::{BackendKind, DeviceInfo, KernelLibrary};
use crate::operation::{OutputJudgement, WorstElement};
use crate::profiling::{Mode, Roof, Roofs, Sample};
use crate::sweep::{Measurement, Problem};
use crate::verify::{Status, Verdict};

use super::{Build, RunRecord, Selection};

/// The device of every fixture.
pub fn device() -> DeviceInfo {
    DeviceInfo {
        id: "hip:0".to_string(),
        backend: BackendKind::Hip,
        name: "Made-up Instinct".to_string(),
        architecture: "gfx942".to_string(),
        wave_size: 64,
        multiprocessors: 304,
        l2_bytes: 4 << 20,
        last_level_bytes: 256 << 20,
        memory_bytes: 192 << 30,
        shared_bytes_per_block: 65536,
        max_threads_per_block: 1024,
        driver_version: "6.10".to_string(),
        runtime_version: "7.0".to_string(),
        compiler: "hiprtc 7.0".to_string(),
        emulated: false,
        details: vec![("partition mode".to_string(), "SPX".to_string())],
    }
}

/// A run of two suites that has just begun.
pub fn record() -> RunRecord {
    let selection = Selection { suites: vec!["quick".to_string()], seed: None, cases: 6, partition: None };
    let command = ["hipgauge", "run", "--suite", "quick"].map(String::from).to_vec();
    let build = Build::new("0.1.0", "abc123", true, &KernelLibrary::embedded());
    let mut record = RunRecord::begin(command, selection, build, device());
    record.roofs = Some(Roofs {
        copy_gbps: 4000.0,
        memcpy_gbps: 3900.0,
        read_gbps: 4200.0,
        write_gbps: 3800.0,
        fma_tflops: 120.0,
        buffer_bytes: 1 << 30,
        empty_launch_us: 2.5,
        timer_resolution_us: 0.04,
    });
    record
}

/// A verdict of `status` on `operation` with the given number of columns.
pub fn verdict(operation: &str, columns: u64, status: Status) -> Verdict {
    let failed = status == Status::Failed;
    let worst = WorstElement { row: 3, column: 7, expected: 1.5, actual: f64::NAN, ulp: u64::MAX };
    let judgement = OutputJudgement {
        output: "y".to_string(),
        elements: 16 * columns,
        failed_elements: u64::from(failed),
        max_ulp: if failed { u64::MAX } else { 1 },
        bit_equal: 0.998,
        nmse: Some(2.5e-6),
        failures: if failed { vec!["1 element over 1 ULP".to_string()] } else { Vec::new() },
        worst: Some(worst),
        only_statistical: false,
        notes: vec!["a note, with a comma".to_string()],
    };
    let case = format!("{operation}/bf16/16x{columns}/normal");
    Verdict {
        operation: operation.to_string(),
        dtype: "bf16".to_string(),
        rows: 16,
        columns,
        class: "normal".to_string(),
        seed: 0,
        device: "hip:0".to_string(),
        architecture: "gfx942".to_string(),
        wave_size: 64,
        status,
        reason: match status {
            Status::Passed => String::new(),
            Status::Failed => "y: 1 element over 1 ULP\n  x[3, 7] = <\"quoted\">".to_string(),
            Status::Skipped => "beyond the emulator's budget".to_string(),
            Status::Errored => "out of memory".to_string(),
        },
        seconds: 0.25,
        reproduce: format!("hipgauge verify --device hip:0 --case '{case}'"),
        judgements: if matches!(status, Status::Passed | Status::Failed) { vec![judgement] } else { Vec::new() },
        case,
    }
}

/// A measurement of the case that `verdict` is about.
pub fn measurement(operation: &str, columns: u64, mode: Mode) -> Measurement {
    let median_us = 3.0 + columns as f64 / if mode == Mode::Cold { 900.0 } else { 1300.0 };
    let bytes = 16 * columns * 4;
    let gbps = bytes as f64 / median_us / 1e3;
    Measurement {
        case: format!("{operation}/bf16/16x{columns}/normal"),
        operation: operation.to_string(),
        dtype: "bf16".to_string(),
        rows: 16,
        columns,
        parameters: String::new(),
        device: "hip:0".to_string(),
        architecture: "gfx942".to_string(),
        suite_position: columns,
        measured_position: 1_000_000 - columns,
        mode,
        n: 24,
        rounds: 4,
        rejected: 0,
        median_us,
        ci_low_us: Some(median_us * 0.98),
        ci_high_us: Some(median_us * 1.03),
        min_us: median_us * 0.95,
        p5_us: median_us * 0.96,
        p95_us: median_us * 1.1,
        bytes,
        gbps: Some(gbps),
        roof_share: Some(gbps / 4000.0),
        tflops: None,
        floor_multiple: Some(median_us / 2.5),
        roofline_us: Some(bytes as f64 / 4e6),
        roofline_share: Some(gbps / 4000.0),
        binding_roof: Some(Roof::Memory),
        launches_per_sample: if mode == Mode::Cold { 1 } else { 32 },
        replicas: 16,
        checked_launches: Some(if mode == Mode::Cold { 24 } else { 384 }),
        input_sets: Some(2),
        output_hash: "0123456789abcdef fedcba9876543210".to_string(),
        fully_checked_ordinal: Some(11),
        warm_up: "stable after 25 ms".to_string(),
        stop_reason: "converged".to_string(),
        throttled_blocks: 1,
        throttle: String::new(),
        core_clock_before_mhz: Some(2100.0),
        core_clock_after_mhz: Some(2090.5),
        chain_before_steps_per_us: Some(521.3),
        chain_after_steps_per_us: Some(519.9),
        memory_clock_before_mhz: Some(1300.0),
        memory_clock_after_mhz: Some(1300.0),
        power_before_watts: Some(512.0),
        power_after_watts: None,
        temperature_before_celsius: Some(55.0),
        temperature_after_celsius: Some(57.0),
        flags: String::new(),
        emulated: false,
        registers: Some(40),
        scalar_registers: Some(32),
        accumulation_registers: Some(0),
        shared_bytes: Some(256),
        scratch_bytes: Some(0),
        spilled_registers: Some(0),
        code_bytes: Some(2816),
        occupancy: Some(0.75),
        code_identity: "c0de".repeat(16),
        steps: None,
    }
}

/// An accepted sample.
pub fn sample(mode: Mode, ordinal: u32) -> Sample {
    Sample {
        mode,
        ordinal,
        block: 0,
        round: 0,
        seconds: 4.2e-6 + f64::from(ordinal) * 1e-8,
        launches: 1,
        rejection: None,
    }
}

/// A case that could not be measured.
pub fn problem() -> Problem {
    Problem { case: "top_k/bf16/16x1024/normal".to_string(), fatal: true, reason: "other bits".to_string() }
}

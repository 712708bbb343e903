//! A made-up run of many cases, the same one every time.

use std::path::Path;

use hipgauge::backend::{BackendKind, DeviceInfo, KernelLibrary};
use hipgauge::operation::{OutputJudgement, WorstElement};
use hipgauge::profiling::statistics::{Confidence, SplitMix64, correlated_median_interval, median, percentile, sorted};
use hipgauge::profiling::{Conditions, Mode, Roof, Roofs, Sample};
use hipgauge::report::{Build, RunDirectory, RunRecord, RunStatus, Selection};
use hipgauge::sweep::{Measurement, Problem, SweepSink};
use hipgauge::verify::{Status, Verdict, VerdictSink};
use serde_json::{Value, json};

/// Cases that pass and are measured, cold and hot.
pub const MEASURED: usize = 2000;
pub const FAILED: usize = 12;
pub const ERRORED: usize = 3;
pub const SKIPPED: usize = 20;

/// Samples of each case and mode.
pub const SAMPLES: u32 = 50;

/// What no report may take as markup.
pub const HOSTILE: &str = "</script><img src=x onerror=\"window.broken = true\"> & <b>\"quoted\"</b>";

const OPERATIONS: [&str; 4] = ["rms_norm", "swiglu", "top_k_sampling", "fused_sampler"];
const DTYPES: [&str; 2] = ["f16", "bf16"];
const ROWS: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024];
const COLUMNS: [u64; 25] = [
    64, 128, 256, 500, 512, 768, 1000, 1024, 1536, 2048, 2880, 3072, 4096, 4097, 5120, 6144, 7168, 8192, 11008, 12288,
    14336, 16384, 32000, 50257, 128256,
];
const COPY_GBPS: f64 = 4000.0;
const EMPTY_LAUNCH_US: f64 = 2.4;

/// Writes the rows of the run into an empty folder. Nothing is drawn.
pub fn write(folder: &Path) {
    let mut run = RunDirectory::create(folder, record()).expect("an empty folder");
    let roofs = Roofs {
        copy_gbps: COPY_GBPS,
        memcpy_gbps: 3912.0,
        read_gbps: 4270.0,
        write_gbps: 3788.0,
        fma_tflops: 121.5,
        buffer_bytes: 1 << 30,
        empty_launch_us: EMPTY_LAUNCH_US,
        timer_resolution_us: 0.04,
    };
    run.set_conditions(Some(roofs), Conditions::default()).expect("the disk has room");
    let mut random = SplitMix64::new(7);
    for (position, (operation, dtype, rows, columns)) in (0..).zip(shapes()) {
        let case = Shape { operation, dtype, rows, columns, class: "normal" };
        run.verdict(&case.verdict(Status::Passed, random.uniform())).expect("the disk has room");
        for mode in Mode::BOTH {
            measure(&mut run, &case, mode, position, &mut random);
        }
    }
    let others = [(Status::Failed, FAILED), (Status::Errored, ERRORED), (Status::Skipped, SKIPPED)];
    for (status, count) in others {
        for place in 0..count {
            let columns = COLUMNS[place % COLUMNS.len()];
            let case = Shape { operation: "swiglu", dtype: "bf16", rows: 3, columns, class: status.name() };
            run.verdict(&case.verdict(status, 0.5)).expect("the disk has room");
        }
    }
    let refused = Problem { case: "rms_norm/f16/1x64/normal".to_string(), fatal: false, reason: HOSTILE.to_string() };
    run.problem(&refused).expect("the disk has room");
    run.finish(RunStatus::Complete).expect("the disk has room");
}

fn shapes() -> impl Iterator<Item = (&'static str, &'static str, u64, u64)> {
    OPERATIONS.into_iter().flat_map(|operation| {
        DTYPES.into_iter().flat_map(move |dtype| {
            ROWS.into_iter()
                .flat_map(move |rows| COLUMNS.into_iter().map(move |columns| (operation, dtype, rows, columns)))
        })
    })
}

fn record() -> RunRecord {
    let selection =
        Selection { suites: vec!["synthetic".to_string()], seed: Some(0), cases: MEASURED, partition: None };
    let command = ["hipgauge", "run", "--suite", "synthetic"].map(String::from).to_vec();
    let build = Build::new("0.1.0", "0123456789abcdef", false, &KernelLibrary::embedded());
    let device = DeviceInfo {
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
    };
    RunRecord::begin(command, selection, build, device)
}

struct Shape {
    operation: &'static str,
    dtype: &'static str,
    rows: u64,
    columns: u64,
    class: &'static str,
}

impl Shape {
    fn id(&self) -> String {
        format!("{}/{}/{}x{}/{}", self.operation, self.dtype, self.rows, self.columns, self.class)
    }

    fn verdict(&self, status: Status, luck: f64) -> Verdict {
        let failed = status == Status::Failed;
        let ulp = if failed { u64::MAX } else { u64::from(luck > 0.4) };
        let judgement = OutputJudgement {
            output: "y".to_string(),
            elements: self.rows * self.columns,
            failed_elements: u64::from(failed),
            max_ulp: ulp,
            bit_equal: 1.0 - luck * 0.004,
            nmse: Some(1e-8 + luck * 2e-6),
            failures: if failed { vec!["1 element outside 1 ULP".to_string()] } else { Vec::new() },
            worst: Some(WorstElement {
                row: 0,
                column: 7,
                expected: 1.5,
                actual: if failed { f64::NAN } else { 1.5078125 },
                ulp,
            }),
            only_statistical: false,
            notes: Vec::new(),
        };
        let case = self.id();
        Verdict {
            operation: self.operation.to_string(),
            dtype: self.dtype.to_string(),
            rows: self.rows,
            columns: self.columns,
            class: self.class.to_string(),
            seed: 0,
            device: "hip:0".to_string(),
            architecture: "gfx942".to_string(),
            wave_size: 64,
            status,
            reason: match status {
                Status::Passed => String::new(),
                Status::Failed => format!("wrong y: 1 element outside 1 ULP\n{HOSTILE}"),
                Status::Errored => "out of memory: 48.0 GiB asked for, 40.1 GiB free".to_string(),
                Status::Skipped => "needs 62.5 GiB, more than the device has".to_string(),
            },
            seconds: 0.02 + luck / 5.0,
            reproduce: format!("hipgauge verify --device hip:0 --case '{case}'"),
            judgements: if matches!(status, Status::Passed | Status::Failed) { vec![judgement] } else { Vec::new() },
            case,
        }
    }
}

fn measure(run: &mut RunDirectory, case: &Shape, mode: Mode, position: u64, random: &mut SplitMix64) {
    let bytes = case.rows * case.columns * 4;
    let roofline_us = bytes as f64 / COPY_GBPS / 1e3;
    let (start, slowdown) = if mode == Mode::Cold { (4.1, 1.2) } else { (2.6, 1.08) };
    let level = start + roofline_us * slowdown;
    let id = case.id();
    let mut times = Vec::new();
    for ordinal in 0..SAMPLES {
        // A right tail, and now and then an outlier, as real devices have.
        let tail = random.uniform().powi(3) * 0.04 + if random.below(40) == 0 { 0.15 } else { 0.0 };
        let us = level * (1.0 + 0.004 * random.uniform() + tail);
        times.push(us);
        let sample = Sample { mode, ordinal, block: 0, round: 0, seconds: us * 1e-6, launches: 1, rejection: None };
        run.sample(&id, &sample).expect("the disk has room");
    }
    let ordered = sorted(&times);
    let rank = |percent| percentile(&ordered, percent).expect("there are samples");
    let median_us = median(&ordered).expect("there are samples");
    let interval = correlated_median_interval(&times, Confidence::new(0.95).expect("between 0 and 1"));
    let gbps = bytes as f64 / median_us / 1e3;
    let in_cache = mode == Mode::Hot && bytes < 1 << 20;
    let near_floor = median_us < 3.0 * EMPTY_LAUNCH_US;
    let flags = [(near_floor, "near-floor"), (in_cache, "in-cache")];
    let flags: Vec<_> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    let mut row = json!({
        "case": id, "operation": case.operation, "dtype": case.dtype, "rows": case.rows, "columns": case.columns,
        "parameters": "", "device": "hip:0", "architecture": "gfx942", "suite_position": position,
        "measured_position": position, "mode": mode, "n": SAMPLES, "rejected": 0,
    });
    let times = json!({
        "median_us": median_us, "ci_low_us": interval.map(|interval| interval.low),
        "ci_high_us": interval.map(|interval| interval.high), "min_us": ordered[0], "p5_us": rank(5.0),
        "p95_us": rank(95.0), "stop_reason": "converged", "flags": flags.join(" "), "emulated": false,
    });
    let rates = json!({
        "bytes": bytes, "gbps": gbps, "floor_multiple": median_us / EMPTY_LAUNCH_US, "roofline_us": roofline_us,
        "roof_share": Some(gbps / COPY_GBPS).filter(|_| !in_cache),
        "roofline_share": Some(roofline_us / median_us).filter(|_| !in_cache), "binding_roof": Roof::Memory,
    });
    let launches = json!({
        "launches_per_sample": if mode == Mode::Cold { 1 } else { 32 }, "replicas": 16, "throttled_blocks": 0,
        "throttle": "", "core_clock_before_mhz": 2100.0, "core_clock_after_mhz": 2090.0, "power_before_watts": 512.0,
    });
    for part in [times, rates, launches] {
        let (Some(row), Value::Object(part)) = (row.as_object_mut(), part) else { unreachable!("objects above") };
        row.extend(part);
    }
    // By name, because whatever else a row may hold can be missing from older runs.
    let measurement: Measurement = serde_json::from_value(row).expect("a row of summary.csv");
    run.measurement(&measurement).expect("the disk has room");
}

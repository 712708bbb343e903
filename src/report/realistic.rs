//! A made-up run of a few hundred cases on a made-up device that behaves like one: a launch floor, caches, roofs,
//! and noise, all from fixed numbers.

use std::path::Path;

use crate::profiling::statistics::{Confidence, SplitMix64, correlated_median_interval, median, percentile, sorted};
use crate::profiling::{Mode, Rejection, Roof, Sample};
use crate::sweep::{Measurement, SweepSink};
use crate::verify::{Status, Verdict, VerdictSink};

use super::fixture::{measurement, record, verdict};
use super::{RunDirectory, RunRecord, RunStatus};

const COPY_GBPS: f64 = 4000.0;
const FMA_TFLOPS: f64 = 120.0;
const LAUNCH_US: f64 = 2.5;
const CACHE_BYTES: f64 = (260u64 << 20) as f64;

/// One operation's share of the run.
struct Kind {
    operation: &'static str,
    rows: &'static [u64],
    columns: &'static [u64],
    parameters: &'static [&'static str],
    /// Tensors of the problem's size that are moved.
    tensors: f64,
    flops_per_element: f64,
    /// Share of the roof at large sizes.
    efficiency: f64,
}

const HIDDEN: &[u64] = &[128, 896, 1024, 1536, 2048, 2304, 3584, 4096, 5120, 7168, 8192, 12288, 16384];
const INTERMEDIATE: &[u64] = &[2048, 4864, 8192, 11008, 14336, 18432, 28672];
const VOCABULARY: &[u64] = &[32000, 128256, 129280, 151936, 256000, 262144];

const KINDS: &[Kind] = &[
    Kind {
        operation: "rms_norm",
        rows: &[1, 64, 1024],
        columns: HIDDEN,
        parameters: &[""],
        tensors: 2.0,
        flops_per_element: 4.0,
        efficiency: 0.87,
    },
    Kind {
        operation: "swiglu",
        rows: &[1, 64, 512, 16384],
        columns: INTERMEDIATE,
        parameters: &[""],
        tensors: 3.0,
        flops_per_element: 12.0,
        efficiency: 0.94,
    },
    Kind {
        operation: "top_k",
        rows: &[1, 64],
        columns: VOCABULARY,
        parameters: &["k=1", "k=50"],
        tensors: 1.0,
        flops_per_element: 0.0,
        efficiency: 0.6,
    },
    Kind {
        operation: "fused_sampler",
        rows: &[1, 64],
        columns: VOCABULARY,
        parameters: &["p=0.95,temperature=0.7", "k=50,p=0.95,temperature=0.7"],
        tensors: 1.0,
        flops_per_element: 0.0,
        efficiency: 0.41,
    },
];

/// Writes the whole run into `folder`, with times longer by `slowdown`.
pub fn write_run(folder: &Path, slowdown: f64) {
    write_run_as(folder, record(), slowdown);
}

/// The same as if `record` were of it.
pub fn write_run_as(folder: &Path, record: RunRecord, slowdown: f64) {
    let emulated = record.device.emulated;
    let mut run = RunDirectory::create(folder, record).expect("an empty directory");
    let mut random = SplitMix64::new(7);
    let mut position = 0;
    for kind in KINDS {
        for (dtype, size) in [("f32", 4.0), ("f16", 2.0), ("bf16", 2.0)] {
            for (rows, columns) in
                kind.rows.iter().flat_map(|rows| kind.columns.iter().map(move |columns| (rows, columns)))
            {
                for parameters in kind.parameters {
                    let shape = Shape { kind, dtype, size, rows: *rows, columns: *columns, parameters };
                    let checked = verdict(kind.operation, *columns, Status::Passed);
                    let checked = Verdict { case: shape.case(), dtype: dtype.to_string(), rows: *rows, ..checked };
                    run.verdict(&checked).expect("the disk has room");
                    for mode in Mode::BOTH {
                        let (samples, row) = shape.measure(mode, position, emulated, slowdown, &mut random);
                        for sample in &samples {
                            run.sample(&row.case, sample).expect("the disk has room");
                        }
                        run.measurement(&row).expect("the disk has room");
                    }
                    position += 1;
                }
            }
        }
    }
    run.finish(RunStatus::Complete).expect("the disk has room");
}

struct Shape<'a> {
    kind: &'a Kind,
    dtype: &'static str,
    size: f64,
    rows: u64,
    columns: u64,
    parameters: &'static str,
}

impl Shape<'_> {
    fn case(&self) -> String {
        let options = if self.parameters.is_empty() { String::new() } else { format!("{}/", self.parameters) };
        format!("{}/{}/{}x{}/{options}normal", self.kind.operation, self.dtype, self.rows, self.columns)
    }

    fn measure(
        &self,
        mode: Mode,
        position: u64,
        emulated: bool,
        slowdown: f64,
        random: &mut SplitMix64,
    ) -> (Vec<Sample>, Measurement) {
        let elements = (self.rows * self.columns) as f64;
        let bytes = elements * self.size * self.kind.tensors;
        let in_cache = mode == Mode::Hot && bytes * 16.0 < CACHE_BYTES && !emulated;
        let bandwidth = COPY_GBPS * self.kind.efficiency * if in_cache { 2.2 } else { 1.0 };
        let launch = if mode == Mode::Cold { LAUNCH_US * 1.6 } else { LAUNCH_US * 0.8 };
        let parameter_cost = if self.parameters.contains("k=50") { 1.3 } else { 1.0 };
        let typical = (launch + bytes / bandwidth / 1e3) * slowdown * parameter_cost;
        let typical = if emulated { elements * 0.02 + 30.0 } else { typical };
        // One case in forty is noisy, one in ninety was throttled once, one in seventy has rejected samples.
        let noise = if position % 40 == 11 { 0.06 } else { 0.004 };
        let throttled = position % 90 == 30 && mode == Mode::Hot;
        let rejected = if position % 70 == 20 { 3 } else { 0 };
        let mut uniform = || random.uniform();
        let mut samples = Vec::new();
        let mut times = Vec::new();
        let mut drift = 0.0;
        for ordinal in 0..40 + 20 * u32::from(throttled) {
            let block = u32::from(throttled && ordinal >= 20);
            drift = 0.7 * drift + noise * (uniform() + uniform() - 1.0);
            let tail = if uniform() > 0.96 { 1.0 + 6.0 * noise } else { 1.0 };
            let held_back = if throttled && block == 0 { 1.25 } else { 1.0 };
            let us = typical * (1.0 + drift) * tail * held_back;
            let rejection = (ordinal % 13 == 5 && rejected > 0).then_some(Rejection::BeatsRoof);
            let us = if rejection.is_some() { us * 0.4 } else { us };
            let launches = if mode == Mode::Cold { 1 } else { 32 };
            samples.push(Sample { mode, ordinal, block, round: 0, seconds: us * 1e-6, launches, rejection });
            if rejection.is_none() && block == u32::from(throttled) {
                times.push(us);
            }
        }
        let ordered = sorted(&times);
        let median_us = median(&ordered).expect("samples");
        let interval = correlated_median_interval(&times, Confidence::NINETY_FIVE_PERCENT);
        let flops = elements * self.kind.flops_per_element;
        let gbps = (!emulated).then(|| bytes / median_us / 1e3);
        let (memory, arithmetic) = (bytes / COPY_GBPS / 1e3, flops / FMA_TFLOPS / 1e6);
        let roofline_us = memory.max(arithmetic);
        let share = (!emulated && !in_cache).then(|| roofline_us / median_us);
        let flags = [
            (emulated, "emulated"),
            (!emulated && median_us < 3.0 * LAUNCH_US, "near-floor"),
            (in_cache, "in-cache"),
            (rejected > 0, "rejections"),
        ];
        let flags: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        let row = Measurement {
            case: self.case(),
            dtype: self.dtype.to_string(),
            rows: self.rows,
            parameters: self.parameters.to_string(),
            suite_position: position,
            measured_position: position * 37 % 331,
            n: times.len() as u64,
            rejected,
            median_us,
            ci_low_us: interval.map(|ends| ends.low),
            ci_high_us: interval.map(|ends| ends.high),
            min_us: ordered[0],
            p5_us: percentile(&ordered, 5.0).expect("samples"),
            p95_us: percentile(&ordered, 95.0).expect("samples"),
            bytes: bytes as u64,
            gbps,
            roof_share: share,
            tflops: (!emulated && flops > 0.0).then(|| flops / median_us / 1e6),
            floor_multiple: (!emulated).then_some(median_us / LAUNCH_US),
            roofline_us: (!emulated).then_some(roofline_us),
            roofline_share: share,
            binding_roof: (!emulated).then_some(if arithmetic > memory { Roof::Arithmetic } else { Roof::Memory }),
            throttled_blocks: u64::from(throttled),
            flags: flags.join(" "),
            emulated,
            ..measurement(self.kind.operation, self.columns, mode)
        };
        (samples, row)
    }
}

//! `cargo bench --bench kernels`: every registered operation under criterion, timed by events on the device.
//!
//! For those who want criterion's output, its comparison with the last time and its flags for a kernel in work. The
//! times are those of `hipgauge sweep`: the same timer takes them, and the outputs of the timed launches are checked.
//! Roofs, throttling and provenance are only in `sweep`.
//!
//! `HIPGAUGE_BENCH_DEVICE` is what `--device` is to hipgauge: auto (the default), host, hip:N or cuda:N.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{Criterion, SamplingMode, Throughput};
use hipgauge::backend::{Device, DeviceInfo, Event, KernelId, LaunchDimensions, OpenOptions, open};
use hipgauge::operation::{BindError, Case, ContractError, InputClass, Operation};
use hipgauge::profiling::{BlockPlan, KernelTimer, Mode, Rotation, TimerSettings};
use hipgauge::registry::OPERATIONS;
use hipgauge::suite::{Suite, SuiteCase};
use hipgauge::sweep::VerifiedCase;
use hipgauge::tensor::DType;

/// Criterion asks for the time of any number of launches; so many are timed, and their mean stands for the others.
const MOST_LAUNCHES: u64 = 50;

/// Time between two events on the device's stream, in seconds.
struct DeviceTime {
    device: Arc<dyn Device>,
}

impl DeviceTime {
    fn record(&self) -> Box<dyn Event> {
        let event = self.device.create_event().expect("the device makes events");
        self.device.record(&*event).expect("the stream takes events");
        event
    }
}

impl Measurement for DeviceTime {
    type Intermediate = Box<dyn Event>;
    type Value = f64;

    fn start(&self) -> Self::Intermediate {
        self.record()
    }

    fn end(&self, start: Self::Intermediate) -> f64 {
        let stop = self.record();
        self.device.elapsed_seconds(&*start, &*stop).expect("both events were recorded")
    }

    fn add(&self, first: &f64, second: &f64) -> f64 {
        first + second
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, seconds: &f64) -> f64 {
        *seconds
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Seconds
    }
}

/// Writes seconds on a device, and rates in powers of ten as hipgauge's files have them.
struct Seconds;

impl ValueFormatter for Seconds {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        let (factor, unit) = match typical {
            ..1e-6 => (1e9, "ns"),
            ..1e-3 => (1e6, "µs"),
            ..1.0 => (1e3, "ms"),
            _ => (1.0, "s"),
        };
        values.iter_mut().for_each(|value| *value *= factor);
        unit
    }

    fn scale_throughputs(&self, _typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let (amount, unit) = match *throughput {
            Throughput::Bytes(bytes) | Throughput::BytesDecimal(bytes) => (bytes as f64 / 1e9, "GB/s"),
            Throughput::ElementsAndBytes { bytes, .. } => (bytes as f64 / 1e9, "GB/s"),
            Throughput::Bits(bits) => (bits as f64 / 1e9, "Gb/s"),
            Throughput::Elements(elements) => (elements as f64 / 1e6, "million/s"),
        };
        values.iter_mut().for_each(|seconds| *seconds = amount / *seconds);
        unit
    }

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        values.iter_mut().for_each(|value| *value *= 1e9);
        "ns"
    }
}

fn main() -> ExitCode {
    let name = env::var("HIPGAUGE_BENCH_DEVICE").unwrap_or_else(|_| "auto".to_string());
    let device = match open(&name, &OpenOptions::default()) {
        Ok(selection) => selection.device,
        Err(error) => {
            eprintln!("error: HIPGAUGE_BENCH_DEVICE={name}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut criterion = Criterion::default()
        .with_measurement(DeviceTime { device: device.clone() })
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    bench_launching(&mut criterion, &device);
    bench_operations(&mut criterion, &device);
    criterion.final_summary();
    ExitCode::SUCCESS
}

/// What the numbers are. Criterion cuts long names off, so this comes first.
fn label(info: &DeviceInfo, mode: Mode) -> String {
    match (info.emulated, mode) {
        (true, mode) => format!("{mode}, emulator's time and no GPU's"),
        (false, Mode::Cold) => format!("cold, caches flushed, {}", info.id),
        (false, Mode::Hot) => format!("hot, back to back, {}", info.id),
    }
}

/// A kernel that does nothing, launched back to back: the step from launch to launch.
fn bench_launching(criterion: &mut Criterion<DeviceTime>, device: &Arc<dyn Device>) {
    let empty = device.load(&KernelId::new("profiling/bandwidth", "empty_kernel")).expect("built in");
    let dimensions = LaunchDimensions { grid: [1; 3], block: [1; 3], dynamic_shared_bytes: 0 };
    let mut group = criterion.benchmark_group(label(device.info(), Mode::Hot));
    group.bench_function("empty kernel", |bencher| {
        bencher.iter(|| device.launch(&empty, dimensions, &[]).expect("an empty kernel launches"));
    });
    group.finish();
}

fn bench_operations(criterion: &mut Criterion<DeviceTime>, device: &Arc<dyn Device>) {
    let settings = TimerSettings::for_device(device.info());
    let timer = KernelTimer::new(device, settings).unwrap_or_else(|error| panic!("no timer: {error}"));
    let cases = listed_cases(device.info());
    for operation in OPERATIONS {
        let Some(case) = typical_case(*operation, &cases) else {
            // The quick suite has nothing that only vendors' libraries compute.
            assert!(device.info().emulated, "no suite has a bf16 case of {}", operation.name());
            continue;
        };
        let mut rotation = match VerifiedCase::new(device, &case, 0) {
            Ok(VerifiedCase::Ready(rotation)) => rotation,
            Ok(VerifiedCase::Empty) => continue,
            Err(BindError::Contract(error @ ContractError::Device { .. })) => {
                eprintln!("skipped: {error}");
                continue;
            }
            Ok(VerifiedCase::Wrong(reason)) => panic!("{}: {reason}", case.id()),
            Err(error) => panic!("{}: {error}", case.id()),
        };
        for mode in Mode::BOTH {
            let mut group = criterion.benchmark_group(label(device.info(), mode));
            group.sampling_mode(SamplingMode::Flat);
            if !device.info().emulated {
                let cost = case.operation.cost(&case.problem);
                group.throughput(Throughput::BytesDecimal(cost.bytes()));
            }
            group.bench_function(case.id(), |bencher| {
                bencher.iter_custom(|launches| seconds_of(&timer, &mut rotation, mode, launches));
            });
            group.finish();
        }
    }
}

/// Seconds of so many launches. Panics when one of them computed something else than the reference allows.
fn seconds_of(timer: &KernelTimer, rotation: &mut Rotation, mode: Mode, launches: u64) -> f64 {
    let samples = launches.clamp(1, MOST_LAUNCHES) as usize;
    // Criterion warms up and stops by its own rules.
    let plan = BlockPlan {
        least_samples: samples,
        least_time: Duration::ZERO,
        most_samples: 2 * samples,
        warm_up: Duration::ZERO,
        launches: None,
        look_before: false,
        look_after: false,
        full_check: true,
    };
    let set = timer.short_block(rotation, mode, &plan);
    let set = set.unwrap_or_else(|error| panic!("{mode}: {error}"));
    if let Some(failure) = set.checks.as_ref().and_then(|checks| checks.failure()) {
        panic!("{mode}: {failure}");
    }
    assert!(!set.seconds.is_empty(), "{mode}: no interval was positive, so this device's events cannot time");
    set.seconds.iter().sum::<f64>() / set.seconds.len() as f64 * launches as f64
}

/// Shapes of a newcomer's run on the emulator, of the published figures on a GPU; what those lack comes last.
fn listed_cases(info: &DeviceInfo) -> Vec<SuiteCase> {
    let suites: &[&str] = if info.emulated { &["quick"] } else { &["peers", "quick"] };
    let load = |name: &&str| Suite::load(name, OPERATIONS).unwrap_or_else(|error| panic!("{error}")).cases;
    suites.iter().flat_map(load).collect()
}

/// The largest bf16 case of an operation in the first suite that has one.
fn typical_case(operation: &'static dyn Operation, cases: &[SuiteCase]) -> Option<Case> {
    let fits = |case: &&Case| {
        case.operation.name() == operation.name()
            && case.problem.dtype == DType::BF16
            && case.class == InputClass::Normal
    };
    let bytes = |case: &&Case| case.operation.cost(&case.problem).bytes();
    cases.iter().map(|listed| &listed.case).filter(fits).max_by_key(bytes).cloned()
}

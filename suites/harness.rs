//! `cargo bench --bench harness`: what hipgauge itself costs, on this machine's processor. No GPU is involved.
//!
//! `elem/s` is of what the label names in brackets.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use hipgauge::backend::{Argument, Device, HostOptions, KernelId, KernelLibrary, LaunchDimensions, OpenOptions, open};
use hipgauge::operation::{BoundProblem, Case};
use hipgauge::profiling::statistics::{
    Alternative, Confidence, SplitMix64, correlated_error_of_median, correlated_median_interval, mann_whitney,
    shift_between,
};
use hipgauge::profiling::{Mode, Sample, TimerSettings};
use hipgauge::registry::OPERATIONS;
use hipgauge::report::{Build, RunData, RunDirectory, RunRecord, RunStatus, Selection, draw_report};
use hipgauge::suite::{DEFAULT_HOST_BUDGET, Suite, parse_case_id, select_for_device};
use hipgauge::sweep::{Sweep, SweepOptions, SweepSink};
use hipgauge::tensor::HostTensor;
use hipgauge::verify::{VerifyOptions, verify};

/// One of numbers and one of draws.
const JUDGED_CASES: [&str; 2] =
    ["rms_norm/bf16/64x4096/normal", "fused_sampler/f32/8x32000/k=50,p=0.9,temperature=0.8/normal"];

/// Every thread of a block meets the others so many times.
const MEETINGS: u32 = 64;
const THREADS: u32 = 256;
const MEETING_KERNEL: &str = "#include \"portability.h\"\n
HG_KERNEL(meet, 256, (uint32_t meetings)) { for (uint32_t n = 0; n < meetings; n++) __syncthreads(); }\n";

/// Cases of the run that is written and drawn.
const REPORTED_SUITE: &str = "description = \"small cases\"\n
[[group]]\noperations = [\"rms_norm\", \"swiglu\"]\nrows = [1, 2, 3, 4, 5, 6, 7, 8]\ncolumns = [8, 16, 32, 64]\n";

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    bench_suites(&mut criterion);
    bench_references(&mut criterion);
    bench_statistics(&mut criterion);
    bench_emulator(&mut criterion);
    bench_reports(&mut criterion);
    criterion.final_summary();
}

fn host(library: KernelLibrary) -> Arc<dyn Device> {
    let options = OpenOptions { library: Arc::new(library), host: HostOptions::default() };
    open("host", &options).unwrap_or_else(|error| panic!("{error}")).device
}

fn bench_suites(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("suite to cases [cases]");
    for name in ["quick", "full"] {
        let load = || Suite::load(name, OPERATIONS).unwrap_or_else(|error| panic!("{error}"));
        group.throughput(Throughput::Elements(load().cases.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(load));
    }
    group.finish();
    let mut group = criterion.benchmark_group("case id to case [ids]");
    group.throughput(Throughput::Elements(1));
    group.bench_function(JUDGED_CASES[1], |bencher| bencher.iter(|| parse_case_id(JUDGED_CASES[1], OPERATIONS)));
    group.finish();
}

fn bench_references(criterion: &mut Criterion) {
    let device = host(KernelLibrary::embedded());
    for id in JUDGED_CASES {
        let case = parse_case_id(id, OPERATIONS).unwrap_or_else(|error| panic!("{error}"));
        let make_inputs = || case.operation.generate(&case.problem, case.class, case.seed);
        let inputs = make_inputs();
        let reference = case.operation.reference(&case.problem, &inputs);
        let outputs = outputs_of(&device, &case, &inputs);
        assert!(reference.judge(&outputs).iter().all(|judgement| judgement.passed()), "{id} is wrong");
        let mut group = criterion.benchmark_group(format!("{id} [elements]"));
        group.throughput(Throughput::Elements((case.problem.rows * case.problem.columns) as u64));
        group.bench_function("make inputs", |bencher| bencher.iter(make_inputs));
        group.bench_function("f64 reference", |bencher| {
            bencher.iter(|| case.operation.reference(&case.problem, &inputs));
        });
        group.bench_function("judge outputs", |bencher| bencher.iter(|| reference.judge(&outputs)));
        group.finish();
    }
}

fn outputs_of(device: &Arc<dyn Device>, case: &Case, inputs: &[HostTensor]) -> Vec<HostTensor> {
    let bound = BoundProblem::new(device, case.operation, &case.problem).unwrap_or_else(|error| panic!("{error}"));
    let launch = || {
        bound.upload(inputs)?;
        bound.poison(0xFF)?;
        bound.enqueue()?;
        device.synchronize()?;
        bound.download()
    };
    launch().unwrap_or_else(|error| panic!("{error}"))
}

fn bench_statistics(criterion: &mut Criterion) {
    let mut random = SplitMix64::new(1);
    let mut series =
        |count: usize| -> Vec<f64> { (0..count).map(|_| 1e-5 * (1.0 + 0.01 * random.uniform())).collect() };
    let (samples, base, candidate) = (series(1000), series(100), series(100));
    let confidence = Confidence::NINETY_FIVE_PERCENT;
    let mut group = criterion.benchmark_group("statistics");
    group.bench_function("one look of the stop rule at 1000 samples", |bencher| {
        bencher.iter(|| correlated_error_of_median(&samples));
    });
    group.bench_function("median's interval of 1000 samples", |bencher| {
        bencher.iter(|| correlated_median_interval(&samples, confidence));
    });
    group.bench_function("Hodges-Lehmann shift, 100 against 100 samples", |bencher| {
        bencher.iter(|| shift_between(&base, &candidate, confidence));
    });
    group.bench_function("Mann-Whitney, 100 against 100 samples", |bencher| {
        bencher.iter(|| mann_whitney(&base, &candidate, Alternative::TwoSided));
    });
    group.finish();
}

/// How fast the emulator goes from thread to thread: at a barrier it leaves each one and comes back to it.
fn bench_emulator(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("meetings.hip"), MEETING_KERNEL).expect("a temporary directory");
    let library = KernelLibrary::from_directory(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let device = host(library);
    let kernel = device.load(&KernelId::new("meetings", "meet")).unwrap_or_else(|error| panic!("{error}"));
    let dimensions = LaunchDimensions { grid: [1; 3], block: [THREADS, 1, 1], dynamic_shared_bytes: 0 };
    let mut group = criterion.benchmark_group("host emulator, one core [thread switches]");
    group.throughput(Throughput::Elements(u64::from(MEETINGS * THREADS)));
    group.bench_function(format!("{THREADS} threads at {MEETINGS} barriers"), |bencher| {
        bencher.iter(|| {
            device.launch(&kernel, dimensions, &[Argument::U32(MEETINGS)]).expect("a kernel without memory");
            device.synchronize().expect("nothing can fault");
        });
    });
    group.finish();
}

fn bench_reports(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let device = host(KernelLibrary::embedded());
    let cases = finished_run(&device, &folder.path().join("run"));
    let mut group = criterion.benchmark_group("run directory");
    group.throughput(Throughput::Elements(1));
    let mut rows = new_directory(&device, &folder.path().join("rows"), 1);
    let sample =
        Sample { mode: Mode::Cold, ordinal: 0, block: 0, round: 0, seconds: 4.2e-6, launches: 1, rejection: None };
    group.bench_function("one sample on its way to samples.csv [rows]", |bencher| {
        bencher.iter(|| rows.sample(JUDGED_CASES[0], &sample).expect("the disk has room"));
    });
    group.throughput(Throughput::Elements(cases));
    let run = folder.path().join("run");
    group.bench_function(format!("read a run of {cases} cases [cases]"), |bencher| {
        bencher.iter(|| RunData::load(&run).unwrap_or_else(|error| panic!("{error}")));
    });
    group.bench_function(format!("draw the report of {cases} cases, plots and HTML [cases]"), |bencher| {
        bencher.iter(|| draw_report(&run).unwrap_or_else(|error| panic!("{error}")));
    });
    group.finish();
}

fn new_directory(device: &Arc<dyn Device>, path: &Path, cases: usize) -> RunDirectory {
    let build = Build::new(env!("CARGO_PKG_VERSION"), "", false, &KernelLibrary::embedded());
    let selection = Selection { suites: Vec::new(), seed: None, cases, partition: None };
    let record = RunRecord::begin(vec!["hipgauge".to_string()], selection, build, device.info().clone());
    RunDirectory::create(path, record).unwrap_or_else(|error| panic!("{error}"))
}

/// A run as `hipgauge run` leaves it; gives the number of its cases.
fn finished_run(device: &Arc<dyn Device>, path: &Path) -> u64 {
    let suite = Suite::parse("bench", "suites/harness.rs", REPORTED_SUITE, OPERATIONS);
    let listed = suite.unwrap_or_else(|error| panic!("{error}")).cases;
    let selected = select_for_device(&listed, device.info(), DEFAULT_HOST_BUDGET);
    let mut directory = new_directory(device, path, selected.len());
    let stop = AtomicBool::new(false);
    let command = "hipgauge verify --device host".to_string();
    let options = VerifyOptions { jobs: NonZeroUsize::MIN, fail_fast: true, command, deadline: None };
    let summary = verify(device, &selected, &options, &stop, &mut directory).expect("the disk has room");
    assert_eq!(summary.passed, selected.len(), "{summary:?}");
    let settings = TimerSettings { time_limit: Duration::from_micros(100), ..TimerSettings::for_device(device.info()) };
    let library = Arc::new(KernelLibrary::embedded());
    let options = SweepOptions { modes: Mode::BOTH.to_vec(), settings, seed: 0, library };
    let mut sweep = Sweep::new(device, options).unwrap_or_else(|error| panic!("{error}"));
    let cases: Vec<Case> = selected.into_iter().map(|selected| selected.case).collect();
    let swept = sweep.run(&cases, &stop, &mut directory).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(swept.measured, cases.len(), "{swept:?}");
    directory.finish(RunStatus::Complete).unwrap_or_else(|error| panic!("{error}"));
    cases.len() as u64
}

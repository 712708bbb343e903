//! The host emulator's step counter: the same number every time, and a number that follows the work.

use std::path::Path;
use std::sync::Arc;

use hipgauge::backend::{
    Argument, Buffer, Device, HostDevice, HostOptions, KernelId, KernelLibrary, LaunchDimensions, Schedule,
};
use hipgauge::operation::BoundProblem;
use hipgauge::registry::OPERATIONS;
use hipgauge::suite::{Suite, parse_case_id};

fn device(memory_check: bool) -> HostDevice {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kernels");
    let library = KernelLibrary::from_directory(&directory).expect("the fixtures are kernels");
    let options = HostOptions { memory_check, ..HostOptions::default() };
    HostDevice::new(options, Arc::new(library)).expect("a C++ compiler")
}

fn buffer(device: &HostDevice, words: usize) -> Buffer {
    let buffer = device.allocate(words * 4, "words").expect("memory");
    device.fill(&buffer, 0, words * 4, 1).expect("it fits");
    buffer
}

/// Steps of one launch of a kernel of `work.hip`.
fn steps(device: &HostDevice, function: &str, [blocks, threads]: [u32; 2], arguments: &[Argument<'_>]) -> u64 {
    let kernel = device.load(&KernelId::new("emulator/work", function)).expect("it compiles");
    let dimensions = LaunchDimensions { grid: [blocks, 1, 1], block: [threads, 1, 1], dynamic_shared_bytes: 0 };
    device.take_steps();
    device.launch(&kernel, dimensions, arguments).expect("it runs");
    device.take_steps().expect("the checked copy counts")
}

fn sum_rows(device: &HostDevice, shape: [u32; 2], rows: u32, columns: u32) -> u64 {
    let x = buffer(device, (rows * columns) as usize);
    let y = buffer(device, shape[0] as usize);
    let arguments = [&y, &x].map(|buffer| Argument::Buffer { buffer, offset: 0 });
    let [y, x] = arguments;
    steps(device, "sum_rows", shape, &[y, x, Argument::U32(rows), Argument::U32(columns)])
}

fn turns(device: &HostDevice, kernel: &str, shape: [u32; 2], turns: u32) -> u64 {
    let y = buffer(device, shape[0] as usize);
    steps(device, kernel, shape, &[Argument::Buffer { buffer: &y, offset: 0 }, Argument::U32(turns)])
}

#[test]
fn one_more_row_costs_exactly_one_row() {
    let device = device(true);
    for (shape, columns) in [([1, 1], 10), ([1, 32], 10), ([7, 64], 33)] {
        let cost: Vec<u64> = (0..6).map(|rows| sum_rows(&device, shape, rows, columns)).collect();
        // The first row may be peeled off the loop; from the second on every row costs the same.
        let rows: Vec<u64> = cost.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(rows[1..].iter().all(|row| *row == rows[1]), "{cost:?}");
        let threads = u64::from(shape[0] * shape[1]);
        assert!(rows[1] >= threads * u64::from(columns) * 2, "a read and a loop turn per element: {rows:?}");
        assert_eq!(rows[1] % threads, 0, "every thread reads the row");
    }
    let element = |columns| sum_rows(&device, [1, 1], 9, columns) - sum_rows(&device, [1, 1], 8, columns);
    assert_eq!(element(65) - element(64), element(64) - element(63));
}

#[test]
fn loops_that_only_compute_and_barriers_count() {
    let device = device(true);
    for (kernel, shape) in [("compute", [3, 64]), ("barriers", [2, 128])] {
        let of = |count| turns(&device, kernel, shape, count);
        let turn = of(11) - of(10);
        assert!(turn >= u64::from(shape[0] * shape[1]), "{kernel}: {turn} steps a turn");
        assert_eq!(of(1010) - of(10), 1000 * turn, "{kernel}");
    }
}

#[test]
fn the_unchecked_copy_counts_nothing_and_says_so() {
    let device = device(false);
    turns_of_plain(&device);
    assert_eq!(device.take_steps(), None);
}

fn turns_of_plain(device: &HostDevice) {
    let kernel = device.load(&KernelId::new("emulator/work", "compute")).expect("it compiles");
    let dimensions = LaunchDimensions { grid: [1, 1, 1], block: [32, 1, 1], dynamic_shared_bytes: 0 };
    let y = buffer(device, 1);
    device.launch(&kernel, dimensions, &[Argument::Buffer { buffer: &y, offset: 0 }, Argument::U32(9)]).expect("runs");
}

#[test]
fn taking_empties_the_count_and_a_failed_launch_leaves_none() {
    let device = device(true);
    turns(&device, "compute", [1, 32], 10);
    assert_eq!(device.take_steps(), Some(0));
    let kernel = device.load(&KernelId::new("emulator/faults", "write_past_end")).expect("it compiles");
    let dimensions = LaunchDimensions { grid: [1, 1, 1], block: [64, 1, 1], dynamic_shared_bytes: 0 };
    let [x, y] = [64, 64].map(|words| buffer(&device, words));
    let arguments = [&y, &x].map(|buffer| Argument::Buffer { buffer, offset: 0 });
    device.launch(&kernel, dimensions, &arguments).expect_err("it writes past the end");
    assert_eq!(device.take_steps(), Some(0));
}

#[test]
fn launches_side_by_side_do_not_mix() {
    let device = device(true);
    // Large enough to be shared among OS threads.
    let alone: Vec<u64> = (0..8).map(|job| turns(&device, "compute", [64, 64], 10 + job)).collect();
    std::thread::scope(|scope| {
        for (job, alone) in alone.iter().enumerate() {
            let device = &device;
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(turns(device, "compute", [64, 64], 10 + job as u32), *alone, "job {job}");
                }
            });
        }
    });
}

/// Steps of every launch of a case.
fn steps_of_case(id: &str, wave_size: u32, schedule: Schedule, cores: usize) -> u64 {
    let run = || {
        let case = parse_case_id(id, OPERATIONS).expect("a case");
        let options = HostOptions { wave_size, schedule, memory_check: true };
        let host = HostDevice::new(options, Arc::new(KernelLibrary::embedded())).expect("embedded");
        let device: Arc<dyn Device> = Arc::new(host);
        let bound = BoundProblem::new(&device, case.operation, &case.problem).expect("it binds");
        bound.upload(&case.operation.generate(&case.problem, case.class, case.seed)).expect("it fits");
        bound.poison(0x55).expect("it fits");
        bound.enqueue().expect("it runs");
        device.take_steps().expect("the checked copy counts")
    };
    rayon::ThreadPoolBuilder::new().num_threads(cores).build().expect("threads").install(run)
}

#[test]
fn every_operation_takes_the_same_steps_on_any_number_of_cores() {
    let suite = Suite::load("quick", OPERATIONS).expect("embedded");
    let mut seen = std::collections::HashSet::new();
    let ids = suite.cases.iter().filter(|entry| seen.insert(entry.case.operation.name())).map(|entry| entry.case.id());
    let mut ids: Vec<String> = ids.collect();
    // Many blocks share a row: their order must not show.
    ids.push("top_k/f32/2x32768/k=50/normal".to_string());
    for id in ids {
        for (wave_size, schedule) in [(32, Schedule::InOrder), (64, Schedule::Random { seed: 4 })] {
            let first = steps_of_case(&id, wave_size, schedule, 1);
            assert!(first > 0, "{id}");
            for cores in [1, 2, 8] {
                assert_eq!(steps_of_case(&id, wave_size, schedule, cores), first, "{id} on {cores} cores");
            }
        }
    }
}

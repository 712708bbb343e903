//! What a rotation enqueues around timed intervals, on a device that executes nothing.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Device, DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{BindError, BoundProblem, LaunchPlan, PlanArgument, PlannedLaunch, TensorRole, TensorSpec};
use crate::tensor::{DType, HostTensor};

use super::mock_device::{MockDevice, gpu_info};
use super::{BlockPlan, Interval, KernelTimer, Mode, Rotation, StopReason, TimerSettings, Workload};

const COLUMNS: usize = 1 << 20;

/// y = f(x), 4 MiB each, so that two copies span the mock's caches four times.
fn bind(device: &Arc<dyn Device>, role: TensorRole) -> Result<BoundProblem, BindError> {
    let specs = vec![
        TensorSpec::new("x", TensorRole::Input, DType::F32, 1, COLUMNS),
        TensorSpec::new("y", role, DType::F32, 1, COLUMNS),
    ];
    let launch = PlannedLaunch {
        kernel: KernelId::new("m", "kernel"),
        dimensions: LaunchDimensions { grid: [1; 3], block: [64, 1, 1], dynamic_shared_bytes: 0 },
        arguments: vec![PlanArgument::Tensor(0), PlanArgument::Tensor(1)],
    };
    BoundProblem::from_plan(device, "op", specs, LaunchPlan::of_launches(0, vec![launch]))
}

/// A rotation whose sets were accepted, and a timer without warm-up.
fn checked(info: DeviceInfo, role: TensorRole, usual: f64) -> (Arc<MockDevice>, Rotation, KernelTimer) {
    let settings = TimerSettings {
        time_limit: Duration::from_secs(60),
        least_warm_up: Duration::ZERO,
        most_warm_up: Duration::ZERO,
        core_clock: false,
        least_rounds: 1,
        ..TimerSettings::for_device(&info)
    };
    let device = Arc::new(MockDevice::new(info, usual).with_graphs());
    let shared: Arc<dyn Device> = device.clone();
    let mut rotation = Rotation::over(&shared, &|| bind(&shared, role), 1).expect("the mock allocates");
    for set in 0..rotation.input_sets() {
        let inputs = [HostTensor::zeros(DType::F32, 1, COLUMNS)];
        let outputs = rotation.first_outputs(set, &inputs).expect("the mock launches");
        rotation.accept(set, &outputs).expect("the mock hashes");
    }
    let timer = KernelTimer::new(&shared, settings).expect("the mock makes everything");
    device.take_log();
    (device, rotation, timer)
}

/// What each of so many samples enqueued; the first with the warm-up before it.
fn log_of_samples(mode: Mode, role: TensorRole, usual: f64, samples: usize) -> Vec<Vec<String>> {
    let (device, mut rotation, timer) = checked(gpu_info(), role, usual);
    let mut log = Vec::new();
    let mut sink = |_: &super::Sample| {
        log.push(device.take_log());
        if log.len() < samples { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    timer.measure(&mut rotation, mode, None, &mut sink).expect("the mock measures");
    log
}

const COLD: [&str; 10] = [
    "copy op.x.kept to op.x",
    "fill op.y 4194304",
    "fill profiling.flush 4194304",
    "delay_kernel",
    "event",
    "kernel",
    "event",
    "hash_rows",
    "compare_hashes",
    "copy op.y to op.y.kept",
];

/// A sample's log cut where inputs are put back; the warm-up before the first is left out.
fn launches_of(sample: &[String]) -> Vec<Vec<String>> {
    let mut launches: Vec<Vec<String>> = Vec::new();
    for entry in sample {
        match launches.last_mut() {
            _ if entry == COLD[0] => launches.push(vec![entry.clone()]),
            Some(launch) => launch.push(entry.clone()),
            None => {}
        }
    }
    launches
}

#[test]
fn every_cold_launch_has_fresh_inputs_and_poison_before_it_and_a_hash_after_it_outside_of_the_interval() {
    let log = log_of_samples(Mode::Cold, TensorRole::Output, 50e-6, 7);
    let launches: Vec<Vec<String>> = log.iter().flat_map(|sample| launches_of(sample)).collect();
    assert_eq!(launches.len(), 14, "a launch on each of the two input sets makes a sample: {log:?}");
    assert_eq!(launches[0], COLD, "the first launch is always drawn");
    for launch in &launches[1..] {
        // Whether this launch is the one drawn so far decides on the last entry.
        assert!(launch == &COLD || launch == &COLD[..9], "{launch:?}");
    }
}

#[test]
fn a_hot_sample_settles_first_and_looks_at_every_copy_afterwards() {
    // 60 µs a launch: two copies make 120 µs, so a series is one turn.
    let log = log_of_samples(Mode::Hot, TensorRole::Output, 60e-6, 2);
    let restored = ["copy op.x.kept to op.x", "fill op.y 4194304"];
    let settled = ["kernel", "kernel", "poison_rows", "poison_rows"];
    let timed = ["delay_kernel", "event", "replay", "event"];
    let checked = ["hash_rows", "hash_rows", "compare_hashes"];
    let expected = [&restored[..], &restored, &settled, &timed, &checked].concat();
    assert_eq!(log[1][..expected.len()], expected);
    assert!(log[1].len() <= expected.len() + 1, "and perhaps the outputs that were drawn: {log:?}");
}

#[test]
fn in_place_every_launch_of_a_hot_sample_starts_from_inputs_put_back() {
    // 1 µs a launch, and still one turn only: a second one would compute on results.
    let (device, mut rotation, timer) = checked(gpu_info(), TensorRole::InPlace { input: 0 }, 1e-6);
    let set =
        timer.measure(&mut rotation, Mode::Hot, None, &mut |_| ControlFlow::Break(())).expect("the mock measures");
    assert_eq!((set.launches_per_sample, set.replicas, set.seconds.len()), (2, 2, 1));
    let log = device.take_log();
    let sample = log.iter().rposition(|entry| entry == "replay").expect("a hot sample");
    let back = ["copy op.x.kept to op.x", "copy op.x.kept to op.x", "delay_kernel", "event"];
    assert_eq!(log[sample - 4..sample], back, "nothing else is launched between the inputs and the interval");
    assert_eq!(log[sample + 1..sample + 5], ["event", "hash_rows", "hash_rows", "compare_hashes"]);
}

#[test]
fn a_hot_series_is_one_turn_or_an_even_number_of_them() {
    let (_, rotation, _) = checked(gpu_info(), TensorRole::Output, 50e-6);
    assert_eq!([1, 2, 3, 4, 5, 9].map(|wanted| rotation.series_length(wanted)), [2, 2, 4, 4, 8, 12]);
    let (_, in_place, _) = checked(gpu_info(), TensorRole::InPlace { input: 0 }, 50e-6);
    assert_eq!([1, 9, 1000].map(|wanted| in_place.series_length(wanted)), [2; 3]);
}

#[test]
fn without_memory_for_more_there_is_one_set_and_outputs_are_still_poisoned_and_hashed() {
    let info = DeviceInfo { memory_bytes: 20 << 20, ..gpu_info() };
    let (device, rotation, _) = checked(info, TensorRole::Output, 50e-6);
    assert_eq!((rotation.input_sets(), rotation.replicas()), (1, 1));
    let interval = Interval { mode: Mode::Cold, ordinal: 0, sequence: 0, launches: 1, copies: 0..1 };
    rotation.before(&interval).expect("the mock enqueues");
    rotation.after(&interval).expect("the mock enqueues");
    assert_eq!(device.take_log(), ["fill op.y 4194304", "hash_rows", "compare_hashes"]);
}

#[test]
fn memory_that_somebody_else_took_costs_the_second_set_and_not_the_case() {
    let bound = |role| {
        let device: Arc<dyn Device> = Arc::new(MockDevice::new(gpu_info(), 50e-6).without_memory_for(".kept"));
        Rotation::over(&device, &|| bind(&device, role), 0).map(|rotation| (rotation.input_sets(), rotation.replicas()))
    };
    assert_eq!(bound(TensorRole::Output).expect("the least fits"), (1, 1));
    // In place nothing can be timed without a copy of the inputs.
    let error = bound(TensorRole::InPlace { input: 0 }).expect_err("no memory to keep inputs").to_string();
    assert!(error.contains("out of memory") && error.contains("op.x.kept"), "{error}");
}

#[test]
fn the_launch_checked_in_full_is_drawn_from_all_samples_alike() {
    let mut drawn = [0; 4];
    for seed in 0..400 {
        let device: Arc<dyn Device> = Arc::new(MockDevice::new(gpu_info(), 50e-6));
        let rotation =
            Rotation::over(&device, &|| bind(&device, TensorRole::Output), seed).expect("the mock allocates");
        for ordinal in 0..4 {
            let copy = ordinal as usize % 2;
            let interval =
                Interval { mode: Mode::Cold, ordinal, sequence: ordinal as usize, launches: 1, copies: copy..copy + 1 };
            rotation.after(&interval).expect("the mock enqueues");
        }
        let checks = rotation.conclude().expect("the mock downloads").expect("a rotation looks");
        drawn[checks.fully_checked.expect("four launches").ordinal as usize] += 1;
        let again = rotation.conclude().expect("the mock downloads").expect("a rotation looks");
        assert_eq!(again.fully_checked, None, "each measurement draws anew");
    }
    // 100 expected of each; five standard deviations are 43.
    assert!(drawn.iter().all(|count| (57..=143).contains(count)), "{drawn:?}");
}

#[test]
fn a_renewed_rotation_has_its_own_copies_with_the_same_inputs_and_the_same_accepted_outputs() {
    let (device, rotation, timer) = checked(gpu_info(), TensorRole::Output, 50e-6);
    device.take_log();
    let renewed = rotation.renewed(1).expect("the mock allocates");
    let log = device.take_log();
    let filled = log.iter().filter(|entry| *entry == "copy op.x.kept to op.x").count();
    assert_eq!((filled, renewed.replicas(), renewed.input_sets()), (rotation.replicas(), 2, 2), "{log:?}");
    assert_eq!((renewed.device_bytes(), renewed.series_length(3)), (rotation.device_bytes(), 4));
    let plan = BlockPlan {
        least_samples: 3,
        least_time: Duration::ZERO,
        most_samples: 3,
        warm_up: Duration::ZERO,
        launches: None,
        look_before: false,
        look_after: false,
        full_check: false,
    };
    let checks = |plan: &BlockPlan| timer.short_block(&renewed, Mode::Cold, plan).expect("the mock measures").checks;
    assert_eq!(checks(&plan).expect("a rotation looks").fully_checked, None);
    let full = checks(&BlockPlan { full_check: true, ..plan }).expect("a rotation looks");
    assert!(full.fully_checked.is_some_and(|launch| launch.ordinal < 3), "drawn anew: {full:?}");
}

#[test]
fn each_round_has_buffers_of_its_own_with_inputs_put_back() {
    let settings = TimerSettings {
        least_rounds: 3,
        round_time: Duration::ZERO,
        time_limit: Duration::from_secs(60),
        least_warm_up: Duration::ZERO,
        most_warm_up: Duration::ZERO,
        core_clock: false,
        ..TimerSettings::for_device(&gpu_info())
    };
    for mode in Mode::BOTH {
        let (device, mut rotation, _) = checked(gpu_info(), TensorRole::Output, 60e-6);
        let shared: Arc<dyn Device> = device.clone();
        let timer = KernelTimer::new(&shared, settings).expect("the mock makes everything");
        device.take_log();
        let set = timer
            .measure(&mut rotation, mode, None, &mut |sample| {
                assert_eq!(sample.round, sample.ordinal / 5, "{mode}: five samples a round");
                ControlFlow::Continue(())
            })
            .expect("the mock measures");
        assert_eq!((set.round_ends.as_slice(), set.stop), (&[5, 10, 15][..], StopReason::Converged), "{mode}");
        assert!(set.rounds().all(|round| round.len() == 5));
        let log = device.take_log();
        let reloads = log.iter().filter(|entry| *entry == "forget modules").count();
        assert_eq!(reloads, 2, "{mode}: the second and the third round have their code elsewhere");
        let put_back = log.iter().filter(|entry| *entry == COLD[0]).count();
        assert_eq!(put_back, 15 * 2 + 2 * 2, "{mode}: into both copies for each sample, and when they are new");
        assert!(mode == Mode::Hot || set.launches_per_sample == 2, "one cold launch on each input set");
    }
}

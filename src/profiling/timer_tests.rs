//! The timer against a device with scripted times.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{BackendError, Device, DeviceInfo};
use crate::operation::Cost;

use super::mock_device::{MockDevice, gpu_info};
use super::{KernelTimer, Mode, Rejection, Roof, Roofs, Sample, SampleSet, StopReason, TimerSettings, Workload};

const MICROSECOND: f64 = 1e-6;

/// No warm-up: a single launch, so that a script's first interval is known.
fn settings() -> TimerSettings {
    TimerSettings {
        time_limit: Duration::from_secs(60),
        least_warm_up: Duration::ZERO,
        most_warm_up: Duration::ZERO,
        least_rounds: 1,
        core_clock: false,
        ..TimerSettings::for_device(&gpu_info())
    }
}

fn nothing() -> Result<(), BackendError> {
    Ok(())
}

fn timer(device: MockDevice, settings: TimerSettings) -> (Arc<MockDevice>, KernelTimer) {
    let device = Arc::new(device);
    let shared: Arc<dyn Device> = device.clone();
    let timer = KernelTimer::new(&shared, settings).expect("the mock makes everything");
    (device, timer)
}

fn measure(timer: &KernelTimer, mode: Mode, fastest: Option<f64>) -> (SampleSet, Vec<Sample>) {
    let mut seen = Vec::new();
    let set = timer
        .measure(&mut { nothing }, mode, fastest, &mut |sample| {
            seen.push(*sample);
            ControlFlow::Continue(())
        })
        .expect("the mock measures");
    (set, seen)
}

#[test]
fn negative_and_roof_beating_samples_are_rejected_and_counted() {
    let (device, timer) = timer(MockDevice::new(gpu_info(), 50.0 * MICROSECOND), settings());
    // The first interval is the warm-up's.
    device.script(&[50.0, -1.0, 0.0, 50.0, 3.0, 50.0].map(|microseconds| microseconds * MICROSECOND));
    let (set, seen) = measure(&timer, Mode::Cold, Some(10.0 * MICROSECOND));
    assert_eq!((set.not_positive, set.beat_roof), (2, 1));
    assert_eq!(set.seconds, vec![50.0 * MICROSECOND; 10], "no rejected sample is clamped into the set");
    assert_eq!(set.stop, StopReason::Converged);
    let rejections: Vec<_> = seen.iter().filter_map(|sample| sample.rejection).collect();
    assert_eq!(rejections, [Rejection::NotPositive, Rejection::NotPositive, Rejection::BeatsRoof]);
    assert_eq!(seen.len(), 13, "the sink sees rejected samples too");
    assert_eq!(seen[0].seconds, -MICROSECOND, "and sees them as they were measured");
}

#[test]
fn noise_goes_on_to_the_limit_and_is_named() {
    let (device, timer) =
        timer(MockDevice::new(gpu_info(), MICROSECOND), TimerSettings { most_samples: 40, ..settings() });
    let noisy: Vec<f64> = (0..41).map(|i| if i % 2 == 0 { 10.0 } else { 20.0 } * MICROSECOND).collect();
    device.script(&noisy);
    let (set, _) = measure(&timer, Mode::Cold, None);
    assert_eq!(set.seconds.len(), 40);
    assert!(matches!(set.stop, StopReason::StillNoisy { relative_error, .. } if relative_error > 0.005));
    assert!(set.stop.to_string().contains("wanted 0.25 %"), "{}", set.stop);
}

#[test]
fn the_time_limit_ends_a_measurement_with_too_few_samples() {
    let (_, timer) =
        timer(MockDevice::new(gpu_info(), MICROSECOND), TimerSettings { time_limit: Duration::ZERO, ..settings() });
    let (set, _) = measure(&timer, Mode::Cold, None);
    assert_eq!(set.seconds.len(), 1);
    assert_eq!(set.stop, StopReason::TooFewSamples { taken: 1, least: 10 });
    assert_eq!(set.stop.to_string(), "time limit: 1 of 10 samples");
}

#[test]
fn a_sink_that_breaks_interrupts() {
    let (_, timer) = timer(MockDevice::new(gpu_info(), MICROSECOND), settings());
    let set =
        timer.measure(&mut { nothing }, Mode::Cold, None, &mut |_| ControlFlow::Break(())).expect("the mock measures");
    assert_eq!(set.stop, StopReason::Interrupted);
    assert_eq!(set.seconds.len(), 1, "what was measured is kept");
}

#[test]
fn a_cold_sample_is_flush_hold_event_launch_event() {
    let (device, timer) = timer(MockDevice::new(gpu_info(), 50.0 * MICROSECOND), settings());
    device.take_log();
    let launch = device.clone();
    let kernel = launch.load(&crate::backend::KernelId::new("m", "kernel")).expect("the mock loads");
    let dimensions = crate::backend::LaunchDimensions { grid: [1; 3], block: [1; 3], dynamic_shared_bytes: 0 };
    let mut work = || launch.launch(&kernel, dimensions, &[]);
    timer.measure(&mut work, Mode::Cold, None, &mut |_| ControlFlow::Break(())).expect("the mock measures");
    let log = device.take_log();
    let sample = &log[log.len() - 5..];
    // 1 MiB of L2 and 1 MiB behind it: twice that is flushed.
    assert_eq!(sample, ["fill profiling.flush 4194304", "delay_kernel", "event", "kernel", "event"]);
}

#[test]
fn hot_samples_batch_short_launches_into_one_graph() {
    let (device, timer) = timer(MockDevice::new(gpu_info(), 120.0 * MICROSECOND).with_graphs(), settings());
    // The warm-up's launch takes 2.1 µs, so 48 of them make 100 µs.
    device.script(&[2.1 * MICROSECOND]);
    let (set, _) = measure(&timer, Mode::Hot, None);
    assert!(set.graph);
    assert_eq!(set.launches_per_sample, 48);
    assert!((set.seconds[0] - 2.5 * MICROSECOND).abs() < 1e-12, "an interval is divided by its launches");
    assert!(device.take_log().iter().any(|entry| entry == "replay"));
}

#[test]
fn hot_series_grow_until_the_interval_is_long_enough() {
    let (device, timer) = timer(MockDevice::new(gpu_info(), 130.0 * MICROSECOND), settings());
    // The warm-up saw 30 µs a launch (gaps included), but four launches take 42 µs only.
    device.script(&[30.0 * MICROSECOND, 42.0 * MICROSECOND]);
    let (set, _) = measure(&timer, Mode::Hot, None);
    assert!(!set.graph, "this device has no graphs");
    assert_eq!(set.launches_per_sample, 12);
}

#[test]
fn launches_take_the_copies_of_the_buffers_in_turn() {
    struct Copies(std::cell::RefCell<Vec<usize>>);
    impl Workload for Copies {
        fn replicas(&self) -> usize {
            3
        }
        fn enqueue(&self, replica: usize) -> Result<(), BackendError> {
            self.0.borrow_mut().push(replica);
            Ok(())
        }
    }
    let (device, timer) = timer(MockDevice::new(gpu_info(), 120.0 * MICROSECOND), settings());
    device.script(&[10.1 * MICROSECOND]);
    let mut copies = Copies(std::cell::RefCell::default());
    let set = timer.measure(&mut copies, Mode::Hot, None, &mut |_| ControlFlow::Break(())).expect("the mock measures");
    assert_eq!(set.launches_per_sample, 12, "ten launches, rounded up to whole turns");
    let seen = copies.0.into_inner();
    assert_eq!(&seen[1..7], [0, 1, 2, 0, 1, 2], "behind one launch of warm-up");
}

#[test]
fn an_emulated_device_is_neither_flushed_nor_held_nor_given_roofs() {
    let info = DeviceInfo { emulated: true, ..gpu_info() };
    let (device, timer) = timer(MockDevice::new(info, MICROSECOND), settings());
    measure(&timer, Mode::Cold, None);
    assert!(device.take_log().iter().all(|entry| entry == "event"));
    assert_eq!(Roofs::measure(&timer).expect("nothing to fail"), None);
}

#[test]
fn roofs_count_bytes_read_and_written() {
    // 64 MiB buffers (a sixteenth of the memory) in 100 µs: 671 GB/s one way.
    let (_, timer) = timer(MockDevice::new(gpu_info(), 100.0 * MICROSECOND), settings());
    let roofs = Roofs::measure(&timer).expect("the mock measures").expect("not emulated");
    let one_way = f64::from(64 << 20) / 1e-4 / 1e9;
    assert!((roofs.read_gbps - one_way).abs() < 1e-6);
    assert!((roofs.copy_gbps - 2.0 * one_way).abs() < 1e-6);
    assert!((roofs.empty_launch_us - 100.0).abs() < 1e-9);
    // Moving the same bytes in less than a tenth less than the roof's time is possible, in half is not.
    let least = roofs.fastest_seconds(2 << 26);
    assert!(least < 100.0 * MICROSECOND && least > 50.0 * MICROSECOND, "{least}");
}

#[test]
fn the_slower_of_bytes_and_operations_binds() {
    let (_, timer) = timer(MockDevice::new(gpu_info(), 100.0 * MICROSECOND), settings());
    let roofs = Roofs::measure(&timer).expect("the mock measures").expect("not emulated");
    assert!((roofs.write_gbps - roofs.read_gbps).abs() < 1e-9, "both move the buffer once in the same time");
    // 4 multiprocessors, 8 blocks on each, 256 threads, 256 turns of 128 multiply-adds, in 100 µs.
    let flops = 4.0 * 8.0 * 256.0 * 256.0 * 256.0 / 1e-4;
    assert!((roofs.fma_tflops - flops / 1e12).abs() < 1e-9, "{roofs:?}");
    let cost = |bytes, flops| Cost { bytes_read: bytes, flops, ..Cost::default() };
    let bound = |cost| roofs.roofline(&cost);
    // The copy moves 128 MiB in 100 µs.
    let memory = bound(cost(128 << 20, 1000));
    assert_eq!(memory.binding, Roof::Memory);
    assert!((memory.seconds - 1e-4).abs() < 1e-12, "{memory:?}");
    let arithmetic = bound(cost(1000, 1 << 40));
    assert_eq!(arithmetic.binding, Roof::Arithmetic);
    assert!((arithmetic.seconds / (f64::from(1u32 << 20) * f64::from(1u32 << 20) / flops) - 1.0).abs() < 1e-12);
    assert_eq!(bound(cost(1000, 0)).binding, Roof::Memory, "selection counts no operations");
}

#[test]
fn a_limit_ends_a_measurement_and_what_was_rejected_is_counted() {
    let limits = TimerSettings { least_samples: 3, most_samples: 4, ..settings() };
    let (device, timer) = timer(MockDevice::new(gpu_info(), 50.0 * MICROSECOND), limits);
    // The warm-up's launch, then noise that the stop rule would not be content with.
    device.script(&[50.0, 10.0, -1.0, 90.0, 20.0].map(|microseconds| microseconds * MICROSECOND));
    let (set, _) = measure(&timer, Mode::Cold, None);
    assert!(matches!(set.stop, StopReason::StillNoisy { .. }), "{}", set.stop);
    assert_eq!((set.seconds.len(), set.not_positive), (3, 1));
    assert_eq!(set.checks, None, "a closure is checked by nobody");
    assert_eq!((set.warm_up.launches, set.warm_up.stable, set.warm_up.to_string().as_str()), (1, false, "one window"));
}

/// Two kernels a launch, over two copies of the buffers.
struct TwoKernels(Arc<MockDevice>);

impl Workload for TwoKernels {
    fn replicas(&self) -> usize {
        2
    }

    fn launches(&self) -> usize {
        2
    }

    fn enqueue(&self, replica: usize) -> Result<(), BackendError> {
        let kernel = self.0.load(&crate::backend::KernelId::new("m", format!("kernel_{replica}")))?;
        let dimensions = crate::backend::LaunchDimensions { grid: [1; 3], block: [1; 3], dynamic_shared_bytes: 0 };
        (0..2).try_for_each(|_| self.0.launch(&kernel, dimensions, &[]))
    }
}

#[test]
fn work_of_several_kernels_is_replayed_cold_from_a_graph_of_each_copy() {
    let limits = TimerSettings { least_samples: 2, most_samples: 2, ..settings() };
    let (device, timer) = timer(MockDevice::new(gpu_info(), 50.0 * MICROSECOND).with_graphs(), limits);
    let mut work = TwoKernels(device.clone());
    device.take_log();
    let set = timer.measure(&mut work, Mode::Cold, None, &mut |_| ControlFlow::Continue(())).expect("it measures");
    assert!(set.graph && set.launches_per_sample == 1);
    let log = device.take_log();
    let sample = ["fill profiling.flush 4194304", "delay_kernel", "event", "replay", "event"];
    assert_eq!(log[log.len() - 10..], [sample, sample].concat());
    // Before the samples, each copy is recorded once and its graph brought to the device.
    let recorded = |kernel: &str| log.iter().rposition(|entry| entry == kernel).expect("recorded");
    assert!(recorded("kernel_0") < recorded("kernel_1"), "{log:?}");
    assert_eq!(log.iter().filter(|entry| *entry == "replay").count(), 2 + 2);
}

#[test]
fn the_warm_up_says_whether_times_were_stable() {
    let limits = TimerSettings { most_warm_up: Duration::from_secs(60), ..settings() };
    let (device, timer) = timer(MockDevice::new(gpu_info(), 50.0 * MICROSECOND), limits);
    // Two windows of five launches at twice the time, then stable: the third window agrees with no one yet.
    device.script(&[100.0 * MICROSECOND; 10]);
    let (set, _) = measure(&timer, Mode::Cold, None);
    assert_eq!((set.warm_up.launches, set.warm_up.stable, set.warm_up.drift), (25, true, Some(0.0)));
    assert!(set.warm_up.to_string().starts_with("stable after "), "{}", set.warm_up);
    let brief = TimerSettings { most_warm_up: Duration::from_nanos(1), ..settings() };
    let timer = KernelTimer::new(timer.device(), brief).expect("the mock makes everything");
    let (set, _) = measure(&timer, Mode::Cold, None);
    assert_eq!((set.warm_up.launches, set.warm_up.stable), (5, false));
}

//! The timer on a device that is held back.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::telemetry::{TelemetryReading, ThrottleReason};
use crate::backend::{BackendError, Device, DeviceInfo};

use super::mock_device::{MockDevice, gpu_info};
use super::mock_telemetry::{MockTelemetry, at_the_power_cap, good};
use super::{KernelTimer, Mode, Sample, SampleSet, StopReason, Throttle, TimerSettings};

fn timer_on(info: DeviceInfo, telemetry: Option<MockTelemetry>) -> (Arc<MockDevice>, KernelTimer) {
    let settings = TimerSettings {
        time_limit: Duration::from_secs(60),
        least_warm_up: Duration::ZERO,
        most_warm_up: Duration::ZERO,
        least_rounds: 1,
        recovery: Duration::ZERO,
        core_clock: false,
        ..TimerSettings::for_device(&info)
    };
    let device = Arc::new(MockDevice::new(info, 50e-6));
    let shared: Arc<dyn Device> = device.clone();
    let timer = match telemetry {
        Some(telemetry) => KernelTimer::with_telemetry(&shared, settings, Box::new(telemetry)),
        None => KernelTimer::new(&shared, settings),
    };
    (device, timer.expect("the mock makes everything"))
}

/// Measures and interrupts after so many samples.
fn measure(timer: &KernelTimer, most: usize) -> (SampleSet, Vec<Sample>) {
    let nothing = || -> Result<(), BackendError> { Ok(()) };
    let mut seen = Vec::new();
    let set = timer
        .measure(&mut { nothing }, Mode::Cold, None, &mut |sample| {
            seen.push(*sample);
            if seen.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .expect("the mock measures");
    (set, seen)
}

const POWER_CAP: Throttle = Throttle::Reported { reason: ThrottleReason::PowerCap };

#[test]
fn a_throttled_block_is_discarded_and_measured_again() {
    // Good before the first block, at the cap after it, then good for ever.
    let telemetry = MockTelemetry::new(&[good(), at_the_power_cap()], good());
    let (device, timer) = timer_on(gpu_info(), Some(telemetry));
    // Warm-up, then ten slow samples; then the second block's warm-up and its own samples.
    let calibration_and_slow: Vec<f64> = std::iter::repeat_n(90e-6, 11).collect();
    device.script(&calibration_and_slow);
    let (set, seen) = measure(&timer, usize::MAX);
    assert_eq!((set.block, set.throttle), (1, None));
    assert_eq!(set.stop, StopReason::Converged);
    assert!(set.seconds.iter().all(|seconds| *seconds == 50e-6), "no sample of the throttled block counts");
    assert_eq!((set.looks.before.clone(), set.looks.after.clone()), (good(), good()));
    let blocks: Vec<u32> = seen.iter().map(|sample| sample.block).collect();
    assert_eq!(blocks, [[0; 10], [1; 10]].concat(), "the sink sees the discarded samples too");
    let ordinals: Vec<u32> = seen.iter().map(|sample| sample.ordinal).collect();
    assert_eq!(ordinals, (0..20).collect::<Vec<u32>>(), "ordinals go on over the blocks");
}

#[test]
fn a_device_that_stays_throttled_is_measured_three_times_and_marked() {
    let (_, timer) = timer_on(gpu_info(), Some(MockTelemetry::new(&[], at_the_power_cap())));
    let (set, seen) = measure(&timer, usize::MAX);
    assert_eq!((set.block, set.throttle), (2, Some(POWER_CAP)));
    assert_eq!((set.seconds.len(), seen.len()), (10, 30), "the last block is kept, and only that");
    assert_eq!(set.looks.after.power_watts, Some(699.0));
}

#[test]
fn a_device_throttled_at_the_start_alone_counts_as_throttled() {
    let (_, timer) = timer_on(gpu_info(), Some(MockTelemetry::new(&[at_the_power_cap()], good())));
    let (set, _) = measure(&timer, usize::MAX);
    assert_eq!((set.block, set.throttle), (1, None));
}

#[test]
fn an_interrupted_block_is_kept_and_marked_but_not_repeated() {
    let (_, timer) = timer_on(gpu_info(), Some(MockTelemetry::new(&[], at_the_power_cap())));
    let (set, seen) = measure(&timer, 4);
    assert_eq!(set.stop, StopReason::Interrupted);
    assert_eq!((set.block, set.throttle, seen.len()), (0, Some(POWER_CAP), 4));
}

#[test]
fn looks_are_taken_with_work_on_the_device_and_outside_of_the_samples() {
    let (device, timer) = timer_on(gpu_info(), Some(MockTelemetry::default()));
    device.take_log();
    measure(&timer, 1);
    let log = device.take_log();
    // The warm-up's interval, the look, one sample, the look.
    let sample = ["fill profiling.flush 4194304", "delay_kernel", "event", "event"];
    let look = ["delay_kernel"];
    assert_eq!(log, [&sample[1..], &look, &sample, &look].concat());
}

#[test]
fn without_telemetry_nothing_is_launched_for_looks_and_nothing_is_throttled() {
    // The mock has no PCI bus id, so no telemetry opens.
    let (device, timer) = timer_on(gpu_info(), None);
    device.take_log();
    let (set, _) = measure(&timer, 1);
    assert_eq!(device.take_log().len(), 7, "warm-up and one sample");
    assert_eq!((set.block, set.throttle), (0, None));
    assert_eq!(set.looks.before, TelemetryReading::default());
    let absences = timer.conditions().absences;
    assert!(absences.iter().any(|absence| absence.value == "all" && absence.reason.contains("PCI")), "{absences:?}");
}

#[test]
fn an_emulated_device_is_looked_at_without_launches() {
    let info = DeviceInfo { emulated: true, ..gpu_info() };
    let (device, timer) = timer_on(info, Some(MockTelemetry::default()));
    device.take_log();
    let (set, _) = measure(&timer, 1);
    assert!(device.take_log().iter().all(|entry| entry == "event"));
    assert_eq!(set.looks.before, good());
}

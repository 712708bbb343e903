//! The kernel timer on every device of this machine: `host` always, GPUs where there are any.

use std::ops::ControlFlow;
use std::time::Duration;

use hipgauge::backend::{Argument, KernelId, LaunchDimensions, OpenOptions, open, survey};
use hipgauge::profiling::{KernelTimer, Mode, Roofs, StopReason, TimerSettings};

#[test]
fn empty_launches_are_timed_and_roofs_make_sense() {
    let names: Vec<String> = survey().into_iter().flat_map(|backend| backend.devices).map(|device| device.id).collect();
    assert!(names.iter().any(|name| name == "host"), "the emulator is always there: {names:?}");
    for name in names {
        let device = open(&name, &OpenOptions::default()).expect("it was listed").device;
        let settings =
            TimerSettings { time_limit: Duration::from_millis(500), ..TimerSettings::for_device(device.info()) };
        let timer = KernelTimer::new(&device, settings).expect("a timer");
        let kernel = device.load(&KernelId::new("profiling/bandwidth", "empty_kernel")).expect("a probe");
        let dimensions = LaunchDimensions { grid: [1; 3], block: [64, 1, 1], dynamic_shared_bytes: 0 };
        let mut launch = || device.launch(&kernel, dimensions, &[]);
        for mode in Mode::BOTH {
            let mut seen = 0;
            let set = timer
                .measure(&mut launch, mode, None, &mut |_| {
                    seen += 1;
                    ControlFlow::Continue(())
                })
                .expect("a measurement");
            assert_eq!(seen, set.seconds.len() + set.rejected() as usize, "{name} {mode}: every sample is seen");
            assert!(set.stop != StopReason::Interrupted && !set.seconds.is_empty(), "{name} {mode}: {}", set.stop);
            assert!(set.seconds.iter().all(|seconds| (1e-9..0.1).contains(seconds)), "{name} {mode}");
        }
        let roofs = Roofs::measure(&timer).expect("roofs");
        assert_eq!(roofs.is_none(), device.info().emulated, "{name}: an emulated device has no roofs");
        if let Some(roofs) = roofs {
            // The slowest GPU in use moves tens of GB/s, the fastest under 10 TB/s; an empty launch is microseconds.
            for rate in [roofs.copy_gbps, roofs.memcpy_gbps, roofs.read_gbps, roofs.write_gbps] {
                assert!((10.0..20_000.0).contains(&rate), "{name}: {roofs:?}");
            }
            assert!((0.1..500.0).contains(&roofs.fma_tflops), "{name}: {roofs:?}");
            assert!(roofs.empty_launch_us > 0.1 && roofs.empty_launch_us < 50.0, "{name}: {roofs:?}");
            assert!(roofs.copy_gbps > 0.5 * roofs.memcpy_gbps, "{name}: our copy is no roof: {roofs:?}");
        }
    }
}

#[test]
fn the_arithmetic_probe_works_in_registers_alone() {
    let device = open("host", &OpenOptions::default()).expect("the emulator is always there").device;
    let kernel = device.load(&KernelId::new("profiling/fma_loop", "fma_loop_f32")).expect("a probe");
    let sink = device.allocate(256, "sink").expect("256 bytes");
    device.fill(&sink, 0, 256, 0x5A).expect("a fill");
    let dimensions = LaunchDimensions { grid: [3, 1, 1], block: [64, 1, 1], dynamic_shared_bytes: 0 };
    let run = |left, right| {
        let sink = Argument::Buffer { buffer: &sink, offset: 0 };
        let arguments = [Argument::U32(2), Argument::F32(left), Argument::F32(right), sink];
        device.launch(&kernel, dimensions, &arguments).and_then(|()| device.synchronize()).expect("a launch");
    };
    let contents = || {
        let mut bytes = [0; 256];
        device.download(&sink, 0, &mut bytes).expect("a copy");
        bytes
    };
    run(0.875, 0.125);
    assert_eq!(contents(), [0x5A; 256], "with the probe's own numbers nothing is stored");
    // 16 chains of thread t start at t + 0 … t + 15 and take up -0.5 sixteen times each: 16 t - 8 in all, negative
    // for thread 0 alone. What is stored proves that no multiply-add was left out.
    run(0.5, -1.0);
    assert_eq!(contents()[..4], (-8.0f32).to_le_bytes());
}

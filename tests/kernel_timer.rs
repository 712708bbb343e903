//! The kernel timer on every device of this machine: `host` always, GPUs where there are any.

use std::ops::ControlFlow;
use std::time::Duration;

use hipgauge::backend::{KernelId, LaunchDimensions, OpenOptions, open, survey};
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
        let launch = || device.launch(&kernel, dimensions, &[]);
        for mode in Mode::BOTH {
            let mut seen = 0;
            let set = timer
                .measure(&launch, mode, None, &mut |_| {
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
            for rate in [roofs.copy_gbps, roofs.memcpy_gbps, roofs.read_gbps] {
                assert!((10.0..20_000.0).contains(&rate), "{name}: {roofs:?}");
            }
            assert!(roofs.empty_launch_us > 0.1 && roofs.empty_launch_us < 50.0, "{name}: {roofs:?}");
            assert!(roofs.copy_gbps > 0.5 * roofs.memcpy_gbps, "{name}: our copy is no roof: {roofs:?}");
        }
    }
}

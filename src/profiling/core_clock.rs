//! The core clock as the device's own arithmetic shows it.
//!
//! Drivers name the clock that they asked for: two sweeps on an H100 differed by 0.75 % as a whole, its arithmetic roof with them,
//! while NVML said 1980 MHz all along. Counters do not help everywhere: on some AMD devices the cycle counter is a
//! 100 MHz reference, on others it has 20 bits. A chain of dependent multiply-adds takes a fixed number of cycles a step on any
//! device, so the chain's rate moves exactly as the clock does. How many cycles is not asked: the rate is only ever put in
//! relation to another one of the same device.

use std::sync::Arc;

use crate::backend::{Argument, BackendError, Device, Kernel, KernelId, LaunchDimensions};

use super::instruments::Instruments;

/// Multiply-adds of one turn of the kernel's loop: `STEPS` of `kernels/profiling/fma_chain.hip`.
const STEPS_PER_ITERATION: u32 = 128;

/// Turns of one interval: a quarter of a millisecond at 4 cycles a step and 2 GHz, of which an event timer's step is under 0.02 %
/// on an H100 and the start of the launch a few tenths of a per cent, the same each time.
const ITERATIONS: u32 = 1000;

/// Intervals of a measurement. What comes between only ever lengthens one, so the shorter one counts.
const INTERVALS: usize = 2;

/// Measures steps of a dependent chain.
pub(super) struct CoreClock {
    device: Arc<dyn Device>,
    kernel: Kernel,
}

impl CoreClock {
    /// `None` on an emulated device, which has no clock.
    pub(super) fn new(device: &Arc<dyn Device>, instruments: &Instruments) -> Result<Option<Self>, BackendError> {
        if device.info().emulated {
            return Ok(None);
        }
        let kernel = device.load(&KernelId::new("profiling/fma_chain", "fma_chain_f32"))?;
        let clock = Self { device: device.clone(), kernel };
        // The first launch pays for loading the code.
        instruments.interval(|| clock.enqueue())?;
        Ok(Some(clock))
    }

    /// Steps per microsecond of device time; `None` if no interval was positive.
    pub(super) fn steps_per_us(&self, instruments: &Instruments) -> Result<Option<f64>, BackendError> {
        let mut shortest = f64::INFINITY;
        for _ in 0..INTERVALS {
            instruments.hold(1)?;
            let seconds = instruments.interval(|| self.enqueue())?;
            if seconds > 0.0 {
                shortest = shortest.min(seconds);
            }
        }
        let steps = f64::from(ITERATIONS * STEPS_PER_ITERATION);
        Ok(shortest.is_finite().then(|| steps / (shortest * 1e6)))
    }

    fn enqueue(&self) -> Result<(), BackendError> {
        let dimensions = LaunchDimensions { grid: [1; 3], block: [1; 3], dynamic_shared_bytes: 0 };
        // The sum tends to 1, far from subnormal and infinite numbers, which some devices treat otherwise.
        let (factor, addend) = (Argument::F32(0.5), Argument::F32(0.5));
        self.device.launch(&self.kernel, dimensions, &[Argument::U32(ITERATIONS), factor, addend, Argument::Null])
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::time::Duration;

    use super::super::mock_device::{MockDevice, gpu_info};
    use super::super::{KernelTimer, Mode, TimerSettings};
    use super::*;
    use crate::backend::DeviceInfo;

    fn timer(info: DeviceInfo, interval: f64) -> (Arc<MockDevice>, KernelTimer) {
        let settings = TimerSettings {
            least_warm_up: Duration::ZERO,
            most_warm_up: Duration::ZERO,
            least_rounds: 1,
            ..TimerSettings::for_device(&info)
        };
        let mock = Arc::new(MockDevice::new(info, interval));
        let device: Arc<dyn Device> = mock.clone();
        let timer = KernelTimer::new(&device, settings).expect("the mock makes everything");
        (mock, timer)
    }

    fn measured(timer: &KernelTimer) -> [Option<f64>; 2] {
        let mut nothing = || Ok(());
        let set = timer.measure(&mut nothing, Mode::Cold, None, &mut |_| ControlFlow::Continue(()));
        let looks = set.expect("the mock measures").looks;
        [looks.before.chain_steps_per_us, looks.after.chain_steps_per_us]
    }

    #[test]
    fn the_rate_is_steps_over_the_shorter_interval_at_both_looks() {
        let (mock, timer) = timer(gpu_info(), 256e-6);
        mock.take_log();
        let rates = measured(&timer);
        assert!(rates.iter().all(|rate| rate.is_some_and(|rate| (rate - 500.0).abs() < 1e-9)), "{rates:?}");
        let log = mock.take_log();
        let chain = log.iter().position(|entry| entry == "fma_chain_f32").expect("a chain");
        assert_eq!(log[chain - 2..=chain + 1], ["delay_kernel", "event", "fma_chain_f32", "event"], "held, then timed");
        assert_eq!(log.iter().filter(|entry| *entry == "fma_chain_f32").count(), 4);
        // The warm-up's interval; then the chain's, of which one was interrupted.
        mock.script(&[256e-6, 400e-6, 320e-6]);
        let rates = measured(&timer).map(|rate| rate.expect("positive intervals").round());
        assert_eq!(rates, [400.0, 500.0]);
    }

    #[test]
    fn intervals_that_are_not_positive_measure_nothing() {
        let (mock, timer) = timer(gpu_info(), 256e-6);
        mock.script(&[256e-6, 0.0, -1e-6]);
        assert_eq!(measured(&timer)[0], None);
    }

    #[test]
    fn an_emulated_device_has_no_clock() {
        let (mock, timer) = timer(DeviceInfo { emulated: true, ..gpu_info() }, 256e-6);
        assert_eq!(measured(&timer), [None, None]);
        assert!(!mock.take_log().iter().any(|entry| entry == "fma_chain_f32"));
    }
}

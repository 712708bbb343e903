//! Short blocks of samples, for comparisons that take turns between two processes.
//!
//! Unlike `measure`, a block has no stop rule, and looks at the device only when asked to: who interleaves blocks decides
//! over many of them. Flush, hold and events are those of the timer, made once.

use std::time::{Duration, Instant};

use crate::backend::BackendError;
use crate::backend::telemetry::TelemetryReading;

use super::statistics::{median, sorted};
use super::{KernelTimer, LaunchChecks, Mode, Workload};

/// How long a block is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockPlan {
    /// Accepted samples, at least.
    pub least_samples: usize,
    /// Samples are taken for this long, flushes included, at least.
    pub least_time: Duration,
    /// Samples, rejected ones included, at most.
    pub most_samples: usize,
    /// Launches before the first sample go on for this long, and over every copy of the buffers at least once.
    pub warm_up: Duration,
    /// Launches in a hot sample; `None` makes samples as long as `TimerSettings::batch_seconds`.
    pub launches: Option<usize>,
    /// Look at the device, which takes about 10 ms, between warm-up and the first sample, and after the last one.
    pub look_before: bool,
    pub look_after: bool,
    /// Compare one launch, drawn at random, byte for byte; the hashes of all of them are compared in any case.
    pub full_check: bool,
}

/// The samples of a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockSamples {
    /// Seconds per launch of the accepted samples, in the order they were taken.
    pub seconds: Vec<f64>,
    /// Samples that were zero, negative or not a number.
    pub not_positive: u32,
    /// Launches in a sample; cold, one on each input set, with an interval each.
    pub launches: usize,
    pub before: Option<TelemetryReading>,
    pub after: Option<TelemetryReading>,
    /// What checking the launches found; `None` of work that nobody checks.
    pub checks: Option<LaunchChecks>,
}

impl KernelTimer {
    /// Warms up and takes one block of samples.
    pub fn short_block(
        &self,
        workload: &dyn Workload,
        mode: Mode,
        plan: &BlockPlan,
    ) -> Result<BlockSamples, BackendError> {
        let typical_seconds = self.warm_up_for(workload, plan.warm_up)?;
        let series = match (mode, plan.launches) {
            (Mode::Cold, _) => self.cold_series(workload)?,
            (Mode::Hot, None) => self.series(workload, typical_seconds)?,
            (Mode::Hot, Some(launches)) => self.series_of(workload, launches)?,
        };
        let mut samples = BlockSamples { launches: series.launches, ..BlockSamples::default() };
        if plan.look_before {
            samples.before = Some(self.look(workload, typical_seconds)?);
        }
        let started = Instant::now();
        for taken in 0..plan.most_samples {
            if samples.seconds.len() >= plan.least_samples && started.elapsed() >= plan.least_time {
                break;
            }
            match self.sample(workload, mode, &series, taken as u32, None)? {
                (seconds, None) => samples.seconds.push(seconds),
                _ => samples.not_positive += 1,
            }
        }
        if plan.look_after {
            samples.after = Some(self.look(workload, typical_seconds)?);
        }
        samples.checks = if plan.full_check { workload.conclude()? } else { workload.conclude_by_hash()? };
        Ok(samples)
    }

    /// Launches for some time, and over every copy of the buffers; gives their median seconds.
    fn warm_up_for(&self, workload: &dyn Workload, time: Duration) -> Result<f64, BackendError> {
        let started = Instant::now();
        let mut seconds = Vec::new();
        for launch in 0.. {
            if launch >= workload.replicas() && started.elapsed() >= time {
                break;
            }
            self.instruments.hold(workload.launches())?;
            seconds.push(self.instruments.interval(|| workload.enqueue(launch % workload.replicas()))?);
        }
        Ok(median(&sorted(&seconds)).expect("a workload has a copy of its buffers"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::TimerSettings;
    use super::super::mock_device::{MockDevice, gpu_info};
    use super::super::mock_telemetry::MockTelemetry;
    use super::*;
    use crate::backend::{Device, KernelId, LaunchDimensions};

    const PLAN: BlockPlan = BlockPlan {
        least_samples: 4,
        least_time: Duration::ZERO,
        most_samples: 10,
        warm_up: Duration::ZERO,
        launches: None,
        look_before: false,
        look_after: false,
        full_check: false,
    };

    /// A timer over a mock device, and the device.
    fn timer() -> (KernelTimer, Arc<MockDevice>) {
        let mock = Arc::new(MockDevice::new(gpu_info(), 20e-6).with_graphs());
        let device: Arc<dyn Device> = mock.clone();
        let settings = TimerSettings { core_clock: false, ..TimerSettings::for_device(device.info()) };
        (KernelTimer::with_telemetry(&device, settings, Box::new(MockTelemetry::default())).unwrap(), mock)
    }

    /// Launches one kernel named `work`.
    fn launch(device: &Arc<MockDevice>) -> impl Fn() -> Result<(), BackendError> {
        let device = device.clone();
        move || {
            let kernel = device.load(&KernelId::new("m", "work"))?;
            device.launch(&kernel, LaunchDimensions { grid: [1; 3], block: [1; 3], dynamic_shared_bytes: 0 }, &[])
        }
    }

    #[test]
    fn a_block_has_as_many_accepted_samples_as_asked_for_and_counts_the_others() {
        let (timer, device) = timer();
        device.script(&[9e-6, -1.0, 1e-6, 2e-6, f64::NAN, 3e-6, 4e-6, 5e-6]);
        let block = timer.short_block(&launch(&device), Mode::Cold, &PLAN).unwrap();
        assert_eq!(block.seconds, [1e-6, 2e-6, 3e-6, 4e-6]);
        assert_eq!((block.not_positive, block.launches), (2, 1));
        assert_eq!((block.before, block.after), (None, None));
    }

    #[test]
    fn samples_that_are_never_accepted_end_the_block() {
        let (timer, device) = timer();
        device.script(&[0.0; 40]);
        let block = timer.short_block(&launch(&device), Mode::Cold, &PLAN).unwrap();
        assert_eq!((block.seconds.len(), block.not_positive), (0, 10));
    }

    #[test]
    fn the_number_of_launches_in_a_hot_sample_can_be_given() {
        let (timer, device) = timer();
        device.take_log();
        let plan = BlockPlan { launches: Some(4), ..PLAN };
        let block = timer.short_block(&launch(&device), Mode::Hot, &plan).unwrap();
        assert_eq!((block.launches, &block.seconds[..]), (4, &[5e-6; 4][..]));
        let log = device.take_log();
        assert_eq!(log.iter().filter(|entry| *entry == "work").count(), 1 + 4, "one to warm up, four recorded");
        assert_eq!(log.iter().filter(|entry| *entry == "replay").count(), 4);
        let chosen = timer.short_block(&launch(&device), Mode::Hot, &PLAN).unwrap();
        assert!(chosen.launches > 1, "20 µs are shorter than a hot sample");
    }
}

//! How long and how exactly to measure.

use std::time::Duration;

use crate::backend::DeviceInfo;

/// Limits of one measurement: one problem in one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimerSettings {
    /// Accepted samples before the stop rule may be content.
    pub least_samples: usize,
    pub most_samples: usize,
    /// Relative standard error of the median at which more samples say nothing new.
    pub relative_error: f64,
    /// Wall time after which measuring stops, content or not.
    pub time_limit: Duration,
    /// Wall time after which measuring stops if it has the least samples: this measurement's share of a time budget.
    pub budget: Option<Duration>,
    /// Rounds of samples before the stop rule may be content, each over buffers allocated anew; 1 leaves the buffers
    /// where they are.
    pub least_rounds: usize,
    /// Wall time of the samples of one round.
    pub round_time: Duration,
    /// Wall time of launches before the first sample, so that clocks have risen.
    pub least_warm_up: Duration,
    /// Warm-up ends here even if times still drift.
    pub most_warm_up: Duration,
    /// Hot samples batch launches until the interval is this long, in seconds: 100 µs is 200 ticks of the
    /// coarsest event timer in use (0.5 µs).
    pub batch_seconds: f64,
    /// Blocks that are discarded because the device was throttled. The next one counts whatever happens: a long
    /// kernel that computes holds a device at its power cap for good.
    pub most_discarded_blocks: u32,
    /// Wall time that a throttled device is left alone before the next attempt: the default of nvbench's
    /// `--throttle-recovery-delay`.
    pub recovery: Duration,
    /// Whether the core clock is measured at each look, which takes two thirds of a millisecond.
    pub core_clock: bool,
}

impl TimerSettings {
    /// Defaults for a device. Emulated times are never compared with anything, so a few samples do.
    pub fn for_device(info: &DeviceInfo) -> Self {
        let gpu = Self {
            least_samples: 10,
            most_samples: 10_000,
            // Two such medians differ by more than 1 % once in two hundred times: 1 / (√2 · 0.25) is 2.8 standard errors.
            relative_error: 0.0025,
            time_limit: Duration::from_secs(2),
            budget: None,
            // Cold kernels of 20 us were seen at two levels 4 % apart on an H100, by where their code lay: the mean of
            // fewer rounds would be an accident.
            least_rounds: 8,
            round_time: Duration::from_millis(12),
            least_warm_up: Duration::from_millis(20),
            most_warm_up: Duration::from_millis(300),
            batch_seconds: 100e-6,
            most_discarded_blocks: 2,
            recovery: Duration::from_millis(50),
            core_clock: true,
        };
        if info.emulated {
            Self {
                time_limit: Duration::from_millis(50),
                least_rounds: 1,
                round_time: Duration::ZERO,
                least_warm_up: Duration::ZERO,
                most_warm_up: Duration::ZERO,
                ..gpu
            }
        } else {
            gpu
        }
    }
}

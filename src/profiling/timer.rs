//! The kernel timer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::telemetry::{Telemetry, TelemetryReading, TelemetrySources, open_telemetry};
use crate::backend::{BackendError, Device, Graph};

use super::instruments::{Instruments, MOST_HELD_LAUNCHES};
use super::stop_rule::{decide, decide_block};
use super::warm_up::warm_up;
use super::{
    Conditions, Interval, Looks, Mode, Rejection, Sample, SampleSet, StopReason, TimerSettings, Workload, throttled,
};

/// Most launches in one hot sample: longer series would only hide drift inside a sample.
const MOST_LAUNCHES_PER_SAMPLE: usize = 1024;

/// Seconds of work that a device has before it while it is looked at, which takes 2 to 8 ms: an idle device's
/// clock and power say nothing about the samples.
const LOOK_SECONDS: f64 = 8e-3;

/// Receives every sample as soon as it is measured; `Break` ends the measurement.
pub type SampleSink<'a> = dyn FnMut(&Sample) -> ControlFlow<()> + 'a;

/// Says from the accepted samples, the number taken and the time since the first whether to stop.
type StopRule<'a> = dyn Fn(&[f64], usize, Duration) -> Option<StopReason> + 'a;

/// Times workloads on one device.
pub struct KernelTimer {
    device: Arc<dyn Device>,
    pub(super) instruments: Instruments,
    telemetry: Box<dyn Telemetry>,
    settings: TimerSettings,
}

/// The launches of one sample.
pub(super) struct Series {
    pub launches: usize,
    pub graph: Option<Box<dyn Graph>>,
}

impl Series {
    /// One launch, plain.
    pub fn single() -> Self {
        Self { launches: 1, graph: None }
    }
}

impl KernelTimer {
    /// Allocates the flush buffer, calibrates the hold and opens the device's telemetry.
    pub fn new(device: &Arc<dyn Device>, settings: TimerSettings) -> Result<Self, BackendError> {
        let telemetry = open_telemetry(device.info(), &TelemetrySources::default());
        Self::with_telemetry(device, settings, telemetry)
    }

    /// The same, looking at the device in a way of the caller's.
    pub fn with_telemetry(
        device: &Arc<dyn Device>,
        settings: TimerSettings,
        telemetry: Box<dyn Telemetry>,
    ) -> Result<Self, BackendError> {
        Ok(Self { device: device.clone(), instruments: Instruments::new(device)?, telemetry, settings })
    }

    /// What is measured under, with all that could not be read so far.
    pub fn conditions(&self) -> Conditions {
        Conditions::new(self.device.info(), &*self.telemetry)
    }

    pub fn device(&self) -> &Arc<dyn Device> {
        &self.device
    }

    /// What the next measurements may spend of a time budget, see `TimerSettings::budget`.
    pub fn set_budget(&mut self, budget: Option<Duration>) {
        self.settings.budget = budget;
    }

    pub fn settings(&self) -> &TimerSettings {
        &self.settings
    }

    /// Measures until the stop rule is content. A sample faster than `fastest_seconds` beats the device's roof
    /// and is rejected; `None` where no roof applies. A block of samples during which the device was throttled
    /// is discarded and measured again, a bounded number of times; `SampleSet::throttle` says when that was in
    /// vain.
    pub fn measure(
        &self,
        workload: &dyn Workload,
        mode: Mode,
        fastest_seconds: Option<f64>,
        sink: &mut SampleSink<'_>,
    ) -> Result<SampleSet, BackendError> {
        let rule = |accepted: &[f64], taken, elapsed| decide(&self.settings, accepted, taken, elapsed);
        let (mut block, mut first_ordinal) = (0, 0);
        loop {
            let mut samples_taken = 0;
            let mut stamped = |sample: &Sample| {
                samples_taken += 1;
                sink(&Sample { block, ..*sample })
            };
            let set = self.measure_block(workload, mode, fastest_seconds, &rule, first_ordinal, &mut stamped)?;
            let last = block >= self.settings.most_discarded_blocks || set.stop == StopReason::Interrupted;
            if last || set.throttle.is_none() {
                return Ok(SampleSet { block, checks: workload.conclude()?, ..set });
            }
            block += 1;
            first_ordinal += samples_taken;
            std::thread::sleep(self.settings.recovery);
        }
    }

    /// Takes `samples` accepted samples once, for callers with a stop rule of their own: warm-up, samples, checks,
    /// and a look at the device before and after. The time limit and `most_samples` still end it
    /// (`StopReason::TooFewSamples`), and nothing is repeated when the device was throttled: `SampleSet::throttle`
    /// says so. Whether the launches computed what they should is in `SampleSet::checks`.
    pub fn block(
        &self,
        workload: &dyn Workload,
        mode: Mode,
        samples: usize,
        fastest_seconds: Option<f64>,
        sink: &mut SampleSink<'_>,
    ) -> Result<SampleSet, BackendError> {
        let rule = |accepted: &[f64], taken, elapsed| decide_block(&self.settings, samples, accepted, taken, elapsed);
        let set = self.measure_block(workload, mode, fastest_seconds, &rule, 0, sink)?;
        Ok(SampleSet { checks: workload.conclude()?, ..set })
    }

    fn measure_block(
        &self,
        workload: &dyn Workload,
        mode: Mode,
        fastest_seconds: Option<f64>,
        rule: &StopRule<'_>,
        first_ordinal: u32,
        sink: &mut SampleSink<'_>,
    ) -> Result<SampleSet, BackendError> {
        let (typical, warm_up) = warm_up(&self.instruments, &self.settings, workload)?;
        let series = match mode {
            Mode::Cold => Series::single(),
            Mode::Hot => self.series(workload, typical)?,
        };
        let mut set = SampleSet {
            mode,
            seconds: Vec::new(),
            not_positive: 0,
            beat_roof: 0,
            launches_per_sample: series.launches as u32,
            graph: series.graph.is_some(),
            replicas: workload.replicas() as u32,
            warm_up,
            stop: StopReason::Interrupted,
            block: 0,
            looks: Looks { before: self.look(workload, typical)?, after: TelemetryReading::default() },
            throttle: None,
            checks: None,
        };
        let started = Instant::now();
        for ordinal in first_ordinal.. {
            let seconds = self.sample(workload, mode, &series, ordinal)? / series.launches as f64;
            let rejection = reject(seconds, fastest_seconds);
            match rejection {
                None => set.seconds.push(seconds),
                Some(Rejection::NotPositive) => set.not_positive += 1,
                Some(Rejection::BeatsRoof) => set.beat_roof += 1,
            }
            let sample = Sample { mode, ordinal, seconds, launches: series.launches as u32, rejection, block: 0 };
            if sink(&sample).is_break() {
                break;
            }
            let taken = (ordinal - first_ordinal) as usize + 1;
            if let Some(stop) = rule(&set.seconds, taken, started.elapsed()) {
                set.stop = stop;
                break;
            }
        }
        set.looks.after = self.look(workload, typical)?;
        set.throttle = throttled(&set.looks.before, &set.looks.after, self.telemetry.facts());
        Ok(set)
    }

    /// Seconds of one interval. What is done for the check of its launches lies before and after it; the caches are
    /// flushed last.
    pub(super) fn sample(
        &self,
        workload: &dyn Workload,
        mode: Mode,
        series: &Series,
        ordinal: u32,
    ) -> Result<f64, BackendError> {
        let replica = ordinal as usize % workload.replicas();
        let copies = match mode {
            Mode::Cold => replica..replica + 1,
            Mode::Hot => 0..workload.replicas(),
        };
        let interval = Interval { mode, ordinal, launches: series.launches, copies };
        workload.before(&interval)?;
        let seconds = match mode {
            Mode::Cold => self.cold_interval(workload, replica)?,
            Mode::Hot => self.hot_interval(workload, series)?,
        };
        workload.after(&interval)?;
        Ok(seconds)
    }

    /// Looks at the device while it works: launches of what is measured, then a delay that lasts as long as the
    /// look. Launches that take long fill it alone.
    pub(super) fn look(&self, workload: &dyn Workload, typical_seconds: f64) -> Result<TelemetryReading, BackendError> {
        if self.telemetry.facts().source.is_none() {
            return Ok(TelemetryReading::default());
        }
        if self.device.info().emulated {
            return Ok(self.telemetry.read());
        }
        let affordable = (MOST_HELD_LAUNCHES / workload.launches().max(1)).max(1);
        let launches = (LOOK_SECONDS / typical_seconds.max(1e-6)).ceil() as usize;
        enqueue_in_turn(workload, launches.clamp(1, affordable))?;
        self.instruments.keep_busy(LOOK_SECONDS)?;
        let reading = self.telemetry.read();
        self.device.synchronize()?;
        Ok(reading)
    }

    fn cold_interval(&self, workload: &dyn Workload, replica: usize) -> Result<f64, BackendError> {
        self.instruments.flush()?;
        self.instruments.hold(workload.launches())?;
        self.instruments.interval(|| workload.enqueue(replica))
    }

    fn hot_interval(&self, workload: &dyn Workload, series: &Series) -> Result<f64, BackendError> {
        match &series.graph {
            Some(graph) => {
                self.instruments.hold(1)?;
                self.instruments.interval(|| graph.replay())
            }
            None => {
                self.instruments.hold(series.launches * workload.launches())?;
                self.instruments.interval(|| enqueue_in_turn(workload, series.launches))
            }
        }
    }

    /// As many launches as make an interval of `batch_seconds`. Warm-up times hold launch gaps, so the count is
    /// corrected by real intervals, which are warm-up of the graph and no samples.
    pub(super) fn series(&self, workload: &dyn Workload, typical_seconds: f64) -> Result<Series, BackendError> {
        let batch = self.settings.batch_seconds;
        let mut launches = workload.series_length(launches_in(batch, typical_seconds));
        loop {
            // The emulator has no gaps to correct for, and no graph to warm up.
            if self.device.info().emulated {
                return Ok(Series { launches, graph: None });
            }
            let series = self.series_of(workload, launches)?;
            if launches == 1 {
                return Ok(series);
            }
            let interval = self.hot_interval(workload, &series)?;
            // A fifth more than the interval asks for, so that the next series is long enough at once.
            let wanted = launches_in(1.2 * batch, interval / launches as f64).max(2 * launches);
            let longer = workload.series_length(wanted.min(MOST_LAUNCHES_PER_SAMPLE));
            if interval >= batch || longer <= launches {
                return Ok(series);
            }
            launches = longer;
        }
    }

    /// So many launches, as a graph where the device has graphs.
    pub(super) fn series_of(&self, workload: &dyn Workload, launches: usize) -> Result<Series, BackendError> {
        if launches <= 1 {
            return Ok(Series::single());
        }
        let graph = self.device.capture(&mut || enqueue_in_turn(workload, launches))?;
        Ok(Series { launches, graph })
    }
}

/// Launches that last `batch` seconds together, within what one sample may have.
fn launches_in(batch: f64, seconds: f64) -> usize {
    let wanted = if seconds > 0.0 { (batch / seconds).ceil() } else { MOST_LAUNCHES_PER_SAMPLE as f64 };
    wanted.min(MOST_LAUNCHES_PER_SAMPLE as f64) as usize
}

fn enqueue_in_turn(workload: &dyn Workload, launches: usize) -> Result<(), BackendError> {
    (0..launches).try_for_each(|launch| workload.enqueue_in_series(launch))
}

fn reject(seconds: f64, fastest_seconds: Option<f64>) -> Option<Rejection> {
    if !seconds.is_finite() || seconds <= 0.0 {
        return Some(Rejection::NotPositive);
    }
    fastest_seconds.is_some_and(|fastest| seconds < fastest).then_some(Rejection::BeatsRoof)
}

//! The kernel timer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::telemetry::{Telemetry, TelemetryReading, TelemetrySources, open_telemetry};
use crate::backend::{BackendError, Device, Graph};

use super::instruments::{Instruments, MOST_HELD_LAUNCHES};
use super::statistics::{median, sorted};
use super::stop_rule::decide;
use super::{Conditions, Looks, Mode, Rejection, Sample, SampleSet, StopReason, TimerSettings, Workload, throttled};

/// Launches in one window of the warm-up; times are stable when two neighbouring windows agree twice.
const WINDOW: usize = 5;

/// Neighbouring windows agree when their medians differ by less than this share.
const WINDOW_AGREEMENT: f64 = 0.01;

/// Most launches in one hot sample: longer series would only hide drift inside a sample.
const MOST_LAUNCHES_PER_SAMPLE: usize = 1024;

/// Seconds of work that a device has before it while it is looked at, which takes 2 to 8 ms: an idle device's
/// clock and power say nothing about the samples.
const LOOK_SECONDS: f64 = 8e-3;

/// Receives every sample as soon as it is measured; `Break` ends the measurement.
pub type SampleSink<'a> = dyn FnMut(&Sample) -> ControlFlow<()> + 'a;

/// Times workloads on one device.
pub struct KernelTimer {
    device: Arc<dyn Device>,
    instruments: Instruments,
    telemetry: Box<dyn Telemetry>,
    settings: TimerSettings,
}

/// The launches of one hot sample.
struct Series {
    launches: usize,
    graph: Option<Box<dyn Graph>>,
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
        let (mut block, mut first_ordinal) = (0, 0);
        loop {
            let mut samples_taken = 0;
            let mut stamped = |sample: &Sample| {
                samples_taken += 1;
                sink(&Sample { block, ordinal: first_ordinal + sample.ordinal, ..*sample })
            };
            let set = self.measure_block(workload, mode, fastest_seconds, &mut stamped)?;
            let last = block >= self.settings.most_discarded_blocks || set.stop == StopReason::Interrupted;
            if last || set.throttle.is_none() {
                return Ok(SampleSet { block, ..set });
            }
            block += 1;
            first_ordinal += samples_taken;
            std::thread::sleep(self.settings.recovery);
        }
    }

    fn measure_block(
        &self,
        workload: &dyn Workload,
        mode: Mode,
        fastest_seconds: Option<f64>,
        sink: &mut SampleSink<'_>,
    ) -> Result<SampleSet, BackendError> {
        let typical = self.warm_up(workload)?;
        let series = match mode {
            Mode::Cold => Series { launches: 1, graph: None },
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
            stop: StopReason::Interrupted,
            block: 0,
            looks: Looks { before: self.look(workload, typical)?, after: TelemetryReading::default() },
            throttle: None,
        };
        let started = Instant::now();
        for ordinal in 0.. {
            let interval = match mode {
                Mode::Cold => self.cold_interval(workload, ordinal as usize % workload.replicas())?,
                Mode::Hot => self.hot_interval(workload, &series)?,
            };
            let seconds = interval / series.launches as f64;
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
            if let Some(stop) = decide(&self.settings, &set.seconds, ordinal as usize + 1, started.elapsed()) {
                set.stop = stop;
                break;
            }
        }
        set.looks.after = self.look(workload, typical)?;
        set.throttle = throttled(&set.looks.before, &set.looks.after, self.telemetry.facts());
        Ok(set)
    }

    /// Looks at the device while it works: launches of what is measured, then a delay that lasts as long as the
    /// look. Launches that take long fill it alone.
    fn look(&self, workload: &dyn Workload, typical_seconds: f64) -> Result<TelemetryReading, BackendError> {
        if self.telemetry.facts().source.is_none() {
            return Ok(TelemetryReading::default());
        }
        if self.device.info().emulated {
            return Ok(self.telemetry.read());
        }
        let affordable = (MOST_HELD_LAUNCHES / workload.launches()).max(1);
        let launches = (LOOK_SECONDS / typical_seconds.max(1e-6)).ceil() as usize;
        enqueue_in_turn(workload, launches.clamp(1, affordable))?;
        self.instruments.keep_busy(LOOK_SECONDS)?;
        let reading = self.telemetry.read();
        self.device.synchronize()?;
        Ok(reading)
    }

    /// Launches until times are stable and the least warm-up is over; gives the last window's median seconds.
    fn warm_up(&self, workload: &dyn Workload) -> Result<f64, BackendError> {
        let started = Instant::now();
        let mut previous: Option<f64> = None;
        let mut agreements = 0;
        // Without any warm-up time one launch still says how long the work takes. Every copy of the buffers is
        // launched over, so that each holds an output to check.
        let least = if self.settings.most_warm_up == Duration::ZERO { 1 } else { WINDOW };
        let window = least.max(workload.replicas());
        loop {
            let mut seconds = Vec::with_capacity(window);
            for replica in 0..window {
                self.instruments.hold(workload.launches())?;
                seconds.push(self.instruments.interval(|| workload.enqueue(replica % workload.replicas()))?);
            }
            let middle = median(&sorted(&seconds)).expect("a window has launches");
            let agrees = previous.is_some_and(|before| (middle - before).abs() <= WINDOW_AGREEMENT * before.abs());
            agreements = if agrees { agreements + 1 } else { 0 };
            previous = Some(middle);
            let elapsed = started.elapsed();
            let stable = agreements >= 2 && elapsed >= self.settings.least_warm_up;
            if stable || elapsed >= self.settings.most_warm_up {
                return Ok(middle);
            }
        }
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
    fn series(&self, workload: &dyn Workload, typical_seconds: f64) -> Result<Series, BackendError> {
        let batch = self.settings.batch_seconds;
        let mut launches = series_length(batch, typical_seconds, workload.replicas());
        loop {
            if launches == 1 {
                return Ok(Series { launches, graph: None });
            }
            let graph = self.device.capture(&mut || enqueue_in_turn(workload, launches))?;
            let series = Series { launches, graph };
            let interval = self.hot_interval(workload, &series)?;
            if interval >= batch || launches >= MOST_LAUNCHES_PER_SAMPLE {
                return Ok(series);
            }
            // A fifth more than the interval asks for, so that the next series is long enough at once.
            let longer = series_length(1.2 * batch, interval / launches as f64, workload.replicas());
            launches = longer.max(2 * launches).min(MOST_LAUNCHES_PER_SAMPLE);
        }
    }
}

/// Launches that last `batch` seconds together, each copy of the buffers equally often where that fits.
fn series_length(batch: f64, seconds: f64, replicas: usize) -> usize {
    if seconds >= batch {
        return replicas;
    }
    let wanted = if seconds > 0.0 { (batch / seconds).ceil() } else { MOST_LAUNCHES_PER_SAMPLE as f64 };
    let wanted = wanted.min(MOST_LAUNCHES_PER_SAMPLE as f64) as usize;
    wanted.next_multiple_of(replicas).min(MOST_LAUNCHES_PER_SAMPLE)
}

fn enqueue_in_turn(workload: &dyn Workload, launches: usize) -> Result<(), BackendError> {
    (0..launches).try_for_each(|launch| workload.enqueue(launch % workload.replicas()))
}

fn reject(seconds: f64, fastest_seconds: Option<f64>) -> Option<Rejection> {
    if !seconds.is_finite() || seconds <= 0.0 {
        return Some(Rejection::NotPositive);
    }
    fastest_seconds.is_some_and(|fastest| seconds < fastest).then_some(Rejection::BeatsRoof)
}

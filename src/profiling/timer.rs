//! The kernel timer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::telemetry::{Telemetry, TelemetryReading, TelemetrySources, open_telemetry};
use crate::backend::{BackendError, Device, Graph};

use super::core_clock::CoreClock;
use super::instruments::{Instruments, MOST_HELD_LAUNCHES};
use super::stop_rule::{RoundState, Taken, decide};
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

/// Accepted samples that a round has at least.
const LEAST_SAMPLES_OF_A_ROUND: usize = 5;

/// Turns of launches over new buffers before the samples of a round: the first one finds no address translated.
const TURNS_OVER_NEW_BUFFERS: usize = 2;

/// Times workloads on one device.
pub struct KernelTimer {
    device: Arc<dyn Device>,
    pub(super) instruments: Instruments,
    telemetry: Box<dyn Telemetry>,
    core_clock: Option<CoreClock>,
    settings: TimerSettings,
}

/// The launches of one sample.
pub(super) struct Series {
    pub launches: usize,
    pub graphs: Graphs,
}

/// What is replayed instead of launched.
pub(super) enum Graphs {
    /// Everything is launched.
    None,
    /// All launches of a hot sample.
    Whole(Box<dyn Graph>),
    /// One launch of the work over each copy of its buffers.
    OfCopies(Vec<Box<dyn Graph>>),
}

/// The current round.
struct Round {
    number: u32,
    started: Instant,
    /// Accepted samples before it.
    first: usize,
}

impl Round {
    fn state(&self, in_rounds: bool, settings: &TimerSettings, accepted: usize) -> RoundState {
        // A small share of a time budget is cut into as many rounds.
        let share = settings.budget.map(|budget| budget / settings.least_rounds.max(1) as u32);
        let time = share.map_or(settings.round_time, |share| share.min(settings.round_time));
        match in_rounds {
            false => RoundState::Single,
            true if accepted - self.first < LEAST_SAMPLES_OF_A_ROUND => RoundState::Filling,
            true if self.started.elapsed() < time => RoundState::Filling,
            true => RoundState::Full,
        }
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
        let instruments = Instruments::new(device)?;
        let core_clock = if settings.core_clock { CoreClock::new(device, &instruments)? } else { None };
        Ok(Self { device: device.clone(), instruments, telemetry, core_clock, settings })
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
    /// and is rejected; `None` where no roof applies. Samples are taken in rounds, over new buffers each
    /// (`TimerSettings::least_rounds`), where the workload can have them. A block of samples during which the device was throttled
    /// is discarded and measured again, a bounded number of times; `SampleSet::throttle` says when that was in
    /// vain.
    pub fn measure(
        &self,
        workload: &mut dyn Workload,
        mode: Mode,
        fastest_seconds: Option<f64>,
        sink: &mut SampleSink<'_>,
    ) -> Result<SampleSet, BackendError> {
        let (mut block, mut first_ordinal) = (0, 0);
        loop {
            let mut samples_taken = 0;
            let mut stamped = |sample: &Sample| {
                samples_taken += 1;
                sink(&Sample { block, ..*sample })
            };
            let set = self.measure_block(workload, mode, fastest_seconds, first_ordinal, &mut stamped)?;
            let last = block >= self.settings.most_discarded_blocks || set.stop == StopReason::Interrupted;
            if last || set.throttle.is_none() {
                return Ok(SampleSet { block, checks: workload.conclude()?, ..set });
            }
            block += 1;
            first_ordinal += samples_taken;
            std::thread::sleep(self.settings.recovery);
        }
    }

    fn measure_block(
        &self,
        workload: &mut dyn Workload,
        mode: Mode,
        fastest_seconds: Option<f64>,
        first_ordinal: u32,
        sink: &mut SampleSink<'_>,
    ) -> Result<SampleSet, BackendError> {
        let (typical, warm_up) = warm_up(&self.instruments, &self.settings, workload)?;
        let mut series = match mode {
            Mode::Cold => self.cold_series(workload)?,
            Mode::Hot => self.series(workload, typical)?,
        };
        let mut set = SampleSet {
            mode,
            seconds: Vec::new(),
            round_ends: Vec::new(),
            not_positive: 0,
            beat_roof: 0,
            launches_per_sample: series.launches as u32,
            graph: !matches!(series.graphs, Graphs::None),
            replicas: workload.replicas() as u32,
            warm_up,
            stop: StopReason::Interrupted,
            block: 0,
            looks: Looks { before: self.look(workload, typical)?, after: TelemetryReading::default() },
            throttle: None,
            checks: None,
        };
        let started = Instant::now();
        let mut round = Round { number: 0, started, first: 0 };
        let mut in_rounds = self.settings.least_rounds > 1;
        for ordinal in first_ordinal.. {
            let (seconds, rejection) = self.sample(workload, mode, &series, ordinal, fastest_seconds)?;
            match rejection {
                None => set.seconds.push(seconds),
                Some(Rejection::NotPositive) => set.not_positive += 1,
                Some(Rejection::BeatsRoof) => set.beat_roof += 1,
            }
            let launches = series.launches as u32;
            let sample = Sample { mode, ordinal, block: 0, round: round.number, seconds, launches, rejection };
            if sink(&sample).is_break() {
                break;
            }
            let state = round.state(in_rounds, &self.settings, set.seconds.len());
            let taken = Taken {
                accepted: &set.seconds,
                round_ends: &set.round_ends,
                round: state,
                count: (ordinal - first_ordinal) as usize + 1,
                elapsed: started.elapsed(),
            };
            if let Some(stop) = decide(&self.settings, &taken) {
                set.stop = stop;
                break;
            }
            if state == RoundState::Full {
                series.graphs = Graphs::None;
                in_rounds = workload.renew()?;
                if in_rounds {
                    set.round_ends.push(set.seconds.len());
                    round = Round { number: round.number + 1, started: Instant::now(), first: set.seconds.len() };
                    self.launch_over_new_buffers(workload)?;
                }
                series = match mode {
                    Mode::Cold => self.cold_series(workload)?,
                    Mode::Hot => self.series_of(workload, series.launches)?,
                };
            }
        }
        set.round_ends.push(set.seconds.len());
        set.looks.after = self.look(workload, typical)?;
        set.throttle = throttled(&set.looks.before, &set.looks.after, self.telemetry.facts());
        Ok(set)
    }

    /// Seconds per launch of one sample, and why it does not count. A hot one is one interval; a cold one has an
    /// interval for a launch on each input set, since what a launch takes may depend on its inputs, and counts if all
    /// of them do.
    pub(super) fn sample(
        &self,
        workload: &dyn Workload,
        mode: Mode,
        series: &Series,
        ordinal: u32,
        fastest_seconds: Option<f64>,
    ) -> Result<(f64, Option<Rejection>), BackendError> {
        if mode == Mode::Hot {
            let copies = 0..workload.replicas();
            let interval = Interval { mode, ordinal, sequence: ordinal as usize, launches: series.launches, copies };
            let seconds = self.checked(workload, &interval, || self.hot_interval(workload, series))?;
            let seconds = seconds / series.launches as f64;
            return Ok((seconds, reject(seconds, fastest_seconds)));
        }
        let (mut sum, mut rejection) = (0.0, None);
        for turn in 0..series.launches {
            let sequence = ordinal as usize * series.launches + turn;
            let replica = sequence % workload.replicas();
            let interval = Interval { mode, ordinal, sequence, launches: 1, copies: replica..replica + 1 };
            let seconds = self.checked(workload, &interval, || self.cold_interval(workload, series, replica))?;
            rejection = rejection.or(reject(seconds, fastest_seconds));
            sum += seconds;
        }
        Ok((sum / series.launches as f64, rejection))
    }

    /// What is done for the check of an interval's launches lies before and after it; the caches are flushed last.
    fn checked(
        &self,
        workload: &dyn Workload,
        interval: &Interval,
        measure: impl FnOnce() -> Result<f64, BackendError>,
    ) -> Result<f64, BackendError> {
        workload.before(interval)?;
        let seconds = measure()?;
        workload.after(interval)?;
        Ok(seconds)
    }

    /// Untimed launches over each new copy of the buffers.
    fn launch_over_new_buffers(&self, workload: &dyn Workload) -> Result<(), BackendError> {
        for launch in 0..TURNS_OVER_NEW_BUFFERS * workload.replicas() {
            self.instruments.hold(workload.launches())?;
            self.instruments.interval(|| workload.enqueue(launch % workload.replicas()))?;
        }
        Ok(())
    }

    /// Looks at the device while it works: launches of what is measured, then a delay that lasts as long as the
    /// look. Launches that take long fill it alone.
    pub(super) fn look(&self, workload: &dyn Workload, typical_seconds: f64) -> Result<TelemetryReading, BackendError> {
        let can_read = self.telemetry.facts().source.is_some();
        if self.device.info().emulated {
            return Ok(if can_read { self.telemetry.read() } else { TelemetryReading::default() });
        }
        if !can_read && self.core_clock.is_none() {
            return Ok(TelemetryReading::default());
        }
        let affordable = (MOST_HELD_LAUNCHES / workload.launches().max(1)).max(1);
        let launches = (LOOK_SECONDS / typical_seconds.max(1e-6)).ceil() as usize;
        enqueue_in_turn(workload, launches.clamp(1, affordable))?;
        // Right behind the launches, before anything lets the clock change.
        let clock = self.core_clock.as_ref().map(|clock| clock.steps_per_us(&self.instruments)).transpose()?;
        let mut reading = TelemetryReading::default();
        if can_read {
            self.instruments.keep_busy(LOOK_SECONDS)?;
            reading = self.telemetry.read();
        }
        self.device.synchronize()?;
        reading.chain_steps_per_us = clock.flatten();
        Ok(reading)
    }

    fn cold_interval(&self, workload: &dyn Workload, series: &Series, replica: usize) -> Result<f64, BackendError> {
        self.instruments.flush()?;
        match &series.graphs {
            Graphs::OfCopies(graphs) => {
                self.instruments.hold(1)?;
                self.instruments.interval(|| graphs[replica].replay())
            }
            Graphs::None | Graphs::Whole(_) => {
                self.instruments.hold(workload.launches())?;
                self.instruments.interval(|| workload.enqueue(replica))
            }
        }
    }

    /// A launch on each input set, each timed by itself. Work of several launches is replayed from graphs where the device has
    /// them: launched plainly, the second kernel of such work began 0.9 µs sooner or later on an H100, for a tenth of a
    /// second to a second at a time, whatever lay elsewhere meanwhile.
    pub(super) fn cold_series(&self, workload: &dyn Workload) -> Result<Series, BackendError> {
        let launches = workload.input_sets();
        if workload.launches() <= 1 {
            return Ok(Series { launches, graphs: Graphs::None });
        }
        let mut graphs = Vec::new();
        for replica in 0..workload.replicas() {
            let Some(graph) = self.device.capture(&mut || workload.enqueue(replica))? else {
                return Ok(Series { launches, graphs: Graphs::None });
            };
            // The first replay brings the graph to the device.
            self.instruments.hold(1)?;
            self.instruments.interval(|| graph.replay())?;
            graphs.push(graph);
        }
        Ok(Series { launches, graphs: Graphs::OfCopies(graphs) })
    }

    fn hot_interval(&self, workload: &dyn Workload, series: &Series) -> Result<f64, BackendError> {
        match &series.graphs {
            Graphs::Whole(graph) => {
                self.instruments.hold(1)?;
                self.instruments.interval(|| graph.replay())
            }
            Graphs::None | Graphs::OfCopies(_) => {
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
                return Ok(Series { launches, graphs: Graphs::None });
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
            return Ok(Series { launches: 1, graphs: Graphs::None });
        }
        let graph = self.device.capture(&mut || enqueue_in_turn(workload, launches))?;
        Ok(Series { launches, graphs: graph.map_or(Graphs::None, Graphs::Whole) })
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

//! Notes what measuring a case costs, on the way of its rows to where they go.

use std::io;
use std::time::Instant;

use crate::profiling::{Mode, Sample};

use super::sweep_plan::{Spent, Use};
use super::{Measurement, Problem, SweepProgress, SweepSink};

/// Hands everything on, and looks at the clock.
pub(super) struct Meter<'a> {
    sink: &'a mut dyn SweepSink,
    started: Instant,
    /// Seconds of sampling after which a block of samples ends.
    limit: f64,
    spent: Spent,
    block: Option<Block>,
}

/// Samples between which nothing else happens.
#[derive(Clone, Copy)]
struct Block {
    mode: Mode,
    number: u32,
    first: Instant,
    last: Instant,
    samples: usize,
}

impl<'a> Meter<'a> {
    pub fn new(sink: &'a mut dyn SweepSink, limit: f64) -> Self {
        Self { sink, started: Instant::now(), limit, spent: Spent::default(), block: None }
    }

    /// What the case took since the meter was made.
    pub fn spent(mut self) -> Spent {
        self.close();
        self.spent.seconds = self.started.elapsed().as_secs_f64();
        self.spent
    }

    fn close(&mut self) {
        let Some(block) = self.block.take() else { return };
        let between = (block.last - block.first).as_secs_f64();
        // The first sample began before it was seen: it is taken to be as long as the others.
        let seconds = between * block.samples as f64 / (block.samples - 1).max(1) as f64;
        self.spent.samples += block.samples;
        let cut = seconds >= 0.98 * self.limit;
        match self.spent.uses.last_mut() {
            // A block that was measured again because the device was throttled.
            Some(used) if block.number > 0 => {
                used.seconds += seconds;
                used.cut |= cut;
            }
            _ => self.spent.uses.push(Use { seconds, cut }),
        }
    }
}

impl SweepSink for Meter<'_> {
    fn sample(&mut self, case: &str, sample: &Sample) -> io::Result<()> {
        let now = Instant::now();
        match &mut self.block {
            Some(block) if block.mode == sample.mode && block.number == sample.block => {
                block.last = now;
                block.samples += 1;
            }
            _ => {
                self.close();
                self.block = Some(Block { mode: sample.mode, number: sample.block, first: now, last: now, samples: 1 });
            }
        }
        self.sink.sample(case, sample)
    }

    fn measurement(&mut self, measurement: &Measurement) -> io::Result<()> {
        self.sink.measurement(measurement)
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        self.sink.problem(problem)
    }

    fn progress(&mut self, progress: &SweepProgress) -> io::Result<()> {
        self.sink.progress(progress)
    }
}

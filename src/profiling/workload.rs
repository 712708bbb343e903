//! What a timer can launch.

use std::ops::Range;

use crate::backend::BackendError;

use super::{LaunchChecks, Mode};

/// A timed interval that is about to be measured, or just was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    pub mode: Mode,
    /// Ordinal of the sample within its measurement.
    pub ordinal: u32,
    /// Counts the intervals of the measurement in this mode, from 0: a cold sample has one for each input set.
    pub sequence: usize,
    /// Launches in the interval.
    pub launches: usize,
    /// Copies of the buffers that they are over.
    pub copies: Range<usize>,
}

/// Something that enqueues work on a device's stream, any number of times.
pub trait Workload {
    /// Copies of the buffers; `enqueue` takes `0..replicas()`.
    fn replicas(&self) -> usize {
        1
    }

    /// Input sets that the copies have in turn. A cold sample is one launch on each.
    fn input_sets(&self) -> usize {
        1
    }

    /// Takes new buffers and code, elsewhere in memory, for what is launched from now on; `false` where that is not to be had.
    /// Graphs of the old ones must be gone.
    fn renew(&mut self) -> Result<bool, BackendError> {
        Ok(false)
    }

    /// Kernel launches of one `enqueue`.
    fn launches(&self) -> usize {
        1
    }

    /// Enqueues the work once, over the given copy of the buffers.
    fn enqueue(&self, replica: usize) -> Result<(), BackendError>;

    /// Enqueues launch number `launch` of a hot series: over the copies in turn.
    fn enqueue_in_series(&self, launch: usize) -> Result<(), BackendError> {
        self.enqueue(launch % self.replicas())
    }

    /// The length of a hot series that is at least `wanted` long, or the longest that this work can have.
    fn series_length(&self, wanted: usize) -> usize {
        wanted.max(1).next_multiple_of(self.replicas())
    }

    /// Enqueues what has to be done before an interval, outside of it: fresh inputs, poisoned outputs.
    fn before(&self, _interval: &Interval) -> Result<(), BackendError> {
        Ok(())
    }

    /// Enqueues what has to be done after an interval, outside of it: a look at the outputs.
    fn after(&self, _interval: &Interval) -> Result<(), BackendError> {
        Ok(())
    }

    /// Waits, and says what the looks at outputs found since the last call; `None` if nobody looked.
    fn conclude(&self) -> Result<Option<LaunchChecks>, BackendError> {
        Ok(None)
    }

    /// The same without the launch that is drawn to be compared in full, which takes much longer than all hashes.
    fn conclude_by_hash(&self) -> Result<Option<LaunchChecks>, BackendError> {
        self.conclude()
    }
}

impl<F: Fn() -> Result<(), BackendError>> Workload for F {
    fn enqueue(&self, _replica: usize) -> Result<(), BackendError> {
        self()
    }
}

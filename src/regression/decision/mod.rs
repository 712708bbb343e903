//! Pure decisions from numbers: no I/O, no clock, the same answer on every machine.
//!
//! `decide_pairs` weighs measurements that were interleaved, `decide_samples` two runs taken at different times.

mod classify;
mod clocks;
mod look;
mod many;
mod noise;
mod pairs;
mod reason;
mod samples;
mod thresholds;
mod verdict;

pub use clocks::{ClockPair, SideClock, confirm_by_clocks};
pub use look::{Look, looks};
pub use many::{FALSE_DISCOVERY_RATE, correct_for_many};
pub(in crate::regression) use noise::widened;
pub use noise::{ASSUMED_NOISE_OF_PAIRS, ASSUMED_NOISE_OF_RUNS, noise_of_shifts};
pub use pairs::{Pair, decide_pairs};
pub use reason::Reason;
pub use samples::decide_samples;
pub use thresholds::Thresholds;
pub use verdict::{Decision, Verdict};

//! How the emulator runs kernels.

use std::fmt;
use std::str::FromStr;

/// The order in which threads run between two rendezvous, and blocks within a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    InOrder,
    Reverse,
    Random { seed: u64 },
}

/// The name given is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a schedule: use in-order, reverse or random:SEED, where SEED is a whole number")]
pub struct ParseScheduleError(pub String);

impl FromStr for Schedule {
    type Err = ParseScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "in-order" => Ok(Schedule::InOrder),
            "reverse" => Ok(Schedule::Reverse),
            _ => text
                .strip_prefix("random:")
                .and_then(|seed| seed.parse().ok())
                .map(|seed| Schedule::Random { seed })
                .ok_or_else(|| ParseScheduleError(text.to_string())),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::InOrder => formatter.write_str("in-order"),
            Schedule::Reverse => formatter.write_str("reverse"),
            Schedule::Random { seed } => write!(formatter, "random:{seed}"),
        }
    }
}

/// Options of a host device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostOptions {
    /// Threads per wave: 32 or 64.
    pub wave_size: u32,
    pub schedule: Schedule,
    /// Checks every memory access of a kernel before it happens, and looks for races on shared memory. Slower.
    pub memory_check: bool,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self { wave_size: 32, schedule: Schedule::InOrder, memory_check: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_round_trip_and_bad_ones_say_what_to_use() {
        for text in ["in-order", "reverse", "random:17"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        for text in ["random", "random:x", "random:-1", "shuffled"] {
            assert!(text.parse::<Schedule>().unwrap_err().to_string().contains("random:SEED"), "{text}");
        }
    }
}

//! The least work an operation must do, for bandwidth, floors and the emulator's budget.

use serde::{Deserialize, Serialize};

/// Algorithmic work of one problem: each input byte read once, each output byte written once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// Floating-point operations; 0 where FLOP/s mean nothing (selection).
    pub flops: u64,
    /// Element visits, an estimate of what the host emulator must execute (about 20 ns each).
    pub emulated_visits: u64,
}

impl Cost {
    pub fn bytes(&self) -> u64 {
        self.bytes_read + self.bytes_written
    }
}

//! What a kernel did that is undefined on a GPU.

use std::fmt;

use super::thread_state::{Wait, unpack};

/// Why a block could not be run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something undefined; the sentence names block and thread.
    Undefined(String),
    /// The launch's deadline has passed.
    Deadline,
}

/// `(3,0,0)` of a packed index.
pub(super) struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y, z] = unpack(self.0);
        write!(formatter, "({x},{y},{z})")
    }
}

/// Threads that should meet are at different places.
pub(super) fn divergence(block: u64, first: (u64, Wait), second: (u64, Wait)) -> Fault {
    Fault::Undefined(format!(
        "divergent control flow in block {}: thread {} {}, but thread {} {}",
        Position(block),
        Position(first.0),
        first.1.describe(),
        Position(second.0),
        second.1.describe(),
    ))
}

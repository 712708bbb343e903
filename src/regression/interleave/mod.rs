//! Two workers on one device measured in turns, A B B A A B B A, until a pure rule decides.
//!
//! What drifts slowly (temperature, clocks) moves both halves of a pair of neighbouring blocks alike and cancels in
//! their ratio. Both workers hold the device; only one of them launches at a time.

mod duel;
#[cfg(test)]
mod duel_tests;
mod side;
mod turns;

pub use duel::{Duel, DuelPlan, Identical, Observed, duel, run_duel};
pub use side::Side;
pub use turns::{DuelError, Role, SideError, SideRecord, Turns};

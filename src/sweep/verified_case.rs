//! A case with its buffers, its outputs judged on every input set that will be timed.

use std::sync::Arc;

use crate::backend::Device;
use crate::operation::{BindError, Case};
use crate::profiling::{Rotation, Workload};

/// What each further input set adds to the case's seed: 2^64 over the golden ratio.
const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A case before it is timed.
pub enum VerifiedCase {
    Ready(Box<Rotation>),
    /// An untimed launch computed something else than the reference; says what.
    Wrong(String),
    /// There is nothing to launch, so there is nothing to time.
    Empty,
}

impl VerifiedCase {
    /// Binds a case and launches once on each input set: the case's own, and where memory permits a second one of the
    /// same class with another seed. Each is judged against its own reference, and only then do hashes of its
    /// outputs count as right. `seed` decides which timed launch is checked in full.
    pub fn new(device: &Arc<dyn Device>, case: &Case, seed: u64) -> Result<Self, BindError> {
        let mut rotation = Rotation::new(device, case.operation, &case.problem, seed)?;
        if rotation.launches() == 0 {
            return Ok(Self::Empty);
        }
        for set in 0..rotation.input_sets() {
            let seed = case.seed.wrapping_add(SEED_STEP.wrapping_mul(set as u64));
            let inputs = case.operation.generate(&case.problem, case.class, seed);
            let outputs = rotation.first_outputs(set, &inputs)?;
            let judgements = case.operation.reference(&case.problem, &inputs).judge(&outputs);
            let wrong = judgements.into_iter().filter(|judgement| !judgement.only_statistical);
            let failures: Vec<_> = wrong.flat_map(|judgement| judgement.failures).collect();
            if !failures.is_empty() {
                let failures = failures.join("; ");
                return Ok(Self::Wrong(format!(
                    "a launch before timing, with inputs of seed {seed}, was wrong: {failures}"
                )));
            }
            rotation.accept(set, &outputs)?;
        }
        Ok(Self::Ready(Box::new(rotation)))
    }
}

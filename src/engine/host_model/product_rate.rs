//! How fast the native path multiplies at best.

use std::time::{Duration, Instant};

use super::forward::HostModel;
use super::projection::project;

/// Enough for several products of any model.
const LEAST_TIME: Duration = Duration::from_millis(300);

const LEAST_RUNS: usize = 3;

impl HostModel<'_> {
    /// Times the model's largest matrix product but the head's, the gate projection of the first layer, for `rows` tokens:
    /// its shape, `[rows, inputs, outputs]`, and the fastest of a few runs.
    pub fn largest_product(&self, rows: usize) -> ([u64; 3], Duration) {
        let weight = &self.first_gate();
        let (outputs, inputs) = (weight.shape[0], weight.shape[1]);
        let input = vec![0.5; rows * inputs];
        let mut output = vec![0.0; rows * outputs];
        let begun = Instant::now();
        let mut fastest = Duration::MAX;
        let mut runs = 0;
        while runs < LEAST_RUNS || begun.elapsed() < LEAST_TIME {
            let run = Instant::now();
            project(weight, None, &input, &mut output);
            fastest = fastest.min(run.elapsed());
            runs += 1;
        }
        ([rows as u64, inputs as u64, outputs as u64], fastest)
    }
}

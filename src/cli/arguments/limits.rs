//! How much runs at once, for how long, and when to stop.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use hipgauge::backend::DeviceInfo;
use hipgauge::operation::Case;
use hipgauge::report::Machine;
use hipgauge::suite::SelectedCase;

/// Enough to make inputs and judge while the GPU works; more would hold the tensors of more cases in memory.
const MOST_GPU_JOBS: NonZeroUsize = NonZeroUsize::new(4).expect("4 is not 0");

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArguments {
    /// Cases in work at a time [default: the cores on host; on a GPU at most 4, fewer where memory is short]
    #[arg(long, value_name = "COUNT")]
    pub jobs: Option<NonZeroUsize>,

    /// Stop at the first case that fails or cannot run
    #[arg(long)]
    pub fail_fast: bool,

    /// Give a case up after this many seconds on the device
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
}

impl LimitArguments {
    /// The first argument that was given of these.
    pub fn first_given(&self) -> Option<&'static str> {
        let given =
            [("--jobs", self.jobs.is_some()), ("--fail-fast", self.fail_fast), ("--timeout", self.timeout.is_some())];
        given.into_iter().find_map(|(name, given)| given.then_some(name))
    }

    /// Cases in work at a time. By default so few on a GPU that as many of the largest case fit in half of the
    /// machine's memory; the emulator's cases are small.
    pub fn jobs(&self, device: &DeviceInfo, cases: &[SelectedCase]) -> NonZeroUsize {
        let default = || {
            let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
            if device.emulated {
                return cores;
            }
            let running = cases.iter().filter(|selected| selected.skip.is_none());
            let largest = running.map(|selected| held_bytes(&selected.case)).max().unwrap_or(0);
            cores.min(MOST_GPU_JOBS).min(jobs_within(Machine::detect().memory_bytes / 2, largest))
        };
        self.jobs.unwrap_or_else(default)
    }
}

/// How many cases of `bytes` bytes fit in `budget`; one in any case.
fn jobs_within(budget: u64, bytes: u64) -> NonZeroUsize {
    let fitting = budget.checked_div(bytes).map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    NonZeroUsize::new(fitting).unwrap_or(NonZeroUsize::MIN)
}

/// Bytes on the host that a case holds while it runs: its inputs, the outputs of two launches, and the
/// reference's f64 for every element of an output.
fn held_bytes(case: &Case) -> u64 {
    let held = case.operation.tensors(&case.problem).into_iter().map(|spec| {
        let elements = spec.distinct_rows as u64 * spec.row_stride as u64;
        let stored = elements * spec.dtype.size() as u64;
        if spec.is_output() { 2 * stored + elements * size_of::<f64>() as u64 } else { stored }
    });
    held.sum()
}

/// A positive number of seconds.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let advice = || "use a positive number of seconds, such as 30 or 0.5".to_string();
    let seconds: f64 = text.parse().map_err(|_| advice())?;
    if seconds > 0.0 { Duration::try_from_secs_f64(seconds).map_err(|_| advice()) } else { Err(advice()) }
}

#[cfg(test)]
mod tests {
    use hipgauge::registry::OPERATIONS;
    use hipgauge::suite::parse_case_id;

    use super::*;

    #[test]
    fn a_case_holds_its_inputs_two_outputs_and_the_reference() {
        let case = parse_case_id("rms_norm/bf16/2048x4096/normal", OPERATIONS).unwrap();
        let elements = 2048 * 4096;
        assert_eq!(held_bytes(&case), (elements + 4096) * 2 + elements * (2 * 2 + 8));
    }

    #[test]
    fn jobs_fit_in_the_budget_and_are_never_none() {
        assert_eq!(jobs_within(64 << 30, 20 << 30).get(), 3);
        assert_eq!(jobs_within(1 << 30, 20 << 30).get(), 1);
        assert_eq!(jobs_within(1 << 30, 0).get(), usize::MAX);
    }
}

//! What runs: a suite's cases after filters, seeds and the reasons not to run them on this device.

use crate::backend::DeviceInfo;
use crate::operation::Case;

use super::expand::SuiteCase;
use super::filter::Filter;

/// Element visits that one case may cost on the host emulator, about 0.4 s of one core.
pub const DEFAULT_HOST_BUDGET: u64 = 20_000_000;

/// A case to run, or to report as skipped.
#[derive(Clone, Debug)]
pub struct SelectedCase {
    pub case: Case,
    /// Why it does not run on this device.
    pub skip: Option<String>,
}

/// The rules by which cases are picked.
pub struct Selection<'a> {
    pub filter: &'a Filter,
    /// Added to every case's seed, so that one suite can be run on fresh inputs.
    pub seed: u64,
    /// Emulated element visits a case may cost; only emulated devices look at it.
    pub host_budget: u64,
}

impl Selection<'_> {
    /// Drops what the filter does not want and gives the rest their seeds and reasons to be skipped.
    pub fn pick(&self, cases: &[SuiteCase], device: &DeviceInfo) -> Vec<SelectedCase> {
        let wanted = cases.iter().filter(|suite_case| self.filter.matches(&suite_case.case));
        wanted
            .map(|suite_case| {
                let mut case = suite_case.case.clone();
                case.seed = case.seed.wrapping_add(self.seed);
                let skip = suite_case.skip.as_ref().filter(|skip| skip.applies_to(&device.id));
                let skip = skip.map(|skip| skip.reason.clone()).or_else(|| self.over_budget(&case, device));
                SelectedCase { case, skip }
            })
            .collect()
    }

    fn over_budget(&self, case: &Case, device: &DeviceInfo) -> Option<String> {
        let visits = case.operation.cost(&case.problem).emulated_visits;
        (device.emulated && visits > self.host_budget)
            .then(|| format!("costs the emulator more than {} element visits; raise --host-budget", self.host_budget))
    }
}

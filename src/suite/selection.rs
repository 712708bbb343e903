//! What runs: cases, and the reasons not to run some of them on this device.

use crate::backend::DeviceInfo;
use crate::operation::Case;

use super::expand::SuiteCase;

/// Element visits that one case may cost on the host emulator, about 0.4 s of one core.
pub const DEFAULT_HOST_BUDGET: u64 = 20_000_000;

/// A case to run, or to report as skipped.
#[derive(Clone, Debug)]
pub struct SelectedCase {
    pub case: Case,
    /// Why it does not run on this device.
    pub skip: Option<String>,
}

/// The cases with the reasons not to run them on `device`: the suite's own, or a cost of more than `host_budget`
/// emulated element visits on a device that is emulated.
pub fn select_for_device(cases: &[SuiteCase], device: &DeviceInfo, host_budget: u64) -> Vec<SelectedCase> {
    let select = |suite_case: &SuiteCase| {
        let case = suite_case.case.clone();
        let skip = suite_case.skip.as_ref().filter(|skip| skip.applies_to(&device.id));
        let skip = skip.map(|skip| skip.reason.clone()).or_else(|| over_budget(&case, device, host_budget));
        SelectedCase { case, skip }
    };
    cases.iter().map(select).collect()
}

fn over_budget(case: &Case, device: &DeviceInfo, host_budget: u64) -> Option<String> {
    let visits = case.operation.cost(&case.problem).emulated_visits;
    (device.emulated && visits > host_budget)
        .then(|| format!("costs the emulator more than {host_budget} element visits; raise --host-budget"))
}

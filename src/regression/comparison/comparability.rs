//! Whether two runs may be compared at all.

use crate::profiling::Difference;
use crate::report::RunData;

use super::error::ComparisonError;

/// The conditions in which two runs differ, which must be none unless the comparison is forced. Runs that timed nothing
/// have no conditions; their verdicts can be compared whatever ran them.
pub(super) fn differing_conditions(
    base: &RunData,
    candidate: &RunData,
    force: bool,
) -> Result<Vec<Difference>, ComparisonError> {
    let (Some(before), Some(now)) = (&base.record.conditions, &candidate.record.conditions) else {
        return Ok(Vec::new());
    };
    let names = || (base.path.display().to_string(), candidate.path.display().to_string());
    if before.comparability.emulated != now.comparability.emulated {
        let (base, candidate) = names();
        return Err(ComparisonError::EmulatedAgainstReal { base, candidate });
    }
    let differences = before.comparability.differences(&now.comparability);
    if differences.is_empty() || force {
        return Ok(differences);
    }
    let (base, candidate) = names();
    Err(ComparisonError::NotComparable { base, candidate, differences })
}

//! Two runs that cannot be compared.

use crate::profiling::Difference;
use crate::report::ReportError;

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum ComparisonError {
    #[error(transparent)]
    Report(#[from] ReportError),

    /// Conditions differ that change times by themselves.
    #[error(
        "{base} and {candidate} were not measured under the same conditions:\n{}\nmeasure both alike, or give --force to \
         compare all the same; every output will say so",
        lines(differences)
    )]
    NotComparable { base: String, candidate: String, differences: Vec<Difference> },

    /// An emulator's and a GPU's run, which `--force` does not join.
    #[error(
        "{base} and {candidate} cannot be compared: one is the emulator's and one a GPU's; compare runs of one device"
    )]
    EmulatedAgainstReal { base: String, candidate: String },
}

fn lines(differences: &[Difference]) -> String {
    differences.iter().map(|difference| format!("  {difference}")).collect::<Vec<_>>().join("\n")
}

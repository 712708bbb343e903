//! Two TTFT runs that cannot be compared.

/// Why there is no comparison.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FirstTokenError {
    /// Conditions differ that change times by themselves.
    #[error(
        "the two runs were not taken under the same conditions:\n{}\nmeasure both alike, or give --force to compare all \
         the same; every output will say so",
        .differences.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    )]
    NotComparable { differences: Vec<String> },
}

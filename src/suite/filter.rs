//! Which cases are wanted: globs over ids, operations, dtypes.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::operation::{Case, Operation};
use crate::tensor::DType;

use super::suggestion::find_operation;

/// A filter that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    #[error("filter `{pattern}` is not a glob: {problem}; use * and ?, and quote it for the shell")]
    Glob { pattern: String, problem: String },
    #[error("{0}")]
    Operation(String),
}

/// Picks cases. An empty filter picks all.
pub struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
    operations: Vec<String>,
    dtypes: Vec<DType>,
}

impl Filter {
    /// A case passes if it matches any pattern (or there is none), no `!pattern`, one of `names` (or there is
    /// none) and one of `dtypes` (or there is none). `*` also crosses slashes; a pattern without wildcards
    /// matches anywhere in the id.
    pub fn new(
        patterns: &[String],
        names: &[String],
        dtypes: &[DType],
        operations: &[&'static dyn Operation],
    ) -> Result<Self, FilterError> {
        for name in names {
            find_operation(name, operations).map_err(FilterError::Operation)?;
        }
        let (exclude, include): (Vec<&String>, Vec<_>) = patterns.iter().partition(|pattern| pattern.starts_with('!'));
        let include = if include.is_empty() { None } else { Some(glob_set(include.iter().map(|text| text.as_str()))?) };
        let exclude = glob_set(exclude.iter().map(|text| &text[1..]))?;
        Ok(Self { include, exclude, operations: names.to_vec(), dtypes: dtypes.to_vec() })
    }

    pub fn matches(&self, case: &Case) -> bool {
        let id = case.id();
        self.include.as_ref().is_none_or(|include| include.is_match(&id))
            && !self.exclude.is_match(&id)
            && (self.operations.is_empty() || self.operations.iter().any(|name| name == case.operation.name()))
            && (self.dtypes.is_empty() || self.dtypes.contains(&case.problem.dtype))
    }
}

fn glob_set<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<GlobSet, FilterError> {
    let refused = |pattern: &str, error: &globset::Error| FilterError::Glob {
        pattern: pattern.to_string(),
        problem: error.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let wildcard = pattern.contains(['*', '?', '[', '{']);
        let text = if wildcard { pattern.to_string() } else { format!("*{pattern}*") };
        set.add(GlobBuilder::new(&text).build().map_err(|error| refused(pattern, &error))?);
    }
    set.build().map_err(|error| refused("", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::fake_operation::FAKE_OPERATIONS;
    use crate::suite::parse_case_id;

    fn picks(patterns: &[&str], dtypes: &[DType], id: &str) -> bool {
        let patterns: Vec<_> = patterns.iter().map(|text| text.to_string()).collect();
        let case = parse_case_id(id, FAKE_OPERATIONS).unwrap();
        Filter::new(&patterns, &[], dtypes, FAKE_OPERATIONS).unwrap().matches(&case)
    }

    #[test]
    fn globs_include_and_exclude() {
        let id = "fake/bf16/19x64/k=3/normal";
        assert!(picks(&[], &[], id));
        assert!(picks(&["fake/*/normal"], &[], id));
        assert!(picks(&["19x64"], &[], id));
        assert!(!picks(&["fake/*/uniform"], &[], id));
        assert!(picks(&["fake/*/uniform", "*k=3*"], &[], id));
        assert!(!picks(&["fake/*", "!*k=3*"], &[], id));
        assert!(!picks(&["!k=3"], &[], id));
        assert!(!picks(&[], &[DType::F32], id));
    }

    #[test]
    fn a_bad_glob_and_a_misspelt_operation_are_errors() {
        let error = |patterns: &[String], names: &[String]| match Filter::new(patterns, names, &[], FAKE_OPERATIONS) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("accepted"),
        };
        assert!(error(&["fake/[".to_string()], &[]).contains("fake/["));
        assert!(error(&[], &["fkae".to_string()]).contains("did you mean `fake`?"));
    }
}

//! Where commits stand in history.

use std::collections::HashMap;

use super::error::RepositoryError;
use super::git::Git;

/// Places of commits, each after all its ancestors; those that the repository does not have are left out. Commits are
/// full hashes.
pub fn commit_positions(git: &Git, commits: &[String]) -> Result<HashMap<String, usize>, RepositoryError> {
    // Names come from files: what is no hash must not reach git as an option or a range.
    let is_hash = |commit: &&String| commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let input: String = commits.iter().filter(is_hash).map(|commit| format!("{commit}\n")).collect();
    if input.is_empty() {
        return Ok(HashMap::new());
    }
    let arguments = ["rev-list", "--topo-order", "--reverse", "--ignore-missing", "--stdin"];
    let listed = git.run_with(&arguments, input.as_bytes())?;
    Ok(listed.lines().zip(0..).map(|(commit, place)| (commit.to_string(), place)).collect())
}

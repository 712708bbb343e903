//! Reads the commits between two of a repository.

use std::collections::{HashMap, HashSet};

use super::error::RepositoryError;
use super::git::Git;
use crate::regression::bisect::{Commit, History};

/// What of a commit is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measured {
    /// A folder of it, with `/` between its parts.
    Folder(String),
    /// All of it: a program is built from each commit.
    Everything,
}

impl Measured {
    fn of(&self, commit: &str) -> String {
        match self {
            Measured::Folder(folder) => format!("{commit}:{folder}"),
            Measured::Everything => format!("{commit}^{{tree}}"),
        }
    }
}

/// Reads what lies between `good` and `bad`; both may be any name of a commit. With `first_parent` only the first
/// parents of merges are followed.
pub fn read_history(
    git: &Git,
    good: &str,
    bad: &str,
    first_parent: bool,
    measured: &Measured,
) -> Result<History, RepositoryError> {
    let (good_name, bad_name) = (good, bad);
    let (good, bad) = (git.resolve(good)?, git.resolve(bad)?);
    if !git.ask(&["merge-base", "--is-ancestor", &good, &bad])? {
        let advice = advice(git, &good, &bad)?;
        return Err(RepositoryError::NotAncestor { good: good_name.to_string(), bad: bad_name.to_string(), advice });
    }
    let mut arguments = vec!["rev-list", "--reverse", "--topo-order", "--parents", "--format=%s"];
    if first_parent {
        arguments.push("--first-parent");
    }
    let excluded = format!("^{good}");
    arguments.extend([&*bad, &*excluded, "--"]);
    let mut commits = parse(&git.run(&arguments)?, first_parent)?;
    let inside: HashSet<String> = commits.iter().map(|commit| commit.id.clone()).collect();
    let mut outside: Vec<String> =
        commits.iter().flat_map(|commit| &commit.parents).filter(|id| !inside.contains(*id)).cloned().collect();
    outside.push(good.clone());
    outside.sort_unstable();
    outside.dedup();
    let mut around = Vec::new();
    for id in &outside {
        let subject = subject_of(git, id)?;
        around.push(Commit { id: id.clone(), subject, parents: Vec::new(), measured: None });
    }
    name_measured(git, measured, commits.iter_mut().chain(around.iter_mut()).collect())?;
    let good = around.iter().find(|commit| commit.id == good).cloned().expect("it was just read");
    Ok(History::new(good, commits, around)?)
}

/// Reads one commit by any of its names. Its parents are left out.
pub fn read_commit(git: &Git, name: &str, measured: &Measured) -> Result<Commit, RepositoryError> {
    let id = git.resolve(name)?;
    let subject = subject_of(git, &id)?;
    let mut commit = Commit { id, subject, parents: Vec::new(), measured: None };
    name_measured(git, measured, vec![&mut commit])?;
    Ok(commit)
}

fn subject_of(git: &Git, id: &str) -> Result<String, RepositoryError> {
    let subject = git.run(&["rev-list", "--max-count=1", "--no-commit-header", "--format=%s", id])?;
    Ok(subject.trim_end().to_string())
}

fn advice(git: &Git, good: &str, bad: &str) -> Result<String, RepositoryError> {
    if git.run(&["rev-parse", "--is-shallow-repository"])?.trim() == "true" {
        return Ok("this clone is shallow: fetch the rest with `git fetch --unshallow`".to_string());
    }
    let base = git.run(&["merge-base", good, bad]).unwrap_or_default();
    Ok(match base.trim() {
        "" => "they have no commit in common".to_string(),
        base => format!("give their merge base {base} as the good one"),
    })
}

/// Pairs of lines: `commit HASH PARENT…`, and the subject.
fn parse(text: &str, first_parent: bool) -> Result<Vec<Commit>, RepositoryError> {
    let mut commits = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let unreadable = || RepositoryError::Unreadable { command: "rev-list", line: line.to_string() };
        let mut hashes = line.strip_prefix("commit ").ok_or_else(unreadable)?.split(' ').map(str::to_string);
        let id = hashes.next().ok_or_else(unreadable)?;
        let parents = hashes.take(if first_parent { 1 } else { usize::MAX }).collect();
        let subject = lines.next().ok_or_else(unreadable)?.to_string();
        commits.push(Commit { id, subject, parents, measured: None });
    }
    Ok(commits)
}

/// Fills in what is measured of each commit, in one call of git.
fn name_measured(git: &Git, measured: &Measured, commits: Vec<&mut Commit>) -> Result<(), RepositoryError> {
    let input: String = commits.iter().map(|commit| measured.of(&commit.id) + "\n").collect();
    let output = git.run_with(&["cat-file", "--batch-check=%(objectname) %(objecttype)"], input.as_bytes())?;
    let mut known: HashMap<usize, String> = HashMap::new();
    for (number, line) in output.lines().enumerate() {
        // `SPEC missing` where there is no such folder; a file of that name is a blob.
        if let Some(name) = line.strip_suffix(" tree") {
            known.insert(number, name.to_string());
        }
    }
    if output.lines().count() != commits.len() {
        return Err(RepositoryError::Unreadable { command: "cat-file", line: output });
    }
    for (number, commit) in commits.into_iter().enumerate() {
        commit.measured = known.remove(&number);
    }
    Ok(())
}

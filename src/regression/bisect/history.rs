//! The commits between a good and a bad one, as a graph.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The full hash.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
    /// Hashes of the parents that the search follows.
    pub parents: Vec<String>,
    /// Names what is measured of it: the object id of its kernels, or of its whole tree. Commits that share it are one
    /// measurement. `None` where the commit has no such folder.
    pub measured: Option<String>,
}

impl Commit {
    /// The first twelve digits of the hash.
    pub fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

/// A range in which nothing can be searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error("no commit lies between {good} and {bad}: the bad one must be a descendant of the good one")]
    Empty { good: String, bad: String },
    #[error("{commit} is listed before its parent {parent}; commits must come after their parents")]
    Order { commit: String, parent: String },
    #[error("the parent {parent} of {commit} is not known")]
    UnknownParent { commit: String, parent: String },
}

/// Ancestors of the bad commit, itself included, that are no ancestors of the good one.
#[derive(Clone, Debug)]
pub struct History {
    good: Commit,
    /// Parents first, the bad commit last.
    commits: Vec<Commit>,
    /// Indices of the parents inside the range.
    parents: Vec<Vec<usize>>,
    /// Parents outside the range, which are ancestors of the good commit or it itself.
    outside: HashMap<String, Commit>,
    /// Whether what is measured of a commit differs from every parent's. Only such a commit can be a culprit.
    changes: Vec<bool>,
}

impl History {
    /// `commits` in an order with parents before children, the last of them the bad one; `outside` has every parent
    /// that is not among them.
    pub fn new(good: Commit, commits: Vec<Commit>, outside: Vec<Commit>) -> Result<Self, HistoryError> {
        let Some(bad) = commits.last() else {
            return Err(HistoryError::Empty { good: good.id.clone(), bad: good.id });
        };
        if bad.id == good.id {
            return Err(HistoryError::Empty { bad: good.id.clone(), good: good.id });
        }
        let places: HashMap<&str, usize> =
            commits.iter().enumerate().map(|(place, commit)| (&*commit.id, place)).collect();
        let mut outside: HashMap<String, Commit> =
            outside.into_iter().map(|commit| (commit.id.clone(), commit)).collect();
        outside.insert(good.id.clone(), good.clone());
        let mut parents = Vec::with_capacity(commits.len());
        let mut changes = Vec::with_capacity(commits.len());
        for (place, commit) in commits.iter().enumerate() {
            let mut inside = Vec::new();
            let mut differs = true;
            for parent in &commit.parents {
                let measured = match places.get(&**parent) {
                    Some(&found) if found < place => {
                        inside.push(found);
                        &commits[found].measured
                    }
                    Some(_) => return Err(HistoryError::Order { commit: commit.id.clone(), parent: parent.clone() }),
                    None => match outside.get(parent) {
                        Some(found) => &found.measured,
                        None => {
                            return Err(HistoryError::UnknownParent {
                                commit: commit.id.clone(),
                                parent: parent.clone(),
                            });
                        }
                    },
                };
                differs &= *measured != commit.measured;
            }
            parents.push(inside);
            changes.push(differs);
        }
        Ok(Self { good, commits, parents, outside, changes })
    }

    pub fn good(&self) -> &Commit {
        &self.good
    }

    pub fn bad(&self) -> &Commit {
        self.commits.last().expect("a history has a bad end")
    }

    /// Parents before children.
    pub fn commits(&self) -> &[Commit] {
        &self.commits
    }

    /// Indices of a commit's parents inside the range.
    pub fn parents_inside(&self, commit: usize) -> &[usize] {
        &self.parents[commit]
    }

    /// All parents of a commit of the range.
    pub fn parents_of(&self, commit: usize) -> Vec<&Commit> {
        let inside = |id: &String| self.place(id).map(|place| &self.commits[place]);
        let of = self.commits[commit].parents.iter();
        of.filter_map(|id| inside(id).or_else(|| self.outside.get(id))).collect()
    }

    /// Whether a commit changes what is measured.
    pub fn changes(&self, commit: usize) -> bool {
        self.changes[commit]
    }

    /// How many commits change what is measured: the candidates.
    pub fn candidates(&self) -> usize {
        self.changes.iter().filter(|changes| **changes).count()
    }

    /// The index of a commit.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.commits.iter().position(|commit| commit.id == id)
    }

    /// Which commits are ancestors of one of the range, itself included.
    pub fn ancestors(&self, commit: usize) -> Vec<bool> {
        let mut found = vec![false; self.commits.len()];
        let mut left = vec![commit];
        while let Some(place) = left.pop() {
            if !std::mem::replace(&mut found[place], true) {
                left.extend(&self.parents[place]);
            }
        }
        found
    }

    /// The part between two commits of this history. `good` may be its good end.
    pub fn between(&self, good: &Commit, bad: &Commit) -> Result<Self, HistoryError> {
        let empty = || HistoryError::Empty { good: good.id.clone(), bad: bad.id.clone() };
        let of_bad = self.ancestors(self.place(&bad.id).ok_or_else(empty)?);
        let of_good = self.place(&good.id).map_or(vec![false; self.commits.len()], |place| self.ancestors(place));
        let (mut kept, mut outside) = (Vec::new(), self.outside.values().cloned().collect::<Vec<_>>());
        for (place, commit) in self.commits.iter().enumerate() {
            if of_bad[place] && !of_good[place] {
                kept.push(commit.clone());
            } else {
                outside.push(commit.clone());
            }
        }
        Self::new(good.clone(), kept, outside)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_histories::{commit, linear};
    use super::*;

    #[test]
    fn a_commit_that_shares_a_parents_tree_is_no_candidate() {
        let commits = vec![
            commit("a", &["good"], "1"),
            commit("b", &["a"], "1"),
            commit("c", &["a"], "2"),
            commit("merge", &["b", "c"], "2"),
            commit("evil", &["b", "c"], "3"),
        ];
        let history = History::new(commit("good", &[], "0"), commits, Vec::new()).unwrap();
        let changes: Vec<bool> = (0..5).map(|place| history.changes(place)).collect();
        assert_eq!(changes, [true, false, true, false, true]);
        assert_eq!(history.candidates(), 3);
        let parents: Vec<&str> = history.parents_of(3).iter().map(|commit| &*commit.id).collect();
        assert_eq!(parents, ["b", "c"]);
        assert_eq!(history.parents_of(0)[0].id, "good");
    }

    #[test]
    fn a_part_of_a_history_has_what_lies_between_its_ends() {
        let history = linear(10);
        let commits = history.commits();
        let part = history.between(&commits[2], &commits[6]).unwrap();
        let ids: Vec<&str> = part.commits().iter().map(|commit| &*commit.id).collect();
        assert_eq!(ids, ["c3", "c4", "c5", "c6"]);
        assert!(matches!(history.between(&commits[6], &commits[6]), Err(HistoryError::Empty { .. })));
        assert!(matches!(history.between(&commits[6], &commits[2]), Err(HistoryError::Empty { .. })));
    }

    #[test]
    fn disorder_and_unknown_parents_are_refused() {
        let good = || commit("good", &[], "0");
        let swapped = vec![commit("b", &["a"], "2"), commit("a", &["good"], "1")];
        assert!(matches!(History::new(good(), swapped, Vec::new()), Err(HistoryError::Order { .. })));
        let lost = vec![commit("b", &["a"], "2")];
        assert!(matches!(History::new(good(), lost, Vec::new()), Err(HistoryError::UnknownParent { .. })));
        assert!(matches!(History::new(good(), Vec::new(), Vec::new()), Err(HistoryError::Empty { .. })));
    }
}

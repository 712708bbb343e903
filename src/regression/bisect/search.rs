//! Which commit to look at next: bisection of a graph, with commits that tell nothing.
//!
//! As `git bisect` does (bisect.c): a commit is the better a choice the more evenly it cuts the suspects into its
//! ancestors and the rest. Unlike there, only commits that change what is measured count.

use serde::{Deserialize, Serialize};

use super::history::History;

/// What a commit was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Good,
    Bad,
    /// It tells nothing: it does not build, or cannot be told from both.
    Skip,
}

impl Outcome {
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Good => "good",
            Outcome::Bad => "bad",
            Outcome::Skip => "skip",
        }
    }
}

/// What there is to do. Numbers are indices of the history's commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Test(usize),
    /// The one commit that is left: bad, with only good parents.
    Found(usize),
    /// Only commits that tell nothing lie between the last good and the first bad one. The culprit is one of these.
    Undecidable(Vec<usize>),
}

/// A search over one history.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    history: &'a History,
    /// Commits that may still be the culprit, or lie between it and the known bad one.
    suspects: Vec<bool>,
    skipped: Vec<bool>,
    /// The earliest known bad commit.
    bad: usize,
    /// Skips since the last answer.
    skips_in_a_row: u32,
}

impl<'a> Search<'a> {
    /// The history's ends are known to be what they are called.
    pub fn new(history: &'a History) -> Self {
        let count = history.commits().len();
        Self { history, suspects: vec![true; count], skipped: vec![false; count], bad: count - 1, skips_in_a_row: 0 }
    }

    /// Takes an answer in.
    pub fn record(&mut self, commit: usize, outcome: Outcome) {
        match outcome {
            Outcome::Skip => {
                self.skipped[commit] = true;
                self.skips_in_a_row += 1;
                return;
            }
            Outcome::Good => {
                let cleared = self.history.ancestors(commit);
                self.suspects.iter_mut().zip(cleared).for_each(|(suspect, cleared)| *suspect &= !cleared);
            }
            Outcome::Bad => {
                let kept = self.history.ancestors(commit);
                self.suspects.iter_mut().zip(kept).for_each(|(suspect, kept)| *suspect &= kept);
                self.bad = commit;
            }
        }
        self.skips_in_a_row = 0;
    }

    /// Suspects that change what is measured, parents first.
    pub fn candidates(&self) -> Vec<usize> {
        (0..self.suspects.len()).filter(|&commit| self.suspects[commit] && self.history.changes(commit)).collect()
    }

    /// Commits that are left beside the known bad one.
    pub fn remaining(&self) -> usize {
        self.candidates().len().saturating_sub(1)
    }

    /// About how many more answers that takes, if none is a skip.
    pub fn steps_left(&self) -> u32 {
        steps_for(self.candidates().len())
    }

    pub fn next(&self) -> Next {
        let candidates = self.candidates();
        if let [culprit] = candidates[..] {
            return Next::Found(culprit);
        }
        let weights = self.weights();
        let total = candidates.len();
        let testable = |commit: &usize| *commit != self.bad && !self.skipped[*commit];
        let open: Vec<usize> = candidates.iter().copied().filter(testable).collect();
        if open.is_empty() {
            return Next::Undecidable(if candidates.is_empty() { vec![self.bad] } else { candidates });
        }
        // Neighbours of a commit that does not build often do not build either: after each skip in a row, twice the
        // distance from all skipped ones is kept, while there is anything that far away.
        let skipped: Vec<usize> = candidates.iter().copied().filter(|commit| self.skipped[*commit]).collect();
        let distance = |commit: usize| {
            skipped.iter().map(|other| weights[*other].abs_diff(weights[commit])).min().unwrap_or(usize::MAX)
        };
        let far = (0..=self.skips_in_a_row.min(16)).rev().find_map(|exponent| {
            let away: Vec<usize> = open.iter().copied().filter(|commit| distance(*commit) >= 1 << exponent).collect();
            (!away.is_empty()).then_some(away)
        });
        let choices = far.unwrap_or(open);
        let balance = |commit: &usize| weights[*commit].min(total - weights[*commit]);
        // `max_by_key` gives the last of equals; the first is nearer to the good end, and the order is stable.
        let best = choices.iter().rev().copied().max_by_key(|commit| balance(commit));
        Next::Test(best.expect("there are choices"))
    }

    /// For each suspect, how many candidates are among its ancestors, itself included.
    fn weights(&self) -> Vec<usize> {
        let count = self.suspects.len();
        let mut weights = vec![0; count];
        for commit in (0..count).filter(|commit| self.suspects[*commit]) {
            let inside = self.history.parents_inside(commit).iter().filter(|parent| self.suspects[**parent]);
            let inside: Vec<usize> = inside.copied().collect();
            weights[commit] = match inside[..] {
                [] => usize::from(self.history.changes(commit)),
                [parent] => weights[parent] + usize::from(self.history.changes(commit)),
                _ => {
                    let ancestors = self.history.ancestors(commit);
                    let counts =
                        |place: &usize| ancestors[*place] && self.suspects[*place] && self.history.changes(*place);
                    (0..=commit).filter(counts).count()
                }
            };
        }
        weights
    }
}

/// Answers needed to tell one of `candidates` commits, the last of which is known to be bad.
pub fn steps_for(candidates: usize) -> u32 {
    candidates.max(1).next_power_of_two().ilog2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::test_histories::{commit, linear, random_graph};
    use super::*;

    /// Searches for `culprit` where its descendants are bad; gives the end and the number of answers.
    fn search(history: &History, culprit: usize, skip: impl Fn(usize) -> bool) -> (Next, usize) {
        let mut search = Search::new(history);
        let mut answers = 0;
        loop {
            match search.next() {
                Next::Test(commit) => {
                    answers += 1;
                    let outcome = match history.ancestors(commit)[culprit] {
                        _ if skip(commit) => Outcome::Skip,
                        true => Outcome::Bad,
                        false => Outcome::Good,
                    };
                    search.record(commit, outcome);
                }
                end => return (end, answers),
            }
        }
    }

    #[test]
    fn every_commit_of_a_line_is_found_in_logarithmic_time() {
        for length in [1, 2, 3, 7, 64, 100] {
            let history = linear(length);
            for culprit in 0..length {
                let (end, answers) = search(&history, culprit, |_| false);
                assert_eq!(end, Next::Found(culprit));
                assert!(answers <= steps_for(length) as usize, "{answers} of {length}");
            }
        }
        assert_eq!((steps_for(0), steps_for(1), steps_for(2), steps_for(64), steps_for(65)), (0, 0, 1, 6, 7));
    }

    #[test]
    fn commits_that_change_nothing_cost_no_answer() {
        // Of 64 commits every eighth changes what is measured.
        let commits = (0..64).map(|n: usize| {
            let parent = if n == 0 { "good".to_string() } else { format!("c{}", n - 1) };
            commit(&format!("c{n}"), &[&parent], &format!("tree {}", (n + 1) / 8))
        });
        let history = History::new(commit("good", &[], "tree 0"), commits.collect(), Vec::new()).unwrap();
        assert_eq!(history.candidates(), 8);
        for culprit in (7..64).step_by(8) {
            let (end, answers) = search(&history, culprit, |_| false);
            assert_eq!((end, answers), (Next::Found(culprit), 3));
        }
    }

    #[test]
    fn a_run_of_skips_is_jumped_over() {
        let history = linear(64);
        let (end, answers) = search(&history, 60, |commit| (20..45).contains(&commit));
        assert_eq!(end, Next::Found(60));
        assert!(answers <= 12, "{answers} answers");
    }

    #[test]
    fn a_culprit_among_skips_leaves_the_candidates() {
        let history = linear(32);
        let (end, _) = search(&history, 12, |commit| (10..15).contains(&commit));
        // Bad is known from 15 on.
        assert_eq!(end, Next::Undecidable((10..=15).collect()));
        let (end, _) = search(&history, 31, |_| true);
        assert_eq!(end, Next::Undecidable((0..32).collect()));
    }

    proptest! {
        #[test]
        fn in_any_graph_the_end_is_the_culprit_or_a_set_that_has_it(
            graph in random_graph(40),
            culprit in any::<prop::sample::Index>(),
            skips in prop::collection::vec(any::<bool>(), 40),
            sparse in any::<bool>(),
        ) {
            // Only an ancestor of the bad end can be the culprit; all are, by construction.
            let culprit = culprit.index(graph.commits().len());
            let skip = |commit: usize| !sparse && skips[commit] && commit + 1 != graph.commits().len();
            let (end, answers) = search(&graph, culprit, skip);
            prop_assert!(answers <= graph.commits().len());
            match end {
                Next::Found(found) => prop_assert_eq!(found, culprit),
                Next::Undecidable(left) => {
                    prop_assert!(left.contains(&culprit));
                    prop_assert!(!sparse);
                    let known = left.iter().filter(|commit| !skip(**commit)).count();
                    prop_assert!(known <= 1, "all but the known bad one were skipped");
                }
                Next::Test(_) => unreachable!("a search ends"),
            }
        }
    }
}

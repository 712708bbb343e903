//! Histories for the tests of this module.

use proptest::prelude::*;

use super::history::{Commit, History};

pub fn commit(id: &str, parents: &[&str], measured: &str) -> Commit {
    Commit {
        id: id.to_string(),
        subject: format!("subject of {id}"),
        parents: parents.iter().map(|parent| parent.to_string()).collect(),
        measured: Some(measured.to_string()),
    }
}

/// `c0` on `good`, `c1` on `c0`, and so on; each with a tree of its own.
pub fn linear(length: usize) -> History {
    let commits = (0..length).map(|n| {
        let parent = if n == 0 { "good".to_string() } else { format!("c{}", n - 1) };
        commit(&format!("c{n}"), &[&parent], &format!("tree {n}"))
    });
    History::new(commit("good", &[], "tree of good"), commits.collect(), Vec::new()).expect("a line")
}

/// Up to `most` commits; each has one or two parents among the few before it, and the last one joins all that no other
/// commit follows.
pub fn random_graph(most: usize) -> impl Strategy<Value = History> {
    prop::collection::vec((1..4usize, 1..6usize, any::<bool>()), 1..most).prop_map(|choices| {
        let mut commits: Vec<Commit> = Vec::new();
        let mut followed = vec![false; choices.len()];
        let last = choices.len() - 1;
        for (n, (near, far, merge)) in choices.iter().enumerate() {
            let mut parents: Vec<usize> = Vec::new();
            if n > 0 {
                parents.push(n - (*near).min(n));
                if *merge {
                    parents.push(n - (*far).min(n));
                }
            }
            if n == last {
                parents.extend((0..n).filter(|place| !followed[*place]));
            }
            parents.sort_unstable();
            parents.dedup();
            parents.iter().for_each(|parent| followed[*parent] = true);
            let names: Vec<String> = match parents[..] {
                [] => vec!["good".to_string()],
                _ => parents.iter().map(|parent| format!("c{parent}")).collect(),
            };
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            commits.push(commit(&format!("c{n}"), &names, &format!("tree {n}")));
        }
        History::new(commit("good", &[], "tree of good"), commits, Vec::new()).expect("a graph")
    })
}

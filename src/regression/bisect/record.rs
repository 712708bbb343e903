//! What a search has seen so far: enough to go on with it, and to report it.

use serde::{Deserialize, Serialize};

use super::history::Commit;
use super::observation::Observation;
use super::search::Outcome;

/// The ends of a range, observed first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ends {
    /// `None` where the bad end is observed beside the good one.
    pub good: Option<Observation>,
    pub bad: Observation,
    /// Wall seconds.
    pub seconds: f64,
}

/// One commit that was graded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub commit: Commit,
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: String,
    /// What was seen, the latest last; empty where an earlier answer was taken over.
    pub observations: Vec<Observation>,
    /// The commit with the same measured files whose answer was taken over.
    pub same_as: Option<String>,
    /// Candidates left beside the known bad commit after this step.
    pub remaining: usize,
    /// Wall seconds, builds included.
    pub seconds: f64,
}

/// The culprit beside one of its parents, measured at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    pub parent: Commit,
    /// `None` for costs, which are beside the parent.
    pub of_parent: Option<Observation>,
    pub of_culprit: Observation,
    /// Whether the change is there, and what was seen.
    pub confirmed: bool,
    pub finding: String,
    pub seconds: f64,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum Conclusion {
    Found {
        culprit: Commit,
        /// The part of the ends' difference that this commit does not explain; `None` if it explains all.
        residual: Option<f64>,
    },
    /// The search led to a commit, but beside its parents it does not show the change.
    NotConfirmed { culprit: Commit, why: String },
    /// The culprit is one of these: the last is bad, the others tell nothing.
    Undecidable { candidates: Vec<Commit>, why: String },
    /// The ends do not differ as they should.
    NotReproducible { why: String },
}

/// One search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub good: Commit,
    pub bad: Commit,
    /// Commits in the range, and how many of them change what is measured.
    pub commits: usize,
    pub candidates: usize,
    pub ends: Option<Ends>,
    pub steps: Vec<Step>,
    pub confirmations: Vec<Confirmation>,
    pub conclusion: Option<Conclusion>,
}

impl Record {
    /// The culprit, if the search found one that stands.
    pub fn culprit(&self) -> Option<&Commit> {
        match &self.conclusion {
            Some(Conclusion::Found { culprit, .. }) => Some(culprit),
            _ => None,
        }
    }

    /// Wall seconds of everything that was observed.
    pub fn seconds(&self) -> f64 {
        self.ends.as_ref().map_or(0.0, |ends| ends.seconds)
            + self.steps.iter().map(|step| step.seconds).sum::<f64>()
            + self.confirmations.iter().map(|confirmation| confirmation.seconds).sum::<f64>()
    }
}

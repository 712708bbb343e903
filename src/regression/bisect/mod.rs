//! Finds the commit that made something worse: a pure search over a graph of commits, graded by a trait.

mod campaign;
mod history;
mod judge;
mod observation;
mod record;
pub mod report;
mod search;
mod session;
#[cfg(test)]
mod session_tests;
mod state;
#[cfg(test)]
mod test_histories;

pub use campaign::{CampaignKeeper, run_campaign};
pub use history::{Commit, History, HistoryError};
pub use judge::{Judge, Opinion};
pub use observation::{Cost, CostUnit, Effort, Grader, GraderError, Observation, Regress};
pub use record::{Conclusion, Confirmation, Ends, Record, Step};
pub use search::{Next, Outcome, Search, steps_for};
pub use session::{Event, Keeper, SessionError, run_search};
pub(in crate::regression) use state::quoted;
pub use state::{Environment, Question, State, StateError, StateFile};

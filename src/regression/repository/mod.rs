//! Commits of a git repository as private folders, through the `git` command. Nothing of the user's is written to: not the
//! checkout, the index, refs, the stash, or any other file in `.git`.

mod build;
mod cache;
mod error;
mod git;
mod order;
mod range;
mod snapshot;

pub use build::{Built, Recipe};
pub use cache::Cache;
pub use error::RepositoryError;
pub use git::Git;
pub use order::commit_positions;
pub use range::{Measured, read_commit, read_history};
pub use snapshot::snapshot;

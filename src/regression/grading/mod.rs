//! Grades commits by running them: each in a child process, from a private copy of its files.

mod commit_grader;
mod endings;
mod source;

pub use commit_grader::{CommitGrader, Measurement};
pub use source::Source;

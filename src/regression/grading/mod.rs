//! Grades commits from private copies of their files: by running them, each in a child process, or by reading their code.

mod code_grader;
mod commit_grader;
mod endings;
mod property;
mod source;

pub use code_grader::CodeGrader;
pub use commit_grader::{CommitGrader, Measurement};
pub use source::Source;

//! What is wrong with a suite file, and where.

use std::ops::Range;

/// A suite that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    #[error("{file}:{line}:{column}: {message}")]
    Content { file: String, line: usize, column: usize, message: String },

    #[error("cannot read suite {file}: {message}; give a path to a .toml file or one of: {known}")]
    Unreadable { file: String, message: String, known: String },

    #[error("{message}; a path of your own ends with .toml")]
    UnknownSuite { message: String },
}

/// A suite's text, for turning byte spans into lines and columns.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Source<'_> {
    pub fn error(&self, span: &Range<usize>, message: impl Into<String>) -> SuiteError {
        let (line, column) = self.position(span.start);
        SuiteError::Content { file: self.file.to_string(), line, column, message: message.into() }
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

//! Changes that a person expects, in a TOML file beside the runs.

use std::fs;
use std::io;
use std::path::Path;

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::TrendError;

/// Name of the file in a folder of runs.
pub const ANNOTATIONS: &str = "annotations.toml";

/// One expected change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotation {
    /// Glob over case ids; `*` also crosses slashes.
    pub case: String,
    /// Hash of the commit that a change is shown at, or its first 7 digits or more.
    pub commit: String,
    /// Why the change was meant to be.
    pub expected: String,
}

impl Annotation {
    fn matcher(&self) -> Result<GlobMatcher, TrendError> {
        let glob = Glob::new(&self.case);
        let glob =
            glob.map_err(|error| TrendError::Glob { pattern: self.case.clone(), problem: error.kind().to_string() })?;
        Ok(glob.compile_matcher())
    }

    /// Checks everything that a person may have mistyped.
    fn check(&self) -> Result<(), TrendError> {
        let is_hash = (7..=40).contains(&self.commit.len()) && self.commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash {
            return Err(TrendError::Commit { commit: self.commit.clone() });
        }
        if self.expected.trim().is_empty() {
            return Err(TrendError::NoReason);
        }
        self.matcher().map(|_| ())
    }
}

/// The file's contents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotations {
    #[serde(default, rename = "annotation")]
    pub all: Vec<Annotation>,
}

impl Annotations {
    /// Reads a file; one that is not there holds none.
    pub fn load(file: &Path) -> Result<Self, TrendError> {
        let unreadable = |problem: String| TrendError::Annotations { file: file.to_path_buf(), problem };
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let annotations: Self = toml::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        for annotation in &annotations.all {
            annotation.check().map_err(|error| unreadable(error.to_string()))?;
        }
        Ok(annotations)
    }

    /// Adds one, in place of an earlier one for the same cases and commit.
    pub fn add(&mut self, annotation: Annotation) -> Result<(), TrendError> {
        annotation.check()?;
        self.all.retain(|known| (&known.case, &known.commit) != (&annotation.case, &annotation.commit));
        self.all.push(annotation);
        Ok(())
    }

    /// Replaces the file as a whole.
    pub fn store(&self, file: &Path) -> Result<(), TrendError> {
        let text = toml::to_string_pretty(self).expect("texts are TOML");
        let aside = file.with_extension("toml.new");
        let written = fs::write(&aside, text).and_then(|()| fs::rename(&aside, file));
        written.map_err(|error| TrendError::NotWritten { file: file.to_path_buf(), error })
    }

    /// The place of the first annotation of a change at `commit` in `case`.
    pub fn find(&self, case: &str, commit: &str) -> Option<usize> {
        self.all.iter().position(|annotation| {
            // Either hash may be short: the run's where git was told to shorten it.
            let same =
                commit.len() >= 7 && (commit.starts_with(&annotation.commit) || annotation.commit.starts_with(commit));
            same && annotation.matcher().is_ok_and(|matcher| matcher.is_match(case))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotation(case: &str, commit: &str) -> Annotation {
        Annotation { case: case.to_string(), commit: commit.to_string(), expected: "\"wider\" tiles".to_string() }
    }

    #[test]
    fn what_is_stored_is_read_again_and_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(ANNOTATIONS);
        let mut annotations = Annotations::load(&file).expect("none yet");
        assert_eq!(annotations, Annotations::default());
        annotations.add(annotation("rms_norm/*", "abcdef1")).expect("right");
        annotations.add(annotation("top_k/*", "abcdef1")).expect("right");
        let again = Annotation { expected: "another reason".to_string(), ..annotation("rms_norm/*", "abcdef1") };
        annotations.add(again).expect("right");
        annotations.store(&file).expect("room");
        let read = Annotations::load(&file).expect("just written");
        assert_eq!(read, annotations);
        let full = "abcdef1234567890abcdef1234567890abcdef12";
        let reason = |case, commit| read.find(case, commit).map(|place| read.all[place].expected.as_str());
        assert_eq!(reason("rms_norm/bf16/3x65/normal", full), Some("another reason"));
        assert_eq!(reason("top_k/bf16/3x65/normal", "abcdef12"), Some("\"wider\" tiles"));
        assert_eq!(reason("swiglu/bf16/3x65/normal", full), None);
        assert_eq!(reason("rms_norm/bf16/3x65/normal", "abcdee1234"), None);
        assert_eq!(reason("rms_norm/bf16/3x65/normal", ""), None, "a run without a commit matches nothing");
    }

    #[test]
    fn mistakes_are_named() {
        let mut annotations = Annotations::default();
        let message = |result: Result<(), TrendError>| result.expect_err("a mistake").to_string();
        assert!(message(annotations.add(annotation("*", "HEAD"))).contains("`HEAD` is no commit"));
        assert!(message(annotations.add(annotation("*", "abc"))).contains("7 to 40"));
        assert!(message(annotations.add(annotation("a/[", "abcdef1"))).contains("is not a glob"));
        let silent = Annotation { expected: " ".to_string(), ..annotation("*", "abcdef1") };
        assert!(message(annotations.add(silent)).contains("needs a reason"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(ANNOTATIONS);
        for text in
            ["[[annotation]]\ncase = \"*\"\n", "[[annotation]]\ncase = \"*\"\ncommit = \"x\"\nexpected = \"y\"\n", "["]
        {
            fs::write(&file, text).expect("writable");
            let error = Annotations::load(&file).expect_err("a mistake").to_string();
            assert!(error.contains("annotations.toml cannot be read"), "{error}");
        }
    }
}

//! Slow-downs that somebody has accepted, for a reason and until a day.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::date::CalendarDate;

/// An allowance that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AllowError {
    #[error("--allow `{text}`: {problem}; write it as 'case-glob=reason until 2026-12-31'")]
    Text { text: String, problem: String },

    #[error("cannot read --allow-file {}: {error}; name a TOML file with [[allow]] entries", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },

    #[error("--allow-file {}: {problem}; each [[allow]] needs case, reason and until = 2026-12-31", path.display())]
    File { path: PathBuf, problem: String },

    #[error(
        "the allowance for `{pattern}` ({reason}), from {source_name}, ended on {until}; remove it, or renew it if the slow-down \
         is still accepted"
    )]
    Expired { pattern: String, reason: String, until: CalendarDate, source_name: String },
}

/// A slow-down that is accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Allowance {
    /// A glob over case ids; `*` crosses slashes.
    pub pattern: String,
    pub reason: String,
    /// The last day, UTC.
    pub until: CalendarDate,
    /// `--allow`, or the file.
    pub source: String,
    #[serde(skip)]
    matcher: GlobMatcher,
}

impl Allowance {
    fn new(pattern: &str, reason: &str, until: &str, source: &str) -> Result<Self, String> {
        let (pattern, reason) = (pattern.trim(), reason.trim());
        if pattern.is_empty() || reason.is_empty() {
            return Err("the case or the reason is empty".to_string());
        }
        let until = until.trim().parse()?;
        let glob = Glob::new(pattern).map_err(|error| format!("`{pattern}` is not a glob: {}", error.kind()))?;
        let (pattern, reason, source) = (pattern.to_string(), reason.to_string(), source.to_string());
        Ok(Self { pattern, reason, until, source, matcher: glob.compile_matcher() })
    }

    /// From `case-glob=reason until DAY`. Ids have `=` of their own, so the reason begins behind the last one.
    fn parse(text: &str) -> Result<Self, AllowError> {
        let refuse = |problem: String| AllowError::Text { text: text.to_string(), problem };
        let (rest, until) =
            text.rsplit_once(" until ").ok_or_else(|| refuse("it has no ` until ` and a day".to_string()))?;
        let (pattern, reason) =
            rest.rsplit_once('=').ok_or_else(|| refuse("it has no `=` between case and reason".to_string()))?;
        Self::new(pattern, reason, until, "--allow").map_err(refuse)
    }

    pub fn matches(&self, case: &str) -> bool {
        self.matcher.is_match(case)
    }
}

/// All allowances; the first that matches a case holds.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    allowances: Vec<Allowance>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    allow: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    case: String,
    reason: String,
    /// A day of TOML's own kind, or a text.
    until: toml::Value,
}

impl AllowList {
    /// Reads the texts of `--allow` and the file of `--allow-file`. One that has expired is an error: it must not lie
    /// about until somebody wonders why it does not work.
    pub fn read(texts: &[String], file: Option<&Path>, today: CalendarDate) -> Result<Self, AllowError> {
        let mut allowances = texts.iter().map(|text| Allowance::parse(text)).collect::<Result<Vec<_>, _>>()?;
        if let Some(path) = file {
            allowances.extend(read_file(path)?);
        }
        match allowances.iter().find(|allowance| allowance.until < today) {
            Some(expired) => Err(AllowError::Expired {
                pattern: expired.pattern.clone(),
                reason: expired.reason.clone(),
                until: expired.until,
                source_name: expired.source.clone(),
            }),
            None => Ok(Self { allowances }),
        }
    }

    /// The allowance for a case.
    pub fn find(&self, case: &str) -> Option<&Allowance> {
        self.allowances.iter().find(|allowance| allowance.matches(case))
    }

    /// Allowances that none of these cases needs: each is found by the first that matches it.
    pub fn unused<'a>(&'a self, allowed: &[&str]) -> Vec<&'a Allowance> {
        let used: Vec<*const Allowance> =
            allowed.iter().filter_map(|case| self.find(case)).map(std::ptr::from_ref).collect();
        self.allowances.iter().filter(|allowance| !used.contains(&std::ptr::from_ref(*allowance))).collect()
    }
}

fn read_file(path: &Path) -> Result<Vec<Allowance>, AllowError> {
    let unreadable = |error| AllowError::Unreadable { path: path.to_path_buf(), error };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let refuse = |problem: String| AllowError::File { path: path.to_path_buf(), problem };
    let document: Document = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    let source = path.display().to_string();
    let entries = document.allow.iter().map(|entry| {
        let until = match &entry.until {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Allowance::new(&entry.case, &entry.reason, &until, &source)
            .map_err(|problem| refuse(format!("case `{}`: {problem}", entry.case)))
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> CalendarDate {
        text.parse().expect("a day")
    }

    fn read(texts: &[&str]) -> Result<AllowList, AllowError> {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        AllowList::read(&texts, None, day("2026-11-25"))
    }

    #[test]
    fn the_first_that_matches_holds_and_ids_may_have_equals_signs() {
        let list = read(&[
            "top_k/*/k=50/normal=slower sort, tracked in the issue until 2026-12-31",
            "top_k/*=rewritten until 2027-01-31",
        ])
        .expect("two allowances");
        let found = list.find("top_k/bf16/16x1024/k=50/normal").expect("the first");
        assert_eq!((found.reason.as_str(), found.until), ("slower sort, tracked in the issue", day("2026-12-31")));
        assert_eq!(list.find("top_k/bf16/16x1024/normal").expect("the second").reason, "rewritten");
        assert!(list.find("rms_norm/bf16/16x1024/normal").is_none());
        let unused: Vec<&str> =
            list.unused(&["top_k/f32/1x8/normal"]).iter().map(|allowance| allowance.pattern.as_str()).collect();
        assert_eq!(unused, ["top_k/*/k=50/normal"]);
    }

    #[test]
    fn one_that_has_expired_is_an_error_that_names_it_and_its_last_day_still_counts() {
        let error = read(&["top_k/*=old until 2026-11-24"]).unwrap_err().to_string();
        assert!(error.contains("`top_k/*` (old)") && error.contains("2026-11-24"), "{error}");
        assert!(read(&["top_k/*=today until 2026-11-25"]).is_ok());
    }

    #[test]
    fn texts_that_say_too_little_are_refused_with_the_form() {
        let texts = ["top_k/*", "top_k/*=why", "=why until 2026-12-31", "a= until 2026-12-31", "a=b until tomorrow"];
        for text in texts.into_iter().chain(["[=b until 2026-12-31", ""]) {
            let error = read(&[text]).unwrap_err().to_string();
            assert!(error.contains("case-glob=reason until 2026-12-31"), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_has_entries_with_days_of_both_kinds() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("allow.toml");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            AllowList::read(&[], Some(&file), day("2026-11-25")).map_err(|error| error.to_string())
        };
        let text = "[[allow]]\ncase = 'a/*'\nreason = 'x'\nuntil = 2026-12-31\n\n\
                    [[allow]]\ncase = 'b'\nreason = 'y'\nuntil = '2027-01-01'\n";
        let list = read(text).expect("two entries");
        assert_eq!(list.find("a/b").expect("the first").until, day("2026-12-31"));
        assert_eq!(list.find("b").expect("the second").until, day("2027-01-01"));
        assert!(read("").expect("no entries").find("a").is_none());
        for bad in ["[[allow]]\ncase = 'a'\nreason = 'x'\n", "[[allow]]\ncase = 'a'\nreason = 'x'\nuntil = 5\n", "[["] {
            assert!(read(bad).unwrap_err().contains("allow.toml"), "{bad}");
        }
        let missing = AllowList::read(&[], Some(&folder.path().join("none")), day("2026-11-25")).unwrap_err();
        assert!(missing.to_string().contains("cannot read --allow-file"), "{missing}");
    }
}

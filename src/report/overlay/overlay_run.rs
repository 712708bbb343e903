//! One of several runs that are laid over each other.

use std::path::Path;

use crate::profiling::Difference;

use super::super::headline::Headline;
use super::super::{ReportError, RunData};

/// A run with its short name.
#[derive(Clone, Debug)]
pub struct OverlayRun {
    /// `A`, `B`, ... in the order in which the runs were given.
    pub letter: String,
    /// The name of its directory.
    pub name: String,
    pub run: RunData,
    pub headline: Headline,
}

impl OverlayRun {
    /// Reads the `place`-th run.
    pub(super) fn load(place: usize, path: &Path) -> Result<Self, ReportError> {
        let run = RunData::load(path)?;
        let resolved = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let name =
            resolved.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into());
        Ok(Self { letter: letter(place), name, headline: Headline::new(&run), run })
    }

    /// The run as the legend calls it.
    pub fn label(&self) -> String {
        format!("{}: {}, {}", self.letter, self.run.record.device.name, self.name)
    }

    /// The keys that keep this run's times from being compared with `base`'s, with both values. `None` where one of
    /// the two measured nothing and has no such keys.
    pub fn differences(&self, base: &OverlayRun) -> Option<Vec<Difference>> {
        let keys =
            |run: &OverlayRun| run.run.record.conditions.as_ref().map(|conditions| conditions.comparability.clone());
        Some(keys(base)?.differences(&keys(self)?))
    }
}

/// `A` to `Z`, then `A2`, `B2`, ...
fn letter(place: usize) -> String {
    let letter = char::from(b'A' + (place % 26) as u8);
    if place < 26 { letter.to_string() } else { format!("{letter}{}", place / 26 + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_different_letters() {
        assert_eq!([0, 1, 25, 26, 52].map(letter), ["A", "B", "Z", "A2", "A3"]);
    }
}

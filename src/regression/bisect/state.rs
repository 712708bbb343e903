//! The file that a search is kept in: whole after every observation, even if the process is killed while it writes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::observation::Regress;
use super::record::Record;

/// The layout of state files that this program writes.
const FORMAT: u32 = 1;

/// What was asked. A search goes on only with the same question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The checkout, as it was named.
    pub repository: String,
    /// Hashes.
    pub good: String,
    pub bad: String,
    pub first_parent: bool,
    /// The folder of each commit that is measured; `None` where a program is built from all of it.
    pub kernels: Option<String>,
    /// The command that builds a commit's own program, and the program that it makes.
    pub build: Option<(String, String)>,
    pub regress: Regress,
    pub inverted: bool,
    /// Search on both sides of each culprit.
    pub every: bool,
    pub cases: Vec<String>,
    /// `cold` or `hot`.
    pub mode: String,
    /// The least relative change of a cost that matters.
    pub least_effect: f64,
    /// What comparisons of a case with itself stay below on this device, if it is known.
    pub noise: Option<f64>,
    /// Arguments that choose the device: `--device`, `host`.
    pub device: Vec<String>,
}

impl Question {
    /// Names the question: equal for equal ones.
    pub fn key(&self) -> String {
        let text = serde_json::to_string(self).expect("plain data");
        Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The command that asks it of one commit beside its parent again.
    pub fn reproduce(&self, good: &str, bad: &str) -> String {
        let mut words = vec!["hipgauge".to_string(), "bisect".to_string()];
        let mut add = |flag: &str, value: &str| words.extend([flag.to_string(), quoted(value)]);
        add("--repo", &self.repository);
        add("--good", good);
        add("--bad", bad);
        self.cases.iter().for_each(|case| add("--case", case));
        add("--regress", self.regress.name());
        if self.regress == Regress::Perf {
            add("--mode", &self.mode);
            add("--least-effect", &self.least_effect.to_string());
            if let Some(noise) = self.noise {
                add("--noise", &noise.to_string());
            }
        }
        if let Some((command, program)) = &self.build {
            add("--build", command);
            add("--program", program);
        }
        if let Some(kernels) = &self.kernels {
            add("--kernels", kernels);
        }
        words.extend(self.device.iter().map(|word| quoted(word)));
        for (set, flag) in [(self.first_parent, "--first-parent"), (self.inverted, "--invert")] {
            if set {
                words.push(flag.to_string());
            }
        }
        words.join(" ")
    }
}

/// A word as a POSIX shell takes it.
pub(in crate::regression) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What commits were measured with. It stays the same over a whole search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Names with values, as the report shows them.
    pub facts: Vec<(String, String)>,
}

impl Environment {
    /// The facts that differ, in words.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let value_in = |facts: &[(String, String)], name: &str| {
            facts.iter().find(|(known, _)| known == name).map_or("unknown".to_string(), |(_, value)| value.clone())
        };
        let names = self.facts.iter().map(|(name, _)| name);
        names
            .map(|name| (name, value_in(&self.facts, name), value_in(&other.facts, name)))
            .filter(|(_, before, now)| before != now)
            .map(|(name, before, now)| format!("{name} was {before} and is {now}"))
            .collect()
    }
}

/// Everything that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    format: u32,
    pub question: Question,
    pub environment: Environment,
    /// When the search began, UTC.
    pub started: String,
    /// The first is the whole range, others are parts of it.
    pub searches: Vec<Record>,
}

impl State {
    pub fn new(question: Question, environment: Environment, started: String) -> Self {
        Self { format: FORMAT, question, environment, started, searches: Vec::new() }
    }
}

/// A state that cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{} is no search of this version ({problem}); start it again without --resume", path.display())]
    Format { path: PathBuf, problem: String },
}

/// Where a state is kept.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept, if anything was.
    pub fn load(&self) -> Result<Option<State>, StateError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::Read { path: self.path.clone(), error }),
        };
        let wrong = |problem: String| StateError::Format { path: self.path.clone(), problem };
        let state: State = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if state.format != FORMAT {
            return Err(wrong(format!("its format is {}, not {FORMAT}", state.format)));
        }
        Ok(Some(state))
    }

    /// Replaces the file in one move, after its content is on the disk.
    pub fn save(&self, state: &State) -> io::Result<()> {
        let partial = self.path.with_extension("new");
        let mut file = File::create(&partial)?;
        let text = serde_json::to_string_pretty(state)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_histories::linear;
    use super::*;

    fn question() -> Question {
        Question {
            repository: "/home/me/my kernels".to_string(),
            good: "aaaa".to_string(),
            bad: "bbbb".to_string(),
            first_parent: true,
            kernels: Some("kernels".to_string()),
            build: None,
            regress: Regress::Perf,
            inverted: false,
            every: false,
            cases: vec!["swiglu/f32/4x64/normal".to_string()],
            mode: "cold".to_string(),
            least_effect: 0.01,
            noise: None,
            device: vec!["--device".to_string(), "host".to_string()],
        }
    }

    #[test]
    fn what_is_saved_is_loaded_and_anything_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path().join("state.json"));
        assert_eq!(file.load().unwrap(), None);
        let mut state = State::new(question(), Environment::default(), "now".to_string());
        state.searches.push(Record::new(&linear(3)));
        file.save(&state).unwrap();
        assert_eq!(file.load().unwrap(), Some(state));
        // A process that was killed while it wrote leaves the old state in place.
        fs::write(file.path().with_extension("new"), "{\"format\":").unwrap();
        assert!(file.load().unwrap().is_some());
        fs::write(file.path(), "{}").unwrap();
        assert!(matches!(file.load(), Err(StateError::Format { .. })));
    }

    #[test]
    fn the_reproducing_line_survives_a_shell_and_keys_tell_questions_apart() {
        let line = question().reproduce("aaaa", "bbbb");
        assert_eq!(
            line,
            "hipgauge bisect --repo '/home/me/my kernels' --good aaaa --bad bbbb --case swiglu/f32/4x64/normal \
             --regress perf --mode cold --least-effect 0.01 --kernels kernels --device host --first-parent"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(question().key(), question().key());
        assert_ne!(question().key(), Question { first_parent: false, ..question() }.key());
    }

    #[test]
    fn environments_say_what_differs() {
        let of = |device: &str| Environment { facts: vec![("device".to_string(), device.to_string())] };
        assert!(of("host").differences(&of("host")).is_empty());
        assert_eq!(of("H100").differences(&of("H200")), ["device was H100 and is H200"]);
    }
}

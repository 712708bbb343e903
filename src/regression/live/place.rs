//! What the name of a side means.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::regression::repository::{Git, RepositoryError};

/// Something that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A run directory.
    Run(PathBuf),
    /// A commit, by the name that it was asked for.
    Commit(String),
    /// A folder of kernels, as `--kernels` takes it.
    Kernels(PathBuf),
    /// A hipgauge program.
    Program(PathBuf),
}

/// A name that means nothing, or too much.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error(
        "`{text}` is not a run directory, a folder of kernels, a program or a commit: {why}; `run:`, `kernels:`, `program:` \
         or `commit:` in front of it says what it is meant to be"
    )]
    Unknown { text: String, why: String },

    #[error("`{text}` is {both}; say which one is meant: {choices}")]
    Ambiguous { text: String, both: String, choices: String },

    #[error("`{text}` names no commit: {source}")]
    NoCommit { text: String, source: RepositoryError },

    #[error("`{text}` names no {wanted}: {why}")]
    NoSuch { text: String, wanted: &'static str, why: String },
}

/// Words before a name that say what it is.
const PREFIXES: [&str; 4] = ["run", "commit", "kernels", "program"];

impl Place {
    /// Reads a side's name. With `run:`, `commit:`, `kernels:` or `program:` in front it means just that; else it must mean
    /// exactly one of them. Commits are those of the repository that `repository` is in.
    pub fn read(text: &str, repository: &Path) -> Result<Self, PlaceError> {
        let given =
            PREFIXES.into_iter().find_map(|prefix| Some((prefix, text.strip_prefix(prefix)?.strip_prefix(':')?)));
        match given {
            Some(("run", name)) => Ok(Place::Run(name.into())),
            Some(("kernels", name)) => kernels(text, name),
            Some(("program", name)) => program(text, name),
            Some((_, name)) => {
                let no_commit = |source| PlaceError::NoCommit { text: text.to_string(), source };
                Git::open(repository).and_then(|git| git.resolve(name)).map_err(no_commit)?;
                Ok(Place::Commit(name.to_string()))
            }
            None => guess(text, repository),
        }
    }

    const fn prefix(&self) -> &'static str {
        match self {
            Place::Run(_) => "run",
            Place::Commit(_) => "commit",
            Place::Kernels(_) => "kernels",
            Place::Program(_) => "program",
        }
    }

    const fn noun(&self) -> &'static str {
        match self {
            Place::Run(_) => "a run directory",
            Place::Commit(_) => "a commit",
            Place::Kernels(_) => "a folder of kernels",
            Place::Program(_) => "a program",
        }
    }
}

fn guess(text: &str, repository: &Path) -> Result<Place, PlaceError> {
    let path = Path::new(text);
    let mut meanings = Vec::new();
    if path.join("run.json").is_file() {
        meanings.push(Place::Run(path.to_path_buf()));
    }
    if has_kernels(path) {
        meanings.push(Place::Kernels(path.to_path_buf()));
    }
    if is_program(path) {
        meanings.push(Place::Program(path.to_path_buf()));
    }
    let commit = Git::open(repository).and_then(|git| git.resolve(text));
    if commit.is_ok() {
        meanings.push(Place::Commit(text.to_string()));
    }
    match (meanings.len(), meanings.pop()) {
        (1, Some(one)) => Ok(one),
        (_, Some(last)) => {
            meanings.push(last);
            let list =
                |of: &dyn Fn(&Place) -> String, word: &str| meanings.iter().map(of).collect::<Vec<_>>().join(word);
            let both = list(&|place| place.noun().to_string(), " and ");
            let choices = list(&|place| format!("{}:{text}", place.prefix()), " or ");
            Err(PlaceError::Ambiguous { text: text.to_string(), both, choices })
        }
        (_, None) => {
            let commit = commit.map_or_else(|error| error.to_string(), |_| String::new());
            let why = format!("{}, and {commit}", what_is_there(path));
            Err(PlaceError::Unknown { text: text.to_string(), why })
        }
    }
}

/// What keeps a path from being a side.
fn what_is_there(path: &Path) -> String {
    if path.is_dir() {
        let below = path.join("kernels");
        let hint = if has_kernels(&below) { format!(" (they are in {})", below.display()) } else { String::new() };
        return format!("the folder has neither a run.json nor kernels{hint}");
    }
    if path.exists() {
        "the file cannot be executed".to_string()
    } else {
        "there is no such file or folder".to_string()
    }
}

fn kernels(text: &str, name: &str) -> Result<Place, PlaceError> {
    let path = Path::new(name);
    if has_kernels(path) {
        return Ok(Place::Kernels(path.to_path_buf()));
    }
    let why = if path.is_dir() {
        "it has no .hip files, at most one folder down; name a folder laid out like kernels/"
    } else {
        "there is no such folder; name one laid out like kernels/"
    };
    Err(PlaceError::NoSuch { text: text.to_string(), wanted: "folder of kernels", why: why.to_string() })
}

fn program(text: &str, name: &str) -> Result<Place, PlaceError> {
    let path = Path::new(name);
    if is_program(path) {
        return Ok(Place::Program(path.to_path_buf()));
    }
    let why = "there is no file of that name that can be executed; name a hipgauge program".to_string();
    Err(PlaceError::NoSuch { text: text.to_string(), wanted: "program", why })
}

/// Whether a folder has `.hip` files, itself or in one of its folders.
pub(super) fn has_kernels(path: &Path) -> bool {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_kernel = |path: &Path| path.is_file() && path.extension().is_some_and(|extension| extension == "hip");
    entries(path).any(|below| is_kernel(&below) || entries(&below).any(|file| is_kernel(&file)))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> &str {
        path.to_str().expect("UTF-8")
    }

    #[test]
    fn files_and_folders_tell_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let [run, kernels, tool, plain] = ["run", "kernels", "tool", "plain"].map(|name| folder.path().join(name));
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("run.json"), "{}").unwrap();
        fs::create_dir_all(kernels.join("mlp")).unwrap();
        fs::write(kernels.join("mlp/a.hip"), "").unwrap();
        for file in [&tool, &plain] {
            fs::write(file, "").unwrap();
        }
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let read = |path: &Path| Place::read(text(path), folder.path());
        assert_eq!(read(&run).unwrap(), Place::Run(run.clone()));
        assert_eq!(read(&kernels).unwrap(), Place::Kernels(kernels.clone()));
        assert_eq!(read(&tool).unwrap(), Place::Program(tool.clone()));
        let error = read(&plain).unwrap_err().to_string();
        assert!(error.contains("cannot be executed") && error.contains("is not a run directory"), "{error}");
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("they are in") && error.contains("/kernels)"), "{error}");
        let error = read(&folder.path().join("absent")).unwrap_err().to_string();
        assert!(error.contains("no such file") && error.contains("`commit:`"), "{error}");
        // A folder that is two things is asked about, and a word in front answers.
        fs::write(kernels.join("run.json"), "{}").unwrap();
        let error = read(&kernels).unwrap_err().to_string();
        let name = text(&kernels);
        assert!(error.contains(&format!("run:{name} or kernels:{name}")), "{error}");
        assert_eq!(Place::read(&format!("kernels:{name}"), folder.path()).unwrap(), Place::Kernels(kernels.clone()));
        assert_eq!(Place::read(&format!("run:{name}"), folder.path()).unwrap(), Place::Run(kernels));
    }

    #[test]
    fn a_word_in_front_must_be_true() {
        let folder = tempfile::tempdir().unwrap();
        let empty = format!("kernels:{}", folder.path().display());
        for bad in ["kernels:absent", "program:absent", "commit:absent", &empty] {
            let error = Place::read(bad, folder.path()).unwrap_err().to_string();
            assert!(error.contains(bad) && error.contains("names no"), "{error}");
        }
    }
}

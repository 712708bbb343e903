//! From what a side's name means to what a worker runs.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::regression::bisect::{Commit, GraderError};
use crate::regression::grading::Source;
use crate::regression::repository::{Measured, RepositoryError, read_commit};
use crate::regression::worker::Target;

use super::place::Place;

/// A side that is ready to be measured.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// As it was asked for: `HEAD~1`, `kernels:mine`.
    pub name: String,
    pub target: Target,
    /// The commit, if it is one.
    pub commit: Option<Commit>,
    /// What was made to have it, in words; nothing for a folder or a program that is there.
    pub made: Option<String>,
    /// Wall seconds that it took.
    pub seconds: f64,
}

/// A side that cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error(
        "{name} is a run directory; only two runs can be compared with each other, or measure against one with \
             `hipgauge gate --baseline {name}`"
    )]
    IsRun { name: String },
    /// A commit that does not build, or has no kernels.
    #[error("{name} cannot be measured: {why}")]
    Unbuildable { name: String, why: String },
    #[error("stopped")]
    Interrupted,
    #[error("{0}")]
    Trouble(String),
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error("cannot find this program's own file: {0}; start it by its full path")]
    NoProgram(std::io::Error),
}

/// Makes sides of names.
pub struct Maker<'a> {
    /// Where commits come from; `None` where no side is one.
    pub source: Option<&'a Source>,
    /// Arguments that choose the device.
    pub device: &'a [String],
    pub stop: &'a AtomicBool,
}

impl Maker<'_> {
    /// Makes a side: writes a commit's kernels to the cache or builds its program. `role` (`base`, `candidate`) and `name`
    /// are what messages call it.
    pub fn make(&self, place: &Place, role: &str, name: &str) -> Result<Contestant, MakeError> {
        let label = format!("{role} {name}");
        let ready = |target: Target| Contestant {
            name: name.to_string(),
            target: Target { label: label.clone(), ..target },
            commit: None,
            made: None,
            seconds: 0.0,
        };
        let this_program =
            |kernels| Target::this_program(&label, kernels, self.device.to_vec()).map_err(MakeError::NoProgram);
        match place {
            Place::Run(_) => Err(MakeError::IsRun { name: name.to_string() }),
            Place::Kernels(folder) => Ok(ready(this_program(Some(absolute(folder)))?)),
            Place::Program(file) => {
                let program = absolute(file);
                Ok(ready(Target { label: label.clone(), program, kernels: None, device: self.device.to_vec() }))
            }
            Place::Commit(revision) => {
                let start = Instant::now();
                let Some(source) = self.source else {
                    return Err(MakeError::Trouble(format!("{name} is a commit, and there is no repository")));
                };
                let (commit, target) = self.of_commit(source, revision, name)?;
                let made = match &source.recipe {
                    Some(recipe) => format!("program of {} built by `{}`", commit.short(), recipe.command),
                    None => format!("{} of {}", source.kernels, commit.short()),
                };
                let seconds = start.elapsed().as_secs_f64();
                Ok(Contestant { commit: Some(commit), made: Some(made), seconds, ..ready(target) })
            }
        }
    }

    fn of_commit(&self, source: &Source, revision: &str, name: &str) -> Result<(Commit, Target), MakeError> {
        let measured = match &source.recipe {
            Some(_) => Measured::Everything,
            None => Measured::Folder(source.kernels.clone()),
        };
        let commit = read_commit(&source.git, revision, &measured)?;
        if let (None, Measured::Folder(folder)) = (&commit.measured, &measured) {
            let why =
                format!("it has no folder {folder}; name the folder of kernels inside of the commits with --kernels");
            return Err(MakeError::Unbuildable { name: name.to_string(), why });
        }
        let target = source.target(&commit, self.stop).map_err(|error| match error {
            GraderError::Interrupted => MakeError::Interrupted,
            GraderError::Trouble(why) => MakeError::Trouble(why),
        })?;
        match target {
            Ok(target) => Ok((commit, target)),
            Err(why) => Err(MakeError::Unbuildable { name: name.to_string(), why }),
        }
    }
}

/// Workers may be started again later, from another folder or not.
fn absolute(path: &Path) -> std::path::PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

impl Contestant {
    /// The line that verifies a case on this side again.
    pub fn reproduce(&self, case: &str) -> String {
        let this = std::env::current_exe().is_ok_and(|program| program == self.target.program);
        let program = if this { "hipgauge".to_string() } else { self.target.program.display().to_string() };
        let mut words = vec![program, "verify".to_string()];
        words.extend(self.target.device.iter().cloned());
        if let Some(kernels) = &self.target.kernels {
            words.extend(["--kernels".to_string(), kernels.display().to_string()]);
        }
        words.extend(["--case".to_string(), case.to_string()]);
        words.iter().map(|word| crate::regression::bisect::quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

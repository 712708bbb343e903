//! From a commit to what a worker runs.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::regression::bisect::{Commit, GraderError};
use crate::regression::repository::{Built, Cache, Git, Recipe, snapshot};
use crate::regression::worker::Target;

/// Where commits come from, and what of them is measured.
#[derive(Clone, Debug)]
pub struct Source {
    pub git: Git,
    pub cache: Cache,
    /// Builds each commit's own program; `None` measures its kernels with this program.
    pub recipe: Option<Recipe>,
    /// The folder of kernels, for messages.
    pub kernels: String,
    /// Arguments that choose the device.
    pub device: Vec<String>,
}

impl Source {
    /// What to run for a commit; `Err` inside says in a sentence why there is nothing.
    pub fn target(&self, commit: &Commit, stop: &AtomicBool) -> Result<Result<Target, String>, GraderError> {
        let Some(measured) = &commit.measured else {
            return Ok(Err(format!("it has no folder {}", self.kernels)));
        };
        let trouble = |error: &dyn std::fmt::Display| GraderError::Trouble(error.to_string());
        let label = commit.short().to_string();
        let device = self.device.clone();
        match &self.recipe {
            None => {
                let kernels = snapshot(&self.git, &self.cache, measured).map_err(|error| trouble(&error))?;
                Target::this_program(&label, Some(kernels), device).map(Ok).map_err(|error: io::Error| trouble(&error))
            }
            Some(recipe) => {
                let built = recipe.build(&self.git, &self.cache, (&commit.id, measured), stop);
                match built.map_err(|error| trouble(&error))? {
                    Built::Program(program) => Ok(Ok(Target { label, program, kernels: None, device })),
                    Built::Failed(why) => Ok(Err(why)),
                    Built::Interrupted => Err(GraderError::Interrupted),
                }
            }
        }
    }

    /// Keeps a compiler's words on a commit; gives the file, or nothing if it cannot be written.
    pub fn keep_log(&self, commit: &Commit, text: &str) -> Option<PathBuf> {
        let name = commit.measured.as_deref().unwrap_or(&commit.id);
        let path = self.cache.folder("logs").ok()?.join(format!("{name}.log"));
        std::fs::write(&path, text).ok().map(|()| path)
    }
}

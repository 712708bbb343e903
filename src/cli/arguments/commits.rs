//! Where commits come from, and what of them is measured.

use std::path::{Component, PathBuf};
use std::time::Duration;

use clap::Args;
use hipgauge::regression::grading::Source;
use hipgauge::regression::repository::{Cache, Git, Recipe};

use crate::cli::exit_code::Exit;
use crate::cli::failure::{Failure, OrExit};

use super::device::DeviceArguments;
use super::limits::seconds;

/// The folder of kernels in a commit, unless another is named.
const KERNELS: &str = "kernels";

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Commits")]
pub struct CommitArguments {
    /// The repository that commits are taken from
    #[arg(long, visible_alias = "repo", value_name = "DIR", default_value = ".")]
    pub repository: PathBuf,

    /// Build each commit's own program with this shell command instead of taking its kernels
    #[arg(long, value_name = "COMMAND", requires = "program")]
    pub build: Option<String>,

    /// The program that --build makes, from the top of the commit
    #[arg(long, value_name = "PATH", requires = "build")]
    pub program: Option<PathBuf>,

    /// Give a build up after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "3600", requires = "build")]
    pub build_timeout: Duration,

    /// Keep private copies, builds and searches of commits here [default: the user's cache directory]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

impl CommitArguments {
    /// The folder of kernels in each commit, as git names it.
    pub fn kernels(&self, device: &DeviceArguments) -> Result<String, Failure> {
        let Some(folder) = &device.kernels else { return Ok(KERNELS.to_string()) };
        let plain = folder.components().all(|part| matches!(part, Component::Normal(_)));
        match folder.to_str().map(|text| text.trim_end_matches('/')) {
            Some(text) if plain && !text.is_empty() && !text.contains('\n') => Ok(text.to_string()),
            _ => Err(Failure::usage(format!(
                "--kernels {} must be the folder's path inside of each commit, such as {KERNELS}",
                folder.display()
            ))),
        }
    }

    /// The cache that was named, or the user's.
    pub fn cache(&self) -> Result<Cache, Failure> {
        let root = self.cache.clone().unwrap_or_else(Cache::default_root);
        Cache::open(&root).or_exit(Exit::Usage)
    }

    /// `words` choose the device of what is made.
    pub fn source(&self, device: &DeviceArguments, words: Vec<String>) -> Result<Source, Failure> {
        let git = Git::open(&self.repository).or_exit(Exit::Usage)?;
        let recipe = self.build.clone().zip(self.program.clone()).map(|(command, program)| Recipe {
            command,
            program,
            limit: self.build_timeout,
        });
        Ok(Source { git, cache: self.cache()?, recipe, kernels: self.kernels(device)?, device: words })
    }
}

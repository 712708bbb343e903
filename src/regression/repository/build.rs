//! Builds a commit's own program.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::cache::{Cache, remove};
use super::error::RepositoryError;
use super::git::{Git, clean_environment};
use super::snapshot::write_tree;
use crate::regression::worker::die_with;

/// How often a running build is looked at.
const PATIENCE: Duration = Duration::from_millis(20);

/// How a commit becomes a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// For `sh -c`, run at the top of the commit's files.
    pub command: String,
    /// The program that it makes, from there.
    pub program: PathBuf,
    /// A build that takes longer is killed.
    pub limit: Duration,
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Built {
    Program(PathBuf),
    /// A sentence that names the log.
    Failed(String),
    Interrupted,
}

impl Recipe {
    /// Builds a tree, or takes what an earlier build of it made. Failures are not remembered. Everything that the
    /// build says goes to a file in `logs/`.
    pub fn build(
        &self,
        git: &Git,
        cache: &Cache,
        (commit, tree): (&str, &str),
        stop: &AtomicBool,
    ) -> Result<Built, RepositoryError> {
        let digest = Sha256::digest(format!("{}\0{}", self.command, self.program.display()));
        let key: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let folder = cache.folder(&format!("builds/{key}"))?.join(tree);
        let done = folder.with_extension("done");
        let program = folder.join(&self.program);
        if done.exists() && program.exists() {
            return Ok(Built::Program(program));
        }
        // What a killed build left is no base for another one.
        remove(&folder)?;
        write_tree(git, cache, tree, &folder)?;
        let log = cache.folder("logs")?.join(format!("{tree}.{key}.log"));
        let failed = |what: String| Ok(Built::Failed(format!("{what}; its output is in {}", log.display())));
        let Some(status) = self.run(commit, &folder, &log, stop)? else {
            return if stop.load(Ordering::Relaxed) {
                Ok(Built::Interrupted)
            } else {
                failed(format!("the build took more than {} s and was killed", self.limit.as_secs_f64()))
            };
        };
        if !status.success() {
            return failed(format!("the build failed ({status})"));
        }
        if !program.is_file() {
            return failed(format!("the build made no {}", self.program.display()));
        }
        fs::write(&done, commit).map_err(|error| RepositoryError::cache("write", &done, error))?;
        Ok(Built::Program(program))
    }

    /// `None` if it was killed.
    fn run(
        &self,
        commit: &str,
        folder: &Path,
        log: &Path,
        stop: &AtomicBool,
    ) -> Result<Option<std::process::ExitStatus>, RepositoryError> {
        let file = File::create(log).map_err(|error| RepositoryError::cache("write", log, error))?;
        let copy = file.try_clone().map_err(|error| RepositoryError::cache("write", log, error))?;
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).current_dir(folder).env("HIPGAUGE_BISECT_COMMIT", commit);
        clean_environment(&mut command);
        command.stdin(Stdio::null()).stdout(file).stderr(copy).process_group(0);
        let parent = std::process::id();
        // SAFETY: between fork and exec the closure calls only `prctl` and `getppid`, which are async-signal-safe, and
        // allocates nothing.
        unsafe { command.pre_exec(move || die_with(parent)) };
        let mut child = command.spawn().map_err(|error| RepositoryError::cache("start a build in", folder, error))?;
        let start = Instant::now();
        loop {
            let waited =
                child.try_wait().map_err(|error| RepositoryError::cache("wait for a build in", folder, error))?;
            if let Some(status) = waited {
                return Ok(Some(status));
            }
            if stop.load(Ordering::Relaxed) || start.elapsed() >= self.limit {
                kill_group(&mut child);
                return Ok(None);
            }
            std::thread::sleep(PATIENCE);
        }
    }
}

/// Kills a build with all that it started.
fn kill_group(child: &mut Child) {
    // SAFETY: the child was not waited for, so its id, which is its group's, names no other process.
    unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
    let _ = child.wait();
}

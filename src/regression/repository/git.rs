//! The git command, run so that it reads and never writes to the user's repository.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use super::error::RepositoryError;

/// Variables that would send git to another repository or index than the one that is meant; hooks and
/// `git bisect run` may set them.
const REDIRECTIONS: &[&str] =
    &["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"];

/// Settings of the user's that have git write beside the index, start a daemon, run a hook, or leave files out.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "core.sparseCheckout=false",
    "core.untrackedCache=false",
    "i18n.logOutputEncoding=UTF-8",
];

/// A repository that is only read.
#[derive(Clone, Debug)]
pub struct Git {
    /// Where it was asked for, for messages.
    folder: PathBuf,
    /// Its `.git`.
    directory: PathBuf,
}

impl Git {
    /// The repository that `folder` is in.
    pub fn open(folder: &Path) -> Result<Self, RepositoryError> {
        let mut git = Self { folder: folder.to_path_buf(), directory: PathBuf::new() };
        let mut command = Command::new("git");
        clean_environment(&mut command);
        command.arg("-C").arg(folder).args(["rev-parse", "--absolute-git-dir"]);
        let output = git.finish(command, "rev-parse --absolute-git-dir", &[])?;
        git.directory = PathBuf::from(text(&output).trim_end_matches('\n'));
        Ok(git)
    }

    /// Where it was asked for.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The repository's own directory: `.git`, or the whole of a bare one.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The top of the checkout that the folder is in.
    pub fn top(&self) -> Result<PathBuf, RepositoryError> {
        let mut command = Command::new("git");
        clean_environment(&mut command);
        command.arg("-C").arg(&self.folder).args(["rev-parse", "--show-toplevel"]);
        let output = self.finish(command, "rev-parse --show-toplevel", &[])?;
        Ok(PathBuf::from(text(&output).trim_end_matches('\n')))
    }

    /// The hash of a commit.
    pub fn resolve(&self, revision: &str) -> Result<String, RepositoryError> {
        let wanted = format!("{revision}^{{commit}}");
        let output = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]);
        let no_commit = || RepositoryError::NoCommit { folder: self.folder.clone(), revision: revision.to_string() };
        match output {
            Ok(hash) => Some(hash.trim().to_string()).filter(|hash| !hash.is_empty()).ok_or_else(no_commit),
            Err(RepositoryError::Git { .. }) => Err(no_commit()),
            Err(error) => Err(error),
        }
    }

    /// What git prints.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<String, RepositoryError> {
        self.run_with(arguments, &[])
    }

    /// What git prints after reading `input`.
    pub(super) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Result<String, RepositoryError> {
        let mut command = self.command();
        command.args(arguments);
        Ok(text(&self.finish(command, &arguments.join(" "), input)?))
    }

    /// Whether git says yes (0) or no (1).
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<bool, RepositoryError> {
        let mut command = self.command();
        command.args(arguments);
        let output = self.output(command, &[])?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(self.failure(&arguments.join(" "), &output)),
        }
    }

    /// Writes the files of a tree to an empty folder, through an index of its own at `index`.
    pub(super) fn write_tree(&self, tree: &str, index: &Path, folder: &Path) -> Result<(), RepositoryError> {
        let with_index = || {
            let mut command = self.command();
            command.env("GIT_INDEX_FILE", index).current_dir(folder);
            command
        };
        let mut read = with_index();
        read.args(["read-tree", tree]);
        self.finish(read, &format!("read-tree {tree}"), &[])?;
        let mut write = with_index();
        // An argument and not an environment variable: a variable would reach the filters that git may run.
        write.arg("--work-tree").arg(folder).args(["checkout-index", "--all", "--force"]);
        self.finish(write, &format!("checkout-index of {tree}"), &[])?;
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        clean_environment(&mut command);
        SETTINGS.iter().for_each(|setting| _ = command.arg("-c").arg(setting));
        command.arg("--git-dir").arg(&self.directory);
        command
    }

    fn finish(&self, command: Command, name: &str, input: &[u8]) -> Result<Output, RepositoryError> {
        let output = self.output(command, input)?;
        if output.status.success() { Ok(output) } else { Err(self.failure(name, &output)) }
    }

    fn failure(&self, name: &str, output: &Output) -> RepositoryError {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_string();
        let message = if message.is_empty() { output.status.to_string() } else { message };
        RepositoryError::Git { folder: self.folder.clone(), command: name.to_string(), message }
    }

    fn output(&self, mut command: Command, input: &[u8]) -> Result<Output, RepositoryError> {
        // No lock that a command of the user's could meet, and no question that nobody answers.
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let no_git = |error| RepositoryError::NoGit { error };
        let mut child = command.spawn().map_err(no_git)?;
        let mut stdin = child.stdin.take().expect("stdin is piped");
        thread::scope(|scope| {
            scope.spawn(move || {
                // A git that does not read on says why itself.
                let _ = stdin.write_all(input);
            });
            child.wait_with_output().map_err(no_git)
        })
    }
}

/// Takes away what would send git, or a build that asks git, to another repository.
pub(super) fn clean_environment(command: &mut Command) {
    REDIRECTIONS.iter().for_each(|name| _ = command.env_remove(name));
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

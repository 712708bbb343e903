//! Real git repositories for tests, made in one go by `git fast-import`.

// Each test program uses a part of this.
#![allow(dead_code)]

pub mod slow_kernels;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

/// A commit to be made: its parents by number, and the files that it has beside those of its first parent.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    pub parents: Vec<usize>,
    pub files: Vec<(String, String)>,
    pub message: String,
}

impl Planned {
    pub fn new(parents: &[usize], message: &str) -> Self {
        Self { parents: parents.to_vec(), files: Vec::new(), message: message.to_string() }
    }

    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_string(), text.to_string()));
        self
    }
}

/// A repository with a checkout of its last commit, deleted when dropped.
pub struct Repository {
    folder: tempfile::TempDir,
    /// Hashes in the order of the plan.
    pub hashes: Vec<String>,
}

impl Repository {
    pub fn new(plan: &[Planned]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = Self { folder, hashes: Vec::new() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.git(&["config", "user.name", "Test"]);
        repository.git(&["config", "user.email", "test@example.com"]);
        let marks = repository.path().join(".git/marks");
        let mut import = Command::new("git");
        import.current_dir(repository.path()).args(["fast-import", "--quiet", "--force"]);
        import.arg(format!("--export-marks={}", marks.display())).stdin(Stdio::piped());
        let mut child = import.spawn().expect("git runs");
        child.stdin.take().expect("piped").write_all(stream(plan).as_bytes()).expect("git reads");
        assert!(child.wait().expect("git ends").success());
        let by_mark: BTreeMap<usize, String> = fs::read_to_string(&marks)
            .expect("marks")
            .lines()
            .map(|line| line[1..].split_once(' ').expect("a mark and a hash"))
            .map(|(mark, hash)| (mark.parse().expect("a number"), hash.to_string()))
            .collect();
        fs::remove_file(marks).expect("it is there");
        repository.git(&["reset", "--quiet", "--hard", "main"]);
        Self { hashes: by_mark.into_values().collect(), ..repository }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What git prints.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git").current_dir(self.path()).args(arguments).output().expect("git runs");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    }

    /// Leaves the checkout as a busy person would: changes that are staged, changes that are not, new files, a stash, and
    /// hooks that fail and say so.
    pub fn make_dirty(&self) {
        self.write("README", "stashed\n");
        self.git(&["stash", "--quiet"]);
        self.write("README", "staged\n");
        self.git(&["add", "README"]);
        self.write("README", "not staged\n");
        self.write("new file", "untracked\n");
        for hook in ["post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc", "post-rewrite"] {
            let path = self.path().join(".git/hooks").join(hook);
            self.write(&format!(".git/hooks/{hook}"), "#!/bin/sh\necho ran >> \"$(dirname \"$0\")/ran\"\nexit 1\n");
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        self.git(&["config", "core.splitIndex", "true"]);
        self.git(&["config", "core.untrackedCache", "true"]);
        self.git(&["config", "core.fsmonitor", "false"]);
    }

    /// Paths and contents of everything in the checkout and in `.git`.
    pub fn contents(&self) -> BTreeMap<PathBuf, String> {
        let mut contents = BTreeMap::new();
        let mut left = vec![self.path().to_path_buf()];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                contents.insert(path.clone(), "folder".to_string());
                left.extend(fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path()));
            } else {
                let digest = Sha256::digest(fs::read(&path).expect("readable"));
                contents.insert(path, digest.iter().map(|byte| format!("{byte:02x}")).collect());
            }
        }
        contents
    }
}

/// The plan as fast-import reads it. Commit dates follow the plan, so that hashes are the same every time.
fn stream(plan: &[Planned]) -> String {
    let mut text = String::new();
    for (number, commit) in plan.iter().enumerate() {
        let time = 1_700_000_000 + 60 * number;
        text.push_str(&format!("commit refs/heads/main\nmark :{}\n", number + 1));
        text.push_str(&format!("committer Test <test@example.com> {time} +0000\n"));
        text.push_str(&format!("data {}\n{}\n", commit.message.len(), commit.message));
        for (place, parent) in commit.parents.iter().enumerate() {
            text.push_str(&format!("{} :{}\n", if place == 0 { "from" } else { "merge" }, parent + 1));
        }
        for (path, content) in &commit.files {
            text.push_str(&format!("M 100644 inline {path}\ndata {}\n{content}\n", content.len()));
        }
    }
    text.push_str("done\n");
    text
}

//! The files of a commit in a private folder.
//!
//! Not `git worktree add`: a worktree leaves a record in the user's `.git` that a killed process cannot take back, and it
//! runs the user's post-checkout hook. A tree written through an index of our own leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache::{Cache, remove};
use super::error::RepositoryError;
use super::git::Git;

/// The folder with the files of a tree object, written when it is first asked for. It is whole whenever it is there.
pub fn snapshot(git: &Git, cache: &Cache, tree: &str) -> Result<PathBuf, RepositoryError> {
    let folder = cache.folder("trees")?.join(tree);
    if !folder.exists() {
        write_tree(git, cache, tree, &folder)?;
    }
    Ok(folder)
}

/// Writes a tree to `folder`, which is not there yet, in one move.
pub(super) fn write_tree(git: &Git, cache: &Cache, tree: &str, folder: &Path) -> Result<(), RepositoryError> {
    let partial = cache.partial(tree)?;
    let index = cache.partial(&format!("{tree}.index"))?;
    remove(&partial)?;
    fs::create_dir(&partial).map_err(|error| RepositoryError::cache("make", &partial, error))?;
    let written = git.write_tree(tree, &index, &partial);
    let removed = remove(&index);
    written.and(removed)?;
    match fs::rename(&partial, folder) {
        // Another process was faster, with the same files.
        Err(_) if folder.exists() => remove(&partial),
        Err(error) => Err(RepositoryError::cache("make", folder, error)),
        Ok(()) => Ok(()),
    }
}
